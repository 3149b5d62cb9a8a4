"""Everything that decides what a study does: read once at the border, in parts, and frozen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.errors import SettingsError
from lib_rimo.said import say
from lib_rimo.study.settings.images import ImageOptions
from lib_rimo.study.settings.ranges import check_budget, check_files, check_ranges
from lib_rimo.study.settings.reading import plain, read, readable, table_of
from lib_rimo.study.settings.scoring import ScoringOptions
from lib_rimo.study.settings.search import SearchOptions
from lib_rimo.study.settings.setting import ABOUT, Recorded, Row, Setting, setting

_FIRST = (
    "base", "partners", "partition", "frozen", "epochs", "partners_per_epoch", "budget", "pool", "unseen", "checked",
    "stop_when_flat", "seed", "strategy", "bounds", "limits", "ties", "objective", "category_weights", "penalty",
    "diversity_floor", "config", "tagger", "catalogue", "threshold", "tags", "one_per_category", "prefix", "negative",
    "width", "height", "steps", "cfg", "sampler", "scheduler", "grid_prompts", "mix_predictions", "start",
)  # fmt: skip
"""How settings followed each other in files before they were in parts. It stays, so that equal studies are equal bytes;
newer settings come after these."""


@dataclass(frozen=True, slots=True)
class StudySettings:
    """What a study does. Two studies with equal settings on equal files take equal decisions.

    ``from_mapping`` checks ranges, the constructor takes what it gets.

    Attributes:
        base: The checkpoint to improve.
        partners: Checkpoints to draw partners from; each epoch takes some of them.
        scoring: How pictures are read.
        images: What is drawn.
        search: What is searched.
        epochs: How many times the winner becomes the next base. 0 becomes as many as it takes for every partner to
            come once.
        unseen: Prompts for the final measurement, drawn by base, each parent, the average and the winner. The
            width of every reported interval falls with its square root.
        checked: So many of these prompts are also drawn by the winner of every epoch but the last before the next one
            begins, for the signs that shapes break (``shape_guard``) and for what another epoch promises
            (``early_stopping``). 100 tell a third of broken pictures from none, and cost an epoch some percent more;
            base and parents draw theirs for the final measurement anyway. 0 leaves it out.
        stop_when_flat: Ends the search after an epoch when another one is not expected to be worth its images. Off,
            because the proposal can be wrong and images can be spent on nothing else meanwhile: it is only said.
        seed: Of prompts, noise, partners and search.
        diversity_floor: Least share of the diversity of what an epoch began with that its winner must keep to be the
            next base; a winner that surely keeps less is given up (``diversity_floor``). Diversity is how much the
            pictures of one prompt differ. 0 does not look at it, because it costs pictures: two of each of 48 unseen
            prompts (fewer if ``unseen`` is less) by every winner, and once by what the first epoch begins with.
        mix_predictions: Whether a model that predicts v and one that predicts epsilon may be mixed. Off, because the
            mix draws noise unless the whole UNet is one or the other's.
        grid_prompts: Prompts of the sample grid; empty draws eight from the catalogue.
        config: Folder with the models' configuration, for hosts that are told one; kept here so that a study can
            be resumed by its name alone.
    """

    base: Path = dataclasses.field(
        metadata={
            ABOUT: Setting(
                "Base",
                help="checkpoint to improve",
                unset="to be named",
                kind="own",
                metavar="FILE",
                recorded="in the recipe",
            )
        }
    )
    partners: tuple[Path, ...] = dataclasses.field(
        metadata={
            ABOUT: Setting(
                "Partners",
                help="checkpoints to mix in",
                unset="to be named",
                kind="own",
                metavar="FILE",
                recorded="in the recipe and the ancestry",
            )
        }
    )
    scoring: ScoringOptions = dataclasses.field(default_factory=ScoringOptions)
    images: ImageOptions = dataclasses.field(default_factory=ImageOptions)
    search: SearchOptions = dataclasses.field(default_factory=SearchOptions)
    epochs: int = setting(
        1,
        "Epochs",
        "0 takes as many as it takes for every partner to come once. After each, the best mix becomes the next base, "
        "new partners come in and prompts are drawn anew. For the same images, one long epoch finds more than two "
        "short ones.",
        "how often the winner becomes the next base; 0: as many as every partner needs to come once",
        row=Row.SIZE,
        least=0,
        most=1000,
    )
    unseen: int = setting(
        400,
        "Images for the final measurement",
        "Drawn by the winner and by each parent. Four times as many halve the interval.",
        "prompts of the final measurement; four times as many halve the interval",
        row=Row.SIZE,
        metavar="IMAGES",
        least=1,
        most=1_000_000,
        recorded=Recorded.BENCHMARK,
    )
    checked: int = setting(
        100,
        "Images that check each epoch",
        "Drawn by its winner on prompts the search never saw: tells broken shapes, and whether to go on. 0 leaves it "
        "out.",
        "unseen prompts that the winner of each epoch but the last draws, to see whether shapes break and whether "
        "another epoch pays",
        row=Row.EPOCHS,
        metavar="IMAGES",
        least=0,
        most=1_000_000,
    )
    stop_when_flat: bool = setting(
        False,
        "Stop when another epoch is not worth its images",
        "Otherwise it is only proposed, and the study goes on as planned.",
        "ends the search when another epoch is not expected to be worth its pictures",
        row=Row.EPOCHS,
    )
    seed: int = setting(
        0,
        "Seed",
        "The same seed on the same files repeats the whole study.",
        "of everything random; the same seed gives the same study",
        row=Row.SEED,
        least=0,
        most=2**53,  # a browser's numbers are exact up to there
        recorded=Recorded.BENCHMARK,
    )
    diversity_floor: float = setting(
        0.0,
        "Diversity floor",
        "How much of the difference between images of one prompt an epoch's winner must keep, such as 0.8; "
        "one that surely keeps less is given up. Each winner draws 96 images for it. 0 leaves it out.",
        "such as 0.8: a winner whose pictures of one prompt surely keep less than this share of the diversity "
        "that the epoch began with is given up; 96 pictures for each winner and 96 for the base; 0 leaves it "
        "out",
        row=Row.SCORE,
        metavar="SHARE",
        least=0,
        most=1,
    )
    mix_predictions: bool = setting(
        False,
        "Mix prediction types",
        "Lets a v-prediction model and an epsilon model into one mix, which draws noise unless the whole UNet is one "
        "or the other's.",
        "lets a v-prediction and an epsilon model into one mix, which draws noise unless its whole UNet is one or the "
        "other's",
        row=Row.TAG_LIST,
    )
    grid_prompts: tuple[str, ...] = setting(
        (),
        "Prompts of the pictures after each epoch",
        "One per line, drawn with the same noise each time. Empty draws eight from the tags.",
        "prompt of the pictures after each epoch; can be given several times",
        unset="eight drawn from the tags",
        row=Row.GRID,
        option="grid-prompt",
        metavar="PROMPT",
        repeat=True,
        recorded="decided nothing: what the user likes to look at",
    )
    config: Path | None = setting(
        None,
        help="folder with the diffusers configuration of the family",
        unset="fetched for the family",
        no_field="the program that draws is told when it is started",
        no_option="an option of every command",
        recorded="a folder of the user's machine",
    )

    def __post_init__(self) -> None:
        if not self.epochs:
            rounds = math.ceil(len(self.partners) / self.search.partners_per_epoch)
            object.__setattr__(self, "epochs", rounds)  # frozen, and still being made

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> StudySettings:
        """Reads settings from plain values (JSON, a form), one flat mapping; numbers may come as text.

        Raises:
            SettingsError: A name is unknown, or a value has the wrong kind or range; it carries the field.
        """
        for name in ("base", "partners"):
            if not values.get(name):
                raise SettingsError(
                    name, say("No {1} chosen", say(name)), fix=say("Choose the {1}", say(name))
                )
        settings = read(cls, values)
        check_ranges(settings)
        check_files(settings.base, settings.partners)
        check_budget(settings.search.budget, settings.epochs)
        return settings

    @classmethod
    def restore(cls, values: Mapping[str, Any]) -> StudySettings:
        """Reads what a journal holds: it was legal once, whatever the rules are today.

        No range is looked at. A setting that is missing, or whose value is of another kind today, has its default; one
        that is not known is left out.

        Raises:
            TypeError: Base or partners are missing.
        """
        return read(cls, readable(cls, values))

    def to_json(self) -> dict[str, Any]:
        """Plain values, one flat mapping; ``from_mapping`` gives the equal settings back.

        A younger setting that nobody gave is not there, so that equal studies stay equal bytes.
        """
        told = [n for n in _NAMES if n in _FIRST or SETTINGS[n].of(self) != SETTINGS[n].default]
        return {name: plain(SETTINGS[name], self) for name in told}


SETTINGS = table_of(StudySettings)
"""The table of settings."""
_NAMES = (*_FIRST, *(name for name in SETTINGS if name not in _FIRST))


@dataclass(frozen=True, slots=True)
class MeasureSettings:
    """What a measurement of checkpoints needs: of a study's settings the parts that decide what is drawn and read.

    Attributes:
        base: The checkpoint to load.
        scoring: How pictures are read.
        images: What is drawn.
    """

    base: Path
    scoring: ScoringOptions = dataclasses.field(default_factory=ScoringOptions)
    images: ImageOptions = dataclasses.field(default_factory=ImageOptions)

    @classmethod
    def from_mapping(cls, base: Path, values: Mapping[str, Any]) -> MeasureSettings:
        """Reads plain values by the names that they have in a study; those of a search are not looked at.

        Raises:
            SettingsError: A name is unknown, or a value has the wrong kind or range; it carries the field.
        """
        own = table_of(cls)
        settings = read(cls, {k: v for k, v in values.items() if k in own or k not in SETTINGS}, base=base)
        check_ranges(settings)
        return settings
