"""What the tab and the command line offer in one word: three sizes of a study, and upstream's earlier scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Preset:
    """A size of study.

    Attributes:
        label: What the user reads.
        explanation: One sentence: what one gets for the images.
        epochs: See ``StudySettings``; 0 for as many as the partners need.
        budget: See ``StudySettings``.
        unseen: See ``StudySettings``.
    """

    label: str
    explanation: str
    epochs: int
    budget: int
    unseen: int


PRESETS = {
    "quick": Preset(
        "Quick",
        "A first look: one round of partners, enough to see whether they can help. 640 images to search and, with "
        "three partners, 2,100 to measure.",
        1,
        640,
        300,
    ),
    "standard": Preset(
        "Standard",
        "What to run over night: every partner comes once. 2,000 images to search and, with three partners, 3,500 to "
        "measure.",
        0,
        2000,
        500,
    ),
    "thorough": Preset(
        "Thorough",
        "Several rounds and a narrow interval, for a release. 6,000 images to search and, with three partners, 7,300 "
        "to measure.",
        4,
        6000,
        1000,
    ),
}
"""Budgets follow the tables of ``lib_rimo/search/README.md``."""

DEFAULT_PRESET = "quick"


@dataclass(frozen=True, slots=True)
class Script:
    """One of upstream's earlier scripts as settings of a study.

    Attributes:
        label: What the user reads.
        settings: Settings by their names. Whatever the user gives besides comes first.
    """

    label: str
    settings: Mapping[str, Any]


SCRIPTS: Mapping[str, Script] = {
    "first": Script(
        "First script: one weight per model, normalised",
        # Its bounds: (.5, .8) for the base, (-.2, .2) and twice (-.05, .5) for the others, divided by their sum. Here
        # the base has what the partners leave; after the division its weight spanned about .4 to 1.
        {"partition": "global", "bounds": (-0.2, 0.5), "partners_per_epoch": 3, "epochs": 1},
    ),
    "second": Script(
        "Second script: three models, one weight per block group, wider bounds",
        {"partition": "theater", "bounds": (-0.2, 0.55), "partners_per_epoch": 2, "epochs": 1},
    ),
}
"""Source: the two scripts of January 2024 and after; their groups by thirds of block numbers are those that ``theater``
refines."""
