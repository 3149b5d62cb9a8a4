"""Upstream's earlier scripts as settings of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Script:
    """One of upstream's scripts.

    Attributes:
        about: What it searches, in a few words.
        settings: Settings of a study by their names. Whatever the user gives besides comes first.
    """

    about: str
    settings: Mapping[str, Any]


SCRIPTS: Mapping[str, Script] = {
    "first": Script(
        "one weight per model, four models, normalised",
        # Its bounds: (.5, .8) for the base, (-.2, .2) and twice (-.05, .5) for the others, divided by their sum. Here
        # the base has what the partners leave; after the division its weight spanned about .4 to 1.
        {"partition": "global", "bounds": (-0.2, 0.5), "partners_per_epoch": 3, "epochs": 1},
    ),
    "second": Script(
        "one weight per model and block group, three models, wider bounds",
        {"partition": "theater", "bounds": (-0.2, 0.55), "partners_per_epoch": 2, "epochs": 1},
    ),
}
"""Source: the two scripts of January 2024 and after; their groups by thirds of block numbers are those that ``theater``
refines."""
