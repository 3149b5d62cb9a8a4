"""``rimo save``: a mix of a study to a checkpoint, or its recipe alone."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from lib_rimo.cli.forms import add_form_options, form_of
from lib_rimo.cli.setting import models_folder, recorded
from lib_rimo.errors import SaveError
from lib_rimo.merging.mix.mixable import check_recipe, lacking_json, left_out
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.study.mixes.save import save_record, study_sources
from lib_rimo.study.record.choice import Choice


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "save",
        parents=[shared],
        help="write a mix of a study",
        description="Writes the best mix, that of a trial or an epoch, or the plain average. Every mix that was "
        "tried is kept as a recipe.",
    )
    parser.add_argument("study", help="its id, see rimo studies")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--trial", type=int, metavar="N", help="that trial's mix instead of the best")
    which.add_argument("--epoch", type=int, metavar="N", help="the winner of that epoch")
    which.add_argument("--average", action="store_true", help="the plain average of base and all partners")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--name", help="name of the checkpoint to write")
    what.add_argument("--recipe", type=Path, metavar="FILE", help="write the recipe alone, for rimo merge")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write what was saved, and what left out, as JSON"
    )
    add_form_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    record = recorded(options, options.study)
    choice = {"trial": options.trial, "epoch": options.epoch, "average": options.average}
    recipe = Choice.of(choice).recipe(record)
    data: dict[str, Any] = {"recipe": recipe.to_json()}
    if options.recipe is not None:
        try:
            with options.recipe.open("x", encoding="utf-8") as file:
                file.write(json.dumps(recipe.to_json(with_paths=True), indent=2) + "\n")
        except OSError as error:
            raise SaveError("The recipe cannot be written", found=error, wanted="a new file") from error
        path = options.recipe
    else:
        folder = models_folder(options)
        with study_sources(record, folder) as sources:
            allowed = record.settings.mix_predictions
            partition = load_partition(record.settings.search.partition)
            notes = check_recipe(recipe, sources, partition, mix_predictions=allowed)
            lacking = lacking_json(left_out(recipe, sources, partition))
            path = save_record(record, recipe, folder, options.name, sources, form=form_of(options))
        data |= {"checkpoint": str(path), "notes": notes, "left_out": lacking}
        sys.stdout.write("".join(f"{note}\n" for note in notes))
    sys.stdout.write(f"Saved {path}\n")
    if options.json:
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0
