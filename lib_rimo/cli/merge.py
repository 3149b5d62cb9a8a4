"""``rimo merge``: a recipe to a checkpoint, without any search."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from lib_rimo.cli.forms import add_form_options, add_setting_options, form_of
from lib_rimo.cli.setting import models_folder
from lib_rimo.library.recipe_file import read_recipe
from lib_rimo.merging.mix.mixable import check_recipe
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.save import save_merged


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser("merge", parents=[shared], help="write a recipe's checkpoint")
    parser.add_argument("recipe", type=Path, help="recipe file, or the JSON result of rimo mix")
    parser.add_argument("--save", metavar="NAME", required=True, help="name of the checkpoint to write")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the path as JSON")
    parser.add_argument("--partition", help="JSON file of the recipe's block groups, if they are your own")
    add_form_options(parser)
    add_setting_options(parser, ["mix_predictions"])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    recipe = read_recipe(options.recipe)
    folder = models_folder(options)
    partition = load_partition(options.partition or recipe.partition)
    with Sources(folders=[folder, options.recipe.resolve().parent]) as sources:
        notes = check_recipe(recipe, sources, mix_predictions=bool(options.mix_predictions))
        path = save_merged(
            recipe,
            sources,
            partition,
            folder,
            options.save,
            form=form_of(options),
            mix_predictions=bool(options.mix_predictions),
        )
    sys.stdout.write("".join(f"{note}\n" for note in notes) + f"Saved {path}\n")
    if options.json:
        text = json.dumps({"checkpoint": str(path), "recipe": recipe.to_json(), "notes": notes}, indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0
