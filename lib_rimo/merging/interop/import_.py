"""Another program's recipe made ours: its models found as files, its blocks as groups of the partition ``mbw``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lib_rimo.errors import CheckpointError, RecipeError
from lib_rimo.merging.checkpoints.architecture import sidecar_of
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.folders import checkpoint_files
from lib_rimo.merging.checkpoints.hashes import Hashes
from lib_rimo.merging.checkpoints.keys import place_of
from lib_rimo.merging.interop.blocks import block_of
from lib_rimo.merging.interop.find import find_models
from lib_rimo.merging.interop.linear import BASE, MIDDLE, REST, TEXT2, VAE, LinearRecipe
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sources import Sources

PARTITION = "mbw"
_HALF_BYTES = 2
_PARTS = {"mid": MIDDLE, "rest": REST, "text": BASE, "text2": TEXT2, "vae": VAE}


def import_recipe(
    foreign: LinearRecipe, sources: Sources, folders: Sequence[Path], hashes: Hashes | None = None
) -> Recipe:
    """Turns another program's recipe into ours.

    Args:
        foreign: What it means.
        sources: The files are opened here.
        folders: Where to look for them, subfolders included.
        hashes: Tells files by their content where the recipe names it; None reads what it must.

    Raises:
        CheckpointError: Files are missing, or one of the right name has another content.
        RecipeError: An exact recipe names two files where there is one, or says nothing of some of the base's tensors.
    """
    hashes = hashes or Hashes()
    paths = find_models(foreign, checkpoint_files(folders), hashes)
    found: dict[str, Source] = {}
    taken: dict[Path, str] = {}
    lost: list[str] = []
    for model, path in paths.items():
        if not isinstance(path, Path):
            lost.append(path)
            continue
        found[model] = sources.source_of(path)
        other = taken.setdefault(path, model)
        if foreign.is_exact and other != model:
            raise RecipeError(
                f"Two models of the recipe have one name, and there is one file of it: {path.name}",
                found=f"{other}, {model}",
                wanted="both files, in folders of these names",
            )
    if lost:
        raise CheckpointError(
            f"Checkpoints that the recipe of {foreign.maker} names are missing",
            found="; ".join(lost),
            wanted="all of them",
            fix="Put them into one of the folders",
        )
    base = found[foreign.base]
    if foreign.is_exact:
        _check_told(foreign, sources.open(base))
    partition = load_partition(PARTITION)
    weights: dict[str, dict[Source, float]] = {}
    for group in partition.groups_present(sources.open(base).keys()):
        row = weights.setdefault(group, {})
        for model, source in found.items():
            if source != base:  # one file under two names counts once
                row[source] = row.get(source, 0.0) + foreign.share(_block_of(group), model)
    partners = tuple(dict.fromkeys(source for source in found.values() if source != base))
    rows = {group: tuple(row.get(partner, 0.0) for partner in partners) for group, row in weights.items()}
    return Recipe(base, partners, PARTITION, rows)


def import_remarks(foreign: LinearRecipe, recipe: Recipe, sources: Sources) -> list[str]:
    """What is otherwise than in the program that the recipe comes from, as far as the models tell it.

    Args:
        foreign: The recipe as it came.
        recipe: What it became.
        sources: Its files.
    """
    base = sources.open(recipe.base)
    partition = load_partition(recipe.partition)
    notes = []
    kept: dict[str, list[str]] = {}
    for key in base:
        told = next((told for begins, told in foreign.kept.items() if key.startswith(begins)), None)
        if told is not None and any(recipe.row(partition.group_of(key) or "")):
            kept.setdefault(told, []).append(key)
    notes += [
        f"Otherwise than in {foreign.maker}: {len(keys)} tensors (the first is {keys[0]}) {told}."
        for told, keys in kept.items()
    ]
    wide = sum(base.dtype(key).itemsize > _HALF_BYTES for key in base if base.dtype(key).is_floating_point)
    if foreign.is_half and wide:
        notes.append(
            f"The result was saved in half precision there; {base.name} has {wide} tensors in a longer type, so save "
            "with --number-type fp16."
        )
    beside = sidecar_of(base.path)
    if foreign.sidecar is not None and (foreign.sidecar or beside):
        notes.append(
            f"{'The config of another model' if foreign.sidecar else 'No config'} was put beside the result there; "
            f"here {'that of ' + base.name + ' is copied' if beside else 'there is none'}."
        )
    return notes


def _check_told(foreign: LinearRecipe, base: Checkpoint) -> None:
    """Raises where a recipe does not say what becomes of a tensor of its base."""
    places = {key: place_of(key) for key in base if base.dtype(key).is_floating_point}
    untold = [
        f"{key} ({block_of(place)})"
        for key, place in places.items()
        if place is not None and not foreign.says(block_of(place), key)
    ]
    if untold:
        raise RecipeError(
            f"The recipe does not say what becomes of some tensors of {base.name}",
            found=untold[0] + (f" and {len(untold) - 1} more" if len(untold) > 1 else ""),
            wanted="a recipe for all of them",
            fix=f"Take the base that it was written for, or let {foreign.maker} fill it up from a model",
        )


def _block_of(group: str) -> str:
    if group in _PARTS:
        return _PARTS[group]
    if not group.startswith(("in", "out")):
        raise RecipeError(
            "Recipes by blocks do not know these blocks", found=group, wanted="SD1, SD2 or SDXL"
        )
    return f"{'IN' if group.startswith('in') else 'OUT'}{group[-2:]}"
