"""Settings held against what is there: names, files of tags, and sizes that a model can draw at all.

It is cheap enough to be done while somebody types, so that a mistake is told at its field and not by a study that
fails some minutes later.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from lib_rimo.benchmark.catalogue import load_catalogue
from lib_rimo.errors import CatalogueError, RecipeError, SettingsError
from lib_rimo.hosts.host import Host
from lib_rimo.merging.mix.partition import Partition, load_partition
from lib_rimo.search.strategy import find_strategy
from lib_rimo.study.settings.category_weights import category_weights
from lib_rimo.study.settings.constraints import check_constraints, limits
from lib_rimo.study.settings.settings import StudySettings

SIDE_STEP = 8
"""Pixels of a picture's side come in eights: so much the VAE enlarges (SD 1, 2 and XL alike)."""

MOST: Mapping[str, float] = {
    "budget": 1_000_000,
    "unseen": 1_000_000,
    "checked": 1_000_000,
    "pool": 100_000,
    "epochs": 1000,
    "partners_per_epoch": 1000,
    "seed": 2**53,  # a browser's numbers are exact up to there
    "width": 4096,  # twice where the WebUIs' own sliders end; steps and CFG end where those do
    "height": 4096,
    "steps": 150,
    "cfg": 30,
}
"""Where a number is a slip of the finger rather than a request."""

FURTHEST = 10.0
"""Weights beyond it are a slip as well; images break long before."""
KINDS = (".csv", ".yaml", ".yml")
"""How a file of tags may end."""
MOST_TAGS = 150
"""More than a text encoder reads."""


def check_possible(settings: StudySettings, host: Host) -> None:
    """Says what could not work.

    Args:
        settings: A study's.
        host: That would draw it.

    Raises:
        SettingsError: A number is far too large, a size cannot be drawn, or a name or a file is not there; it carries
            the field.
    """
    for field, most in MOST.items():
        value = getattr(settings, field)
        if value is not None and value > most:
            raise _too_large(field, value, f"{most:,.0f}")
    for field in ("width", "height"):
        value = getattr(settings, field)
        if value is not None and value % SIDE_STEP:
            nearest = max(1, round(value / SIDE_STEP)) * SIDE_STEP
            raise SettingsError(
                field, f"{field} is no multiple of {SIDE_STEP}", found=value, wanted=f"such as {nearest}"
            )
    if settings.tags is not None and settings.tags[1] > MOST_TAGS:
        raise SettingsError(
            "tags",
            "So many tags do not fit into a prompt",
            found=settings.tags[1],
            wanted=f"{MOST_TAGS} or less",
        )
    _check_bounds("bounds", *settings.bounds)
    for limit in limits(settings.limits):
        _check_bounds("limits", limit.low, limit.high)
    find_strategy(settings.strategy)
    partition = _partition(settings)
    if settings.limits or settings.ties:  # without the base at hand: all groups that its partition knows
        known = partition.groups
        searched = [group for group in known if group not in settings.frozen]
        check_constraints(settings, [path.name for path in settings.partners], known, searched or known)
    if settings.sampler is not None:
        _check_known("sampler", settings.sampler, host.samplers())
    _check_known("scheduler", settings.scheduler, host.schedulers())
    categories = None if settings.catalogue is None else _categories(settings.catalogue)
    category_weights(settings.category_weights, categories)


def _partition(settings: StudySettings) -> Partition:
    """The block groups, with what is frozen held against them.

    Raises:
        SettingsError: There is no such partition, its file is damaged, or a frozen group is not in it.
    """
    try:
        partition = load_partition(settings.partition)
    except RecipeError as error:
        raise SettingsError(
            "partition", error.what, found=error.found, wanted=error.wanted, fix=error.fix
        ) from error
    for group in settings.frozen:
        if not partition.may_have(group):
            raise SettingsError(
                "frozen", "No such block group", found=group, wanted=", ".join(partition.groups)
            )
    return partition


def _check_known(field: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise SettingsError(field, f"The {field} is unknown", found=name, wanted=f"one of {', '.join(names)}")


def _check_bounds(field: str, low: float, high: float) -> None:
    if max(abs(low), abs(high)) > FURTHEST:
        wanted = f"{-FURTHEST:g} to {FURTHEST:g}"
        raise SettingsError(
            field, "A bound is too far from zero", found=f"{low:g} to {high:g}", wanted=wanted
        )


def _too_large(field: str, found: object, most: str) -> SettingsError:
    return SettingsError(
        field, f"{field} is too large", found=found, wanted=f"{most} or less", fix="Lower it"
    )


def _categories(path: Path) -> tuple[str, ...]:
    if path.suffix.lower() not in KINDS:  # nothing of any other file is read, let alone shown
        raise SettingsError(
            "catalogue",
            "This is no file of tags",
            found=path.name,
            wanted=f"a file ending in {', '.join(KINDS)}",
        )
    try:
        changed = path.stat().st_mtime_ns if path.is_file() else 0
        return _read(path, changed)
    except CatalogueError as error:
        raise SettingsError(
            "catalogue", error.what, found=error.found, wanted=error.wanted, fix=error.fix
        ) from error


@functools.lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> tuple[str, ...]:
    """The categories of a file of tags, read once for each of its states."""
    return load_catalogue(path).categories
