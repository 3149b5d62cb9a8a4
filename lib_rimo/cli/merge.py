"""``rimo merge``: a recipe to a checkpoint, without any search."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lib_rimo.cli.forms import add_form_options, add_setting_options, form_of
from lib_rimo.cli.setting import models_folder
from lib_rimo.errors import RecipeError
from lib_rimo.library.recipe_file import read_recipe
from lib_rimo.merging.mix.method import options_of
from lib_rimo.merging.mix.methods import METHODS
from lib_rimo.merging.mix.mixable import check_recipe, lacking_json, left_out
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.save import save_merged


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser("merge", parents=[shared], help="write a recipe's checkpoint")
    parser.add_argument("recipe", type=Path, help="recipe file, or the JSON result of rimo mix")
    parser.add_argument("--save", metavar="NAME", required=True, help="name of the checkpoint to write")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write what was saved, and what left out, as JSON"
    )
    parser.add_argument("--partition", help="JSON file of the recipe's block groups, if they are your own")
    parser.add_argument("--method", metavar="NAME", help="merge by another method than the recipe says")
    parser.add_argument(
        "--method-options", nargs="+", default=[], metavar="NAME=VALUE", help="of the method, such as rank=16"
    )
    add_form_options(parser)
    add_setting_options(parser, ["mix_predictions"])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    recipe = _by_method(read_recipe(options.recipe), options.method, options.method_options)
    folder = models_folder(options)
    partition = load_partition(options.partition or recipe.partition)
    with Sources(folders=[folder, options.recipe.resolve().parent]) as sources:
        notes = check_recipe(recipe, sources, partition, mix_predictions=bool(options.mix_predictions))
        lacking = lacking_json(left_out(recipe, sources, partition))
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
        data = {"checkpoint": str(path), "recipe": recipe.to_json(), "notes": notes, "left_out": lacking}
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0


def _by_method(recipe: Recipe, method: str | None, texts: Sequence[str]) -> Recipe:
    """The recipe, with another method or other options if asked for."""
    if method is None and not texts:
        return recipe
    if recipe.before is not None:
        raise RecipeError(
            "A recipe of several steps keeps its methods",
            found=", ".join(step.method for step in recipe.steps()),
            wanted="a recipe of one step",
        )
    name = method or recipe.method
    given = recipe.options if name == recipe.method else {}
    return replace(recipe, method=name, options=METHODS[name].resolve({**given, **options_of(texts)}))
