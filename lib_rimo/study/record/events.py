"""What a journal consists of: everything that happened in a study, one immutable value each.

A study's state is the fold of its events (``record.py``), so what is not an event did not happen.

What a journal holds beyond what this program knows is no fault of it: a field that is not known is left out, an event
of a kind that is not known is an ``Unknown`` one. Both stay in the file, to which lines are only ever added. Formats:

1   no number; one trial at a time, without an id (``format1.py`` reads it)
2   ``opened`` has the number; every trial has an id, so that several can be open at once and end in any order
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lib_rimo import said
from lib_rimo.errors import JournalError
from lib_rimo.said import say

Rows = tuple[tuple[float, ...], ...]

FORMAT = 2
"""Of the journals that are written."""

PAIR = 2
"""Pictures of one prompt that tell how much its pictures vary."""


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
        started: When, ISO 8601 in UTC; empty in journals from before this was kept.
        format: Of the journal. A study that is gone on with keeps the number that it began with.
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
    started: str = ""
    format: int = FORMAT


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
    """The search proposed a recipe.

    Attributes:
        trial: Its id: 1, 2, 3 in the order in which they were asked for. Later events name it.
        weights: Shape ``(n_partners, n_groups)``.
        prompt_ids: The prompts that it is to be met with.
        stage: The search's name for it.
    """

    kind: ClassVar[str] = "asked"
    trial: int
    weights: Rows
    prompt_ids: tuple[int, ...]
    stage: str


@dataclass(frozen=True, slots=True)
class ImagesScored:
    """A batch of a trial was drawn and scored, in the order of the trial's prompts.

    Attributes:
        trial: Its id.
        scores: ``ImageScore.to_json()`` of each image.
        seconds: Wall time of swap, drawing and scoring.
    """

    kind: ClassVar[str] = "images"
    trial: int
    scores: tuple[Any, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialDone:
    """All images of a trial are scored; what the search now believes of its best recipe.

    Attributes:
        trial: Its id.
        best: Estimated accuracy of the best recipe.
        low: Lower end of its 95 % interval.
        high: Upper end.
        recipe: Plain form of that recipe, over the study's files.
    """

    kind: ClassVar[str] = "trial"
    trial: int
    best: float
    low: float
    high: float
    recipe: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EpochDone:
    """The epoch's budget is spent; this recipe is the next base.

    Attributes:
        epoch: Its number.
        recipe: Plain form of the winner.
        single: Plain form of the best recipe met that has one weight per partner; None where none was met, and in
            journals from before it was kept.
        single_gain: How much better than what the epoch began with the search takes that one to be.
    """

    kind: ClassVar[str] = "winner"
    epoch: int
    recipe: dict[str, Any]
    single: dict[str, Any] | None = None
    single_gain: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A batch of unseen prompts was drawn by one arm.

    Attributes:
        arm: ``base``, a partner's name, ``uniform``, ``merged`` (the last winner), ``epoch 1`` (an earlier one),
            ``single`` (the best mix with one weight per partner).
        scores: ``ImageScore.to_json()`` of each image.
        seconds: Wall time of swap, drawing and tagging.
        looks: ``image_statistics.statistics`` of each image; empty in journals from before they were kept.
    """

    kind: ClassVar[str] = "measured"
    arm: str
    scores: tuple[Any, ...]
    seconds: float
    looks: Rows = ()


@dataclass(frozen=True, slots=True)
class PairsDrawn:
    """A batch of unseen prompts was drawn twice each, to see how much the pictures of one prompt vary.

    Attributes:
        recipe: ``plan.identity`` of what drew them.
        likenesses: Of each prompt's pictures, in the order of the prompts.
        seconds: Wall time of swap, drawing and tagging.
    """

    kind: ClassVar[str] = "pairs"
    recipe: str
    likenesses: tuple[float, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class VarietyJudged:
    """It was decided whether the pictures of an epoch's winner vary enough (``diversity_floor.judge``).

    Attributes:
        epoch: The one that is done.
        kept: Whether they do; otherwise the next epoch begins with what this one began with.
        winner: Diversity of the winner's pictures, an interval.
        began: Of what the epoch began with.
        left: What the winner has above the floor.
    """

    kind: ClassVar[str] = "variety"
    epoch: int
    kept: bool
    winner: dict[str, Any]
    began: dict[str, Any]
    left: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Watched:
    """The signs of all epochs so far were looked at. It stands in the place of every such event before it.

    Attributes:
        epoch: The last one finished.
        final: Whether everything is measured, so that no more is to come.
        signs: One per epoch, the base first: fields of ``results.EpochSigns`` without the warnings.
        drift_limit: Largest drift of a mix between its parents.
        outlook: Fields of ``results.Outlook``; None where nothing can be said of another epoch.
    """

    kind: ClassVar[str] = "signs"
    epoch: int
    final: bool
    signs: tuple[dict[str, Any], ...]
    drift_limit: float
    outlook: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Concluded:
    """Everything is measured; the result as it is shown (``results.result_to_json``).

    It follows from the scores and the tags of the prompts. It is kept because the tags come from the tagger, which
    need not be there when a study is looked at again.
    """

    kind: ClassVar[str] = "result"
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint was written."""

    kind: ClassVar[str] = "saved"
    file: str
    recipe: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that this program does not know of, or cannot read any more. It changes nothing.

    Attributes:
        line: As it stands in the journal.
    """

    kind: ClassVar[str] = ""
    line: dict[str, Any]


Event = (
    Opened
    | GridDrawn
    | EpochBegun
    | TrialAsked
    | ImagesScored
    | TrialDone
    | EpochDone
    | Measured
    | PairsDrawn
    | VarietyJudged
    | Watched
    | Concluded
    | Saved
    | Unknown
)
_KINDS: dict[str, type[Event]] = {cls.kind: cls for cls in typing.get_args(Event) if cls is not Unknown}


def to_json(event: Event) -> dict[str, Any]:
    """The event as plain values, its kind under ``"t"``; what was said with its template and values."""
    if isinstance(event, Unknown):
        return event.line
    plain = {"t": event.kind, **dataclasses.asdict(event)}
    if isinstance(event, Opened):
        plain["notes"] = said.to_json(event.notes)
    return plain


def from_json(data: object, *, newer: bool = False) -> Event:
    """Reads what ``to_json`` wrote, by this program or by another version of it.

    Args:
        data: One line's.
        newer: The journal has a newer format, whose events may lack what ours cannot do without.

    Raises:
        JournalError: It is no event, or one of ours that is incomplete.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("t"), str):
        raise JournalError("The journal holds something that is no event", found=str(data)[:80])
    cls = _KINDS.get(data["t"])
    if cls is None:
        return Unknown(dict(data))
    depths, required = _shape(cls.kind)
    if missing := required - set(data):
        if newer and cls is not Opened:
            return Unknown(dict(data))
        raise JournalError(
            "The journal holds an incomplete event", found=say("{1} without {2}", cls.kind, missing)
        )
    if cls is Opened:
        data = {**data, "notes": said.from_json(data["notes"])}
    return cls(**{name: _frozen(depth, data[name]) for name, depth in depths.items() if name in data})


@functools.cache
def _shape(kind: str) -> tuple[dict[str, int], frozenset[str]]:
    """How deep an event's fields are tuples of tuples, and which it cannot do without; slow to find out, so kept."""
    fields = dataclasses.fields(_KINDS[kind])
    hints = typing.get_type_hints(_KINDS[kind])
    required = frozenset(f.name for f in fields if f.default is dataclasses.MISSING)
    return {f.name: _depth(hints[f.name]) for f in fields}, required


def _depth(hint: Any) -> int:
    return 1 + _depth(typing.get_args(hint)[0]) if typing.get_origin(hint) is tuple else 0


def _frozen(depth: int, value: Any) -> Any:
    """JSON's lists back to tuples where the event has tuples."""
    if not depth or not isinstance(value, list):
        return value
    return tuple(value) if depth == 1 else tuple(_frozen(depth - 1, item) for item in value)
