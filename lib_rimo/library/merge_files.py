"""Checkpoints merged into a file, without any search."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lib_rimo.errors import RecipeError
from lib_rimo.library.folders import Folders
from lib_rimo.library.recipe_file import read_recipe
from lib_rimo.merging.mix.method import Value
from lib_rimo.merging.mix.methods import METHODS, WEIGHTED_SUM
from lib_rimo.merging.mix.mixable import check_recipe
from lib_rimo.merging.mix.partition import Partition, load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.options import SaveOptions
from lib_rimo.merging.saving.save import save_merged

_log = logging.getLogger("rimo")

Row = float | Sequence[float]
"""Weights of the partners: one number for each of them, or one number that all of them get."""

Weights = Row | Mapping[str, Row]
"""Weights of the partners in all block groups that a partition does not freeze by default, or group by group."""


def make_recipe(
    base: str | Path,
    partners: Sequence[str | Path],
    weights: Weights,
    *,
    partition: str | Path | Partition = "theater",
    method: str = WEIGHTED_SUM,
    method_options: Mapping[str, Value] | None = None,
) -> Recipe:
    """A recipe over files.

    Args:
        base: The checkpoint that everything not named here comes from.
        partners: The checkpoints mixed into it.
        weights: One number for each partner, or one that all get; these hold in every block group but those that the
            partition leaves alone by default, which is the VAE. Or group by group; groups left out stay the base's.
        partition: One that comes with the program by its name, a JSON file, or a loaded one.
        method: Name of the merge method, one of ``lib_rimo.merging.METHODS``.
        method_options: Of the method's options those that are not as usual.

    Raises:
        RimoError: A file cannot be used, or the weights do not fit the partners or the partition.

    Example:
        >>> import lib_rimo
        >>> family = lib_rimo.demo_family()
        >>> recipe = lib_rimo.make_recipe(family.base, family.specialists[:2], {"mid": [0.3, 0.1], "text": 0.25})
        >>> recipe.row("text")
        (0.25, 0.25)
    """
    groups = partition if isinstance(partition, Partition) else load_partition(partition)
    with Sources() as sources:
        named = [sources.source_of(Path(path).expanduser()) for path in (base, *partners)]
        rows = _rows(weights, len(partners), groups, sources.open(named[0]).keys())
    options = METHODS[method].resolve(method_options or {})
    return Recipe(named[0], tuple(named[1:]), groups.name, rows, method, options)


def merge(
    what: Recipe | str | Path,
    partners: Sequence[str | Path] = (),
    weights: Weights | None = None,
    *,
    out: str | Path,
    partition: str | Path | Partition | None = None,
    number_type: str = "",
    vae: bool = True,
    ema: bool = True,
    mix_predictions: bool = False,
) -> Path:
    """Writes a merged checkpoint; never over another file.

    Args:
        what: A base, to merge partners into; or, without partners, a recipe, a recipe's file, or a checkpoint that was
            saved from one.
        partners: The checkpoints mixed into the base.
        weights: See ``make_recipe``.
        out: The new file, in a folder that is there. Files that a recipe names are also looked for there.
        partition: ``theater`` for files; for a recipe the one that it names, which must be given if it is not one
            that comes with the program.
        number_type: Such as ``fp16``; the base's if left out.
        vae: Whether the VAE goes into it.
        ema: Whether the base's EMA copies go into it.
        mix_predictions: Whether v-prediction and epsilon may be mixed.

    Returns:
        The new file.

    Raises:
        RimoError: A file is missing or cannot be mixed, or the new one cannot be written; then there is none.

    Example:
        >>> import lib_rimo, pathlib, tempfile
        >>> family = lib_rimo.demo_family()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     out = pathlib.Path(folder, "half.safetensors")
        ...     path = lib_rimo.merge(family.base, family.specialists[:1], 0.5, out=out)
        ...     recipe = lib_rimo.read_recipe(path)
        >>> recipe.row("mid")
        (0.5,)
    """
    target = Path(out).expanduser()
    folders = [target.resolve().parent, Folders.of().models]
    if isinstance(what, Recipe):
        recipe = what
    elif partners:
        if weights is None:
            raise RecipeError("The weights of the partners are missing", wanted="a number for each of them")
        recipe = make_recipe(what, partners, weights, partition=partition or "theater")
    else:
        path = Path(what).expanduser()
        recipe = read_recipe(path)
        folders.append(path.resolve().parent)
    groups = partition if isinstance(partition, Partition) else load_partition(partition or recipe.partition)
    with Sources(folders=folders) as sources:
        for note in check_recipe(recipe, sources, groups, mix_predictions=mix_predictions):
            _log.warning("%s", note)
        return save_merged(
            recipe,
            sources,
            groups,
            target.parent,
            target.name,
            form=SaveOptions(number_type, vae=vae, ema=ema),
            mix_predictions=mix_predictions,
        )


def _rows(
    weights: Weights, n_partners: int, partition: Partition, keys: Iterable[str]
) -> dict[str, tuple[float, ...]]:
    """The weights group by group, one for each partner."""
    if not isinstance(weights, Mapping):
        present = partition.groups_present(keys)
        weights = {group: weights for group in present if group not in partition.frozen_by_default}
    return {
        group: (float(row),) * n_partners if isinstance(row, int | float) else tuple(float(w) for w in row)
        for group, row in weights.items()
    }
