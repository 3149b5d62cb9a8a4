"""What the world may see of a study: one immutable value, read alike by tab, API, command line and tests."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lib_rimo.study.record.results import Result, Variety, Watch


class StudyState(str, enum.Enum):
    """Where a study is. The value is what the API says."""

    IDLE = "idle"
    """No study was started or opened yet."""
    PREPARING = "preparing"
    """Files are read and checked, the model is loaded, the first pictures are timed."""
    SEARCHING = "searching"
    """Trials of an epoch are drawn and scored."""
    MEASURING = "measuring"
    """Base, parents and winner are measured on prompts that the search never saw."""
    PAUSED = "paused"
    """The user's own weights are live; the study waits for resume or stop."""
    FINISHED = "finished"
    """The budget is spent and the result measured."""
    STOPPED = "stopped"
    """The user stopped it; the best recipe so far can be saved, and the study resumed."""
    FAILED = "failed"
    """An error ended it; what was drawn until then is kept, and the study can be resumed."""

    @property
    def active(self) -> bool:
        """Whether a thread works on it, or waits for resume."""
        return self in (self.PREPARING, self.SEARCHING, self.MEASURING, self.PAUSED)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One finished trial.

    Attributes:
        epoch: 1-based.
        trial: 1-based, within the study.
        images: Images drawn by the search up to and including this trial.
        accuracy: Raw share of prompted tags found in this trial's pictures.
        pictures: Number of pictures behind ``accuracy``.
        best: The search's estimate of the accuracy of its best recipe after this trial.
        low: Lower end of the 95 % interval of ``best``.
        high: Upper end.
        stage: What the search tried: ``base``, ``shared``, ``blocks`` or ``check``.
    """

    epoch: int
    trial: int
    images: int
    accuracy: float
    pictures: int
    best: float
    low: float
    high: float
    stage: str


@dataclass(frozen=True, slots=True)
class Grid:
    """Sample pictures after an epoch, always of the same prompts and seeds.

    Attributes:
        epoch: 0 is the base.
        files: Picture files, relative to the study's folder.
        prompts: Their prompts.
    """

    epoch: int
    files: tuple[str, ...]
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LatestPicture:
    """The picture drawn last.

    Attributes:
        file: Relative to the study's folder.
        tags: The prompted tags, each with whether the tagger found it.
    """

    file: str
    tags: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A study at one moment.

    Attributes:
        version: Grows with every change; equal versions are equal snapshots.
        state: Where the study is.
        study: Its id, which is the name of its folder; empty while idle.
        message: What it does now, one sentence for the user.
        error: What went wrong, for the user; empty if nothing did.
        base: File name of the base.
        partners: File names of all partners.
        epoch: 1-based; 0 before the first.
        epochs: How many there will be; fewer than planned once a study was ended early.
        trial: Finished trials of the study.
        mix_images: Images that the mix being tried now is met with; 0 while none is.
        mix_drawn: How many of those are drawn.
        images: Images drawn for the search.
        budget: Images that the search may draw.
        measured: Images drawn on unseen prompts.
        to_measure: Images that will be drawn on unseen prompts.
        images_per_s: Speed over the last pictures; 0 while unknown.
        eta_s: Seconds left: low, middle, high; None while unknown.
        curve: One point per finished trial.
        grids: One per finished epoch, the base's first.
        latest: The picture drawn last.
        result: The measured result; None until there is one.
        kept: Epochs that ended with the mix of an earlier one: ``(epoch, that one)``, 0 for the base.
        variety: One for each epoch whose winner was held against a diversity floor.
        watch: Signs of the epochs so far; None before the end of the first.
        recipe: The best recipe so far, plain form; None until there is one.
        live: The mix that the user's own tabs draw with, else what is in the live model now: empty for the user's own
            weights, or a name such as ``trial 14``.
        saved: Checkpoints saved from this study, file names.
        notes: What the preflight found worth saying.
    """

    version: int = 0
    state: StudyState = StudyState.IDLE
    study: str = ""
    message: str = ""
    error: str = ""
    base: str = ""
    partners: tuple[str, ...] = ()
    epoch: int = 0
    epochs: int = 0
    trial: int = 0
    mix_images: int = 0
    mix_drawn: int = 0
    images: int = 0
    budget: int = 0
    measured: int = 0
    to_measure: int = 0
    images_per_s: float = 0.0
    eta_s: tuple[float, float, float] | None = None
    curve: tuple[CurvePoint, ...] = ()
    grids: tuple[Grid, ...] = ()
    latest: LatestPicture | None = None
    result: Result | None = None
    kept: tuple[tuple[int, int], ...] = ()
    variety: tuple[Variety, ...] = ()
    watch: Watch | None = None
    recipe: Mapping[str, Any] | None = field(default=None)
    live: str = ""
    saved: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def but(self, **changes: Any) -> Snapshot:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """Plain values only: what the API sends."""
        out = dataclasses.asdict(self)
        out["state"] = self.state.value
        return out
