"""Another program's recipe made ours: its models found as files, its blocks as groups of the partition ``mbw``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from lib_rimo.errors import CheckpointError, RecipeError
from lib_rimo.merging.checkpoints.checkpoint import SUFFIXES, Checkpoint
from lib_rimo.merging.checkpoints.digest import file_sha256
from lib_rimo.merging.checkpoints.keys import place_of
from lib_rimo.merging.interop.blocks import block_of
from lib_rimo.merging.interop.linear import BASE, MIDDLE, REST, TEXT2, VAE, LinearRecipe
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sources import Sources

PARTITION = "mbw"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHORT_HASH = re.compile(r"\s*\[[0-9a-f]{6,64}\]$")
"""The WebUI writes a model as ``folder/name.safetensors [31e35c80fc]``."""
_PARTS = {"mid": MIDDLE, "rest": REST, "text": BASE, "text2": TEXT2, "vae": VAE}


def import_recipe(foreign: LinearRecipe, sources: Sources, folders: Sequence[Path]) -> Recipe:
    """Turns another program's recipe into ours.

    Args:
        foreign: What it means.
        sources: The files are opened here.
        folders: Where to look for them, subfolders included.

    Raises:
        CheckpointError: Files are missing, or one of the right name has another content.
        RecipeError: An exact recipe names two files where there is one, or says nothing of some of the base's tensors.
    """
    paths = _paths(folders)
    found: dict[str, Source] = {}
    taken: dict[Path, str] = {}
    lost: list[str] = []
    for model in foreign.models():
        path, told = _find(model, foreign, paths)
        if path is None:
            lost.append(told)
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


def _paths(folders: Sequence[Path]) -> list[Path]:
    found = {
        path.resolve(): path
        for folder in folders
        for path in (folder.rglob("*") if folder.is_dir() else [folder])
        if path.suffix.lower() in SUFFIXES and path.is_file()
    }
    return sorted(found.values(), key=str)


def _shared_end(one: Sequence[str], other: Sequence[str]) -> int:
    """How many folders next to the file have the same names."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _find(model: str, foreign: LinearRecipe, paths: Sequence[Path]) -> tuple[Path | None, str]:
    """The file of a model, or what to say about it."""
    sha256 = model if _SHA256.fullmatch(model) else ""
    name = foreign.names.get(model, "" if sha256 else model)
    *folders, plain = _SHORT_HASH.sub("", name).replace("\\", "/").split("/")
    wanted = {plain, *(f"{plain}{suffix}" for suffix in SUFFIXES)} if plain else set()
    if foreign.is_exact:
        wanted.add(name.rpartition("/")[2])  # outside Windows a name may hold a backslash
    named = [path for path in paths if path.name in wanted]
    named.sort(key=lambda path: -_shared_end(folders, path.parent.parts))
    known = sha256 or next((sha for sha, other in foreign.names.items() if other == name), "")
    for path in named:
        if not known or file_sha256(path) == known:
            return path, ""
    for path in paths:
        if known and path not in named and file_sha256(path) == known:
            return path, ""
    told = name or f"SHA-256 {sha256[:12]}"
    return None, f"{told} (only a file of this name with another content)" if named else told
