"""What settings may be, whatever files are at hand: the ranges of the table, and what must hold of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib_rimo.errors import SettingsError
from lib_rimo.said import say
from lib_rimo.study.settings.images import LARGEST_SIDE, MOST_TAGS, SIDE_STEP
from lib_rimo.study.settings.limits import Limit
from lib_rimo.study.settings.reading import Entry, table_of
from lib_rimo.study.settings.sizes import Size

FURTHEST = 10.0
"""Weights beyond it are a slip of the finger; images break long before."""
LEAST_IMAGES = 64
"""Of an epoch."""


def check_ranges(settings: Any) -> None:
    """Holds settings, or parts of them, against the table.

    Raises:
        SettingsError: A number is out of its range, or a name is none that can be chosen; it carries the field.
    """
    for entry in table_of(type(settings)).values():
        value = entry.of(settings)
        if value is None:
            continue
        if entry.type in (int, float):
            _check_number(entry, value)
        if entry.about.choices is not None:
            check_known(entry.name, value, tuple(entry.about.labels))
        if (check := _PAIRS.get(entry.name)) is not None:
            check(value)


def check_known(field: str, name: str, names: Sequence[str]) -> None:
    """Refuses a name that cannot be chosen.

    Raises:
        SettingsError: It is none of these.
    """
    if name not in names:
        wanted = ", ".join(filter(None, names))
        raise SettingsError(
            field, say("The {1} is unknown", say(field)), found=name, wanted=say("one of {1}", wanted)
        )


def check_files(base: Path, partners: Sequence[Path]) -> None:
    """Refuses a file that is named twice.

    Raises:
        SettingsError: One is, or there is no partner.
    """
    if not partners:
        raise SettingsError(
            "partners",
            "There is nothing to mix the base with",
            found=say("no partner"),
            wanted="at least one other checkpoint",
            fix="Choose one or more partners",
        )
    seen = {base.resolve(): "the base"}
    for partner in partners:
        if (place := partner.resolve()) in seen:
            raise SettingsError(
                "partners",
                say("{1} is chosen twice", partner.name),
                found=say("as a partner and as {1}", say(seen[place])),
                wanted="checkpoints that differ from the base and from each other",
                fix="Remove it from the partners",
            )
        seen[place] = "a partner"


def check_budget(budget: int, epochs: int) -> None:
    """Refuses epochs that are too short to learn anything.

    Raises:
        SettingsError: They are.
    """
    if budget < epochs * LEAST_IMAGES:
        raise SettingsError(
            "budget",
            "The images do not suffice for the epochs",
            found=say("{1} images for {2} epochs", budget, epochs),
            wanted=say("at least {1}", epochs * LEAST_IMAGES),
            fix="Raise the budget or lower the epochs",
        )


def _check_number(entry: Entry, value: float) -> None:
    field, least, most = entry.name, entry.about.least, entry.about.most
    if not math.isfinite(value) or (least is not None and value < least):
        raise SettingsError(
            field,
            say("{1} is too small", say(field)),
            found=value,
            wanted=say("{1} or more", f"{least:g}"),
            fix="Raise it",
        )
    if most is not None and value > most:
        raise SettingsError(
            field,
            say("{1} is too large", say(field)),
            found=value,
            wanted=say("{1} or less", f"{most:,.0f}"),
            fix="Lower it",
        )
    if entry.about.between and value in (least, most):
        raise SettingsError(
            field,
            say("{1} is at an end of its range", field),
            found=value,
            wanted=say("between {1} and {2}", f"{least:g}", f"{most:g}"),
        )
    if value % (step := entry.about.step) and step > 1:
        raise no_multiple(field, value, step)


def no_multiple(field: str, value: float, step: int) -> SettingsError:
    """What is said of a number between two steps."""
    nearest = max(1, round(value / step)) * step
    return SettingsError(
        field,
        say("{1} is no multiple of {2}", say(field), step),
        found=value,
        wanted=say("such as {1}", nearest),
    )


def _check_tags(tags: tuple[int, int]) -> None:
    if not 1 <= tags[0] <= tags[1]:
        raise SettingsError(
            "tags",
            "The number of tags is reversed or zero",
            found=say("{1} to {2}", tags[0], tags[1]),
            wanted="at least 1, the first not above the second",
        )
    if tags[1] > MOST_TAGS:
        raise SettingsError(
            "tags",
            "So many tags do not fit into a prompt",
            found=tags[1],
            wanted=say("{1} or less", MOST_TAGS),
        )


def _check_bounds(bounds: tuple[float, float]) -> None:
    low, high = bounds
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise SettingsError(
            "bounds",
            "The bounds are reversed or not numbers",
            found=say("{1} to {2}", low, high),
            wanted="a lower bound below the upper one",
            fix="Swap them",
        )
    if not low <= 0 <= high:
        raise SettingsError(
            "bounds",
            "The bounds leave out weight zero, which is the base itself",
            found=say("{1} to {2}", low, high),
            wanted="zero between them",
        )
    _check_near("bounds", low, high)


def _check_limits(limits: Sequence[Limit]) -> None:
    for limit in limits:
        _check_near("limits", limit.low, limit.high)


def _check_sizes(sizes: Sequence[Size]) -> None:
    for side in (side for size in sizes for side in size):
        if not 0 < side <= LARGEST_SIDE:
            raise SettingsError(
                "sizes",
                "A side of a picture is out of its range",
                found=side,
                wanted=say("{1} to {2}", SIDE_STEP, LARGEST_SIDE),
            )
        if side % SIDE_STEP:
            raise no_multiple("sizes", side, SIDE_STEP)


def _check_near(field: str, low: float, high: float) -> None:
    if max(abs(low), abs(high)) > FURTHEST:
        raise SettingsError(
            field,
            "A bound is too far from zero",
            found=say("{1} to {2}", f"{low:g}", f"{high:g}"),
            wanted=say("{1} to {2}", f"{-FURTHEST:g}", f"{FURTHEST:g}"),
        )


_PAIRS: dict[str, Any] = {
    "tags": _check_tags,
    "bounds": _check_bounds,
    "limits": _check_limits,
    "sizes": _check_sizes,
}
