"""What a journal consists of: everything that happened in a study, one immutable value each.

A study's state is the fold of its events (``record.py``), so what is not an event did not happen.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lib_rimo.errors import JournalError

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """The study was set up. Always the first event, exactly once.

    Attributes:
        study: Its id.
        settings: ``StudySettings.to_json()``.
        sources: Base first: ``{"name", "fingerprint", "path"}`` of each checkpoint.
        partition: Name of the partition, as recipes have it.
        groups: The groups that are searched, in the order of the weights' columns.
        notes: What the preflight found worth saying.
        layout: Size, steps, guidance, sampler that were resolved from the model's defaults.
        batch: Images per batch; part of the journal since another batching draws other last bits.
        versions: Versions of the libraries that the numbers depend on.
    """

    kind: ClassVar[str] = "opened"
    study: str
    settings: dict[str, Any]
    sources: tuple[dict[str, str], ...]
    partition: str
    groups: tuple[str, ...]
    notes: tuple[str, ...]
    layout: dict[str, Any]
    batch: int
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class GridDrawn:
    """The sample grid of an epoch was drawn (0: of the base)."""

    kind: ClassVar[str] = "grid"
    epoch: int
    files: tuple[str, ...]
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EpochBegun:
    """An epoch began with these partners (names)."""

    kind: ClassVar[str] = "epoch"
    epoch: int
    partners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrialAsked:
    """The search proposed a recipe: weights ``(n_partners, n_groups)``, to be met with these prompts."""

    kind: ClassVar[str] = "asked"
    weights: Rows
    prompt_ids: tuple[int, ...]
    stage: str


@dataclass(frozen=True, slots=True)
class ImagesScored:
    """A batch of a trial was drawn and scored, in the order of the trial's prompts.

    Attributes:
        scores: ``ImageScore.to_json()`` of each image.
        seconds: Wall time of swap, drawing and tagging.
    """

    kind: ClassVar[str] = "images"
    scores: tuple[Any, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialDone:
    """All images of the asked trial are scored; what the search now believes of its best recipe.

    Attributes:
        best: Estimated accuracy of the best recipe.
        low: Lower end of its 95 % interval.
        high: Upper end.
        recipe: Plain form of that recipe, over the study's files.
    """

    kind: ClassVar[str] = "trial"
    best: float
    low: float
    high: float
    recipe: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EpochDone:
    """The epoch's budget is spent; this recipe is the next base."""

    kind: ClassVar[str] = "winner"
    epoch: int
    recipe: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """A batch of unseen prompts was drawn by one arm (``base``, a partner's name, ``uniform``, ``merged``)."""

    kind: ClassVar[str] = "measured"
    arm: str
    scores: tuple[Any, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint was written."""

    kind: ClassVar[str] = "saved"
    file: str
    recipe: dict[str, Any]


Event = Opened | GridDrawn | EpochBegun | TrialAsked | ImagesScored | TrialDone | EpochDone | Measured | Saved
_KINDS: dict[str, type[Event]] = {cls.kind: cls for cls in typing.get_args(Event)}


def to_json(event: Event) -> dict[str, Any]:
    """The event as plain values, its kind under ``"t"``."""
    return {"t": event.kind, **dataclasses.asdict(event)}


def from_json(data: object) -> Event:
    """Reads what ``to_json`` wrote.

    Raises:
        JournalError: It is none of the known events.
    """
    if not isinstance(data, Mapping) or data.get("t") not in _KINDS:
        raise JournalError("The journal holds something that is no event", found=str(data)[:80])
    cls = _KINDS[data["t"]]
    fields = {f.name for f in dataclasses.fields(cls)}
    if missing := fields - set(data):
        raise JournalError("The journal holds an incomplete event", found=f"{cls.kind} without {missing}")
    hints = typing.get_type_hints(cls)
    return cls(**{name: _frozen(hints[name], data[name]) for name in fields})


def _frozen(hint: Any, value: Any) -> Any:
    """JSON's lists back to tuples where the event has tuples."""
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        inner = typing.get_args(hint)[0]
        return tuple(_frozen(inner, item) for item in value)
    if isinstance(hint, types.UnionType):
        return value
    return value
