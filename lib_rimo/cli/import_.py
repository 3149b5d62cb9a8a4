"""``rimo import`` and ``rimo export``: recipes of SuperMerger, Model Mixer and sd-mecha."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from lib_rimo.cli.recipe_file import read_json, read_texts
from lib_rimo.cli.setting import models_folder
from lib_rimo.errors import RecipeError
from lib_rimo.merging.adopt import adopt
from lib_rimo.merging.ancestry import read_tree
from lib_rimo.merging.checkpoint import SUFFIXES, open_checkpoint
from lib_rimo.merging.foreign import ForeignRecipe, read_metadata, read_webui
from lib_rimo.merging.foreign_mecha import read_mecha, write_mecha
from lib_rimo.merging.partition import load_partition
from lib_rimo.merging.sources import Sources


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds both commands."""
    taking = commands.add_parser(
        "import",
        parents=[shared],
        help="take over a recipe of SuperMerger, Model Mixer, sd-mecha or the WebUI",
        description="Writes a recipe of ours: for rimo merge, or to go on from.",
    )
    taking.add_argument(
        "file", type=Path, help="a merged checkpoint, its sd_merge_recipe as JSON, or a .mecha file"
    )
    taking.add_argument("output", type=Path, help="recipe file to write")
    taking.add_argument(
        "--checkpoints", type=Path, nargs="+", metavar="DIR", help="where its models lie (default: --models)"
    )
    taking.set_defaults(run=run_import)
    giving = commands.add_parser("export", parents=[shared], help="write a recipe for sd-mecha")
    giving.add_argument("file", type=Path, help="a checkpoint saved by this program, or a recipe file")
    giving.add_argument("output", type=Path, help=".mecha file to write")
    giving.add_argument(
        "--checkpoints", type=Path, nargs="+", metavar="DIR", help="where its base lies (default: --models)"
    )
    giving.set_defaults(run=run_export)


def run_import(options: argparse.Namespace) -> int:
    """Runs ``rimo import``; returns the exit code."""
    foreign = _read(options.file)
    with Sources() as sources:
        recipe = adopt(foreign, sources, options.checkpoints or [models_folder(options)])
    _write_new(options.output, json.dumps(recipe.to_json(with_paths=True), indent=2) + "\n")
    sys.stdout.write(f"Took over a recipe of {foreign.maker}: {recipe.base.name}")
    sys.stdout.write("".join(f" + {partner.name}" for partner in recipe.partners) + "\n")
    sys.stdout.write("".join(f"{note}\n" for note in foreign.notes))
    sys.stdout.write(f"Wrote {options.output}\n")
    return 0


def run_export(options: argparse.Namespace) -> int:
    """Runs ``rimo export``; returns the exit code."""
    own, _ = read_tree(read_texts(options.file))
    if own is None or own.recipe is None:
        raise RecipeError("There is no recipe of this program", found=options.file.name)
    partition = own.partition or load_partition(own.recipe.partition)
    with Sources(folders=options.checkpoints or [models_folder(options)]) as sources:
        text = write_mecha(own.recipe, sources.open(own.recipe.base), partition)
    _write_new(options.output, text)
    sys.stdout.write(f"Wrote {options.output}\n")
    return 0


def _read(path: Path) -> ForeignRecipe:
    if path.suffix.lower() in SUFFIXES:
        with open_checkpoint(path) as checkpoint:
            return read_metadata(checkpoint.metadata)
    if path.suffix.lower() == ".mecha":
        try:
            return read_mecha(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError("The recipe cannot be read", found=f"{path}: {error}") from error
    data: Any = read_json(path)
    if isinstance(data, dict) and "sd_merge_recipe" in data:
        texts = {key: text if isinstance(text, str) else json.dumps(text) for key, text in data.items()}
        return read_metadata(texts)
    return read_webui(data, {})


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise RecipeError(
            "The recipe cannot be written", found=error.strerror or str(error), wanted=f"a new file {path}"
        ) from error
