"""``rimo import`` and ``rimo export``: recipes of SuperMerger, Model Mixer and sd-mecha."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from lib_rimo.cli.forms import add_setting_options
from lib_rimo.cli.setting import models_folder
from lib_rimo.errors import RecipeError
from lib_rimo.files import read_text
from lib_rimo.library.folders import home
from lib_rimo.library.recipe_file import read_json, read_texts
from lib_rimo.merging.checkpoints.checkpoint import SUFFIXES, open_checkpoint
from lib_rimo.merging.checkpoints.hashes import Hashes
from lib_rimo.merging.interop.import_ import import_recipe, import_remarks
from lib_rimo.merging.interop.linear import LinearRecipe
from lib_rimo.merging.interop.mecha import read_mecha, write_mecha
from lib_rimo.merging.interop.webui import read_metadata, read_webui
from lib_rimo.merging.interop.write import Written, write_model_mixer, write_supermerger
from lib_rimo.merging.mix.mixable import check_numbers, check_recipe, lacking_json, left_out
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.ancestry import Tree, read_tree

MECHA = "sd-mecha"
WRITERS = {"supermerger": write_supermerger, "model-mixer": write_model_mixer}
PROGRAMS = (MECHA, *WRITERS)
"""What recipes are written for."""
HASHES = "hashes.json"
"""Where hashes of checkpoints are kept."""
TOLD_BYTES = 100_000_000
"""From this size on it is told that a file is read, since it takes a while."""


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
    taking.add_argument(
        "--json", type=Path, metavar="FILE", help="write what was taken over, and what not, as JSON"
    )
    add_setting_options(taking, ["mix_predictions"])
    taking.set_defaults(run=run_import)
    giving = commands.add_parser(
        "export",
        parents=[shared],
        help="write a recipe for sd-mecha, SuperMerger or Model Mixer",
        description="Writes a recipe of ours as another program keeps its own, and says what to enter there. What "
        "the program cannot express is refused.",
    )
    giving.add_argument("file", type=Path, help="a checkpoint saved by this program, or a recipe file")
    giving.add_argument("output", type=Path, help="file to write: .mecha, or .json for the other two")
    giving.add_argument(
        "--for",
        dest="program",
        choices=PROGRAMS,
        help=f"default: {MECHA} for a .mecha file",
    )
    giving.add_argument("--partition", help="JSON file of the recipe's block groups, if they are your own")
    giving.add_argument(
        "--checkpoints", type=Path, nargs="+", metavar="DIR", help="where its base lies (default: --models)"
    )
    giving.set_defaults(run=run_export)


def run_import(options: argparse.Namespace) -> int:
    """Runs ``rimo import``; returns the exit code."""
    foreign = _read(options.file)
    hashes = Hashes(home() / HASHES, _tell_reading)
    with Sources() as sources:
        recipe = import_recipe(foreign, sources, options.checkpoints or [models_folder(options)], hashes)
        partition = load_partition(recipe.partition)
        notes = check_recipe(recipe, sources, partition, mix_predictions=bool(options.mix_predictions))
        lacking = lacking_json(left_out(recipe, sources, partition))
        notes += check_numbers(recipe, sources, partition)
        notes = [*foreign.notes, *import_remarks(foreign, recipe, sources), *notes]
    _write_new(options.output, json.dumps(recipe.to_json(with_paths=True), indent=2) + "\n")
    sys.stdout.write(f"Took over a recipe of {foreign.maker}: {recipe.base.name}")
    sys.stdout.write("".join(f" + {partner.name}" for partner in recipe.partners) + "\n")
    sys.stdout.write("".join(f"{note}\n" for note in notes))
    sys.stdout.write(f"Wrote {options.output}\n")
    if options.json:
        data = {"recipe": recipe.to_json(), "maker": foreign.maker, "notes": notes, "left_out": lacking}
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0


def _tell_reading(path: Path, size_bytes: int) -> None:
    if size_bytes >= TOLD_BYTES:
        print(f"Reading {path.name} ({size_bytes / 1e9:.1f} GB) to know its hash", file=sys.stderr)


def run_export(options: argparse.Namespace) -> int:
    """Runs ``rimo export``; returns the exit code."""
    own, tree = read_tree(read_texts(options.file))
    if own is None or own.recipe is None:
        raise RecipeError("There is no recipe of this program", found=options.file.name)
    _refuse_computed(own.recipe, tree)
    program = options.program or (MECHA if options.output.suffix.lower() == ".mecha" else None)
    if program is None:
        raise RecipeError(
            "It is not told which program the recipe is for",
            wanted=", ".join(PROGRAMS),
            fix="Name it with --for",
        )
    partition = own.partition or load_partition(options.partition or own.recipe.partition)
    folders = options.checkpoints or [models_folder(options)]
    with Sources(folders=[*folders, options.file.resolve().parent]) as sources:
        if program == MECHA:
            written = Written(write_mecha(own.recipe, sources.open(own.recipe.base), partition), ())
        else:
            written = WRITERS[program](own.recipe, sources, partition)
    _write_new(options.output, written.text)
    sys.stdout.write("".join(f"{step}\n" for step in written.steps))
    sys.stdout.write(f"Wrote {options.output}\n")
    return 0


def _refuse_computed(recipe: Recipe, tree: Tree) -> None:
    """Raises where a recipe mixes what only this program can compute."""
    for source in (recipe.base, *recipe.used_partners()):
        node = tree.get(source.fingerprint)
        if node is not None and node.spec is not None:
            raise RecipeError(
                "The recipe mixes a checkpoint that never was a file",
                found=source.name,
                wanted="checkpoints that the other program can load",
                fix="Save it as a checkpoint, and export a recipe that mixes the saved file",
            )


def _read(path: Path) -> LinearRecipe:
    if path.suffix.lower() in SUFFIXES:
        with open_checkpoint(path) as checkpoint:
            return read_metadata(checkpoint.metadata)
    if path.suffix.lower() == ".mecha":
        try:
            return read_mecha(read_text(path))
        except UnicodeDecodeError as error:
            raise RecipeError(
                "The recipe cannot be read",
                found=f"{path}: {error}",
                wanted="a text in UTF-8 or UTF-16",
                fix="On Windows sd-mecha may have written the system's own encoding: save the text as UTF-8",
            ) from error
        except OSError as error:
            raise RecipeError("The recipe cannot be read", found=f"{path}: {error}") from error
    data: Any = read_json(path)
    if isinstance(data, dict) and not {"sd_merge_recipe", "mecha_recipe"}.isdisjoint(data):
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
