"""Settings held against what is there: names, files of tags, and sizes that a model can draw at all.

It is cheap enough to be done while somebody types, so that a mistake is told at its field and not by a study that
fails some minutes later.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from lib_rimo.benchmark.catalogue import load_catalogue
from lib_rimo.errors import CatalogueError, RecipeError, SettingsError
from lib_rimo.hosts.host import DrawingProgram
from lib_rimo.merging.checkpoints.architecture import family_of
from lib_rimo.merging.checkpoints.checkpoint import VAE_SUFFIXES
from lib_rimo.merging.mix.partition import Partition, load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.said import say
from lib_rimo.search.strategy import find_strategy
from lib_rimo.study.settings.category_weights import category_weights
from lib_rimo.study.settings.constraints import check_constraints
from lib_rimo.study.settings.images import ImageOptions
from lib_rimo.study.settings.merge_method import check_method
from lib_rimo.study.settings.ranges import check_known, no_multiple
from lib_rimo.study.settings.scorer_weights import scorer_weights
from lib_rimo.study.settings.scoring import ScoringOptions
from lib_rimo.study.settings.search import SearchOptions
from lib_rimo.study.settings.settings import StudySettings

KINDS = (".csv", ".yaml", ".yml")
"""How a file of tags may end."""


def check_possible(settings: StudySettings, host: DrawingProgram) -> None:
    """Says what could not work.

    Args:
        settings: A study's.
        host: That would draw it.

    Raises:
        SettingsError: A name or a file is not there, or a size cannot be drawn; it carries the field.
    """
    step = family_of(settings.base).latent.scale  # so much the VAE enlarges
    for field in ("width", "height"):
        value = getattr(settings.images, field)
        if value is not None and value % step:
            raise no_multiple(field, value, step)
    for side in (side for size in settings.images.sizes for side in size):
        if side % step:
            raise no_multiple("sizes", side, step)
    search = settings.search
    find_strategy(search.strategy)
    check_method(search, len(settings.partners))
    partition = _partition(search)
    if search.limits or search.ties:  # without the base at hand: all groups that its partition knows
        known = partition.groups
        searched = [group for group in known if group not in search.frozen]
        check_constraints(search, [path.name for path in settings.partners], known, searched or known)
    if search.start is not None:
        check_start(search.start, partition, [path.name for path in (settings.base, *settings.partners)])
    check_drawable(settings.scoring, settings.images, host)


def check_drawable(scoring: ScoringOptions, images: ImageOptions, host: DrawingProgram) -> None:
    """Says what could not be drawn or read.

    Raises:
        SettingsError: A name or a file is not there; it carries the field.
    """
    if images.sampler is not None:
        check_known("sampler", images.sampler, host.samplers())
    check_known("scheduler", images.scheduler, host.schedulers())
    if images.vae is not None and not (images.vae.is_file() and images.vae.suffix.lower() in VAE_SUFFIXES):
        raise SettingsError(
            "vae",
            "There is no such VAE",
            found=str(images.vae),
            wanted=say("a file ending in {1}", ", ".join(VAE_SUFFIXES)),
            fix="Check the path, or leave it empty",
        )
    scorer_weights(scoring.scorers)
    if images.catalogue is not None:
        category_weights(scoring.category_weights, _categories(images.catalogue))


def check_start(start: Recipe, partition: Partition, names: Sequence[str]) -> None:
    """Refuses a recipe of other checkpoints, as far as names say so.

    Args:
        start: To begin with.
        partition: The study's.
        names: Of its files, base first.

    Raises:
        SettingsError: It is one.
    """
    known = all(source.name in names for source in start.partners)
    if start.base.name != names[0] or start.partition != partition.name or not known:
        raise strange_start(start, partition, names)


def strange_start(start: Recipe, partition: Partition, names: Sequence[str]) -> SettingsError:
    """What is said of a recipe of other checkpoints."""
    return SettingsError(
        "start",
        "The recipe to begin with is not one of these checkpoints",
        found=say(
            "{1} ({2}) with {3}", start.base.name, start.partition, ", ".join(p.name for p in start.partners)
        ),
        wanted=say("{1} ({2}) with {3}", names[0], partition.name, ", ".join(names[1:])),
        fix="Begin with the base",
    )


def _partition(search: SearchOptions) -> Partition:
    """The block groups, with what is frozen held against them.

    Raises:
        SettingsError: There is no such partition, its file is damaged, or a frozen group is not in it.
    """
    try:
        partition = load_partition(search.partition)
    except RecipeError as error:
        raise SettingsError(
            "partition", error.what, found=error.found, wanted=error.wanted, fix=error.fix
        ) from error
    for group in search.frozen:
        if not partition.may_have(group):
            raise SettingsError(
                "frozen", "No such block group", found=group, wanted=", ".join(partition.groups)
            )
    return partition


def _categories(path: Path) -> tuple[str, ...]:
    if path.suffix.lower() not in KINDS:  # nothing of any other file is read, let alone shown
        raise SettingsError(
            "catalogue",
            "This is no file of tags",
            found=path.name,
            wanted=say("a file ending in {1}", ", ".join(KINDS)),
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
