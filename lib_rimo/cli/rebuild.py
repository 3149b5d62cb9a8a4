"""``rimo rebuild``: the same checkpoint again, from its recipe and its parents."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from lib_rimo.cli.setting import models_folder
from lib_rimo.errors import CheckpointError
from lib_rimo.library.recipe_file import read_texts
from lib_rimo.merging.mix.mixable import lacking_json
from lib_rimo.merging.rebuild import rebuild
from lib_rimo.merging.saving.ancestry import read_tree
from lib_rimo.merging.saving.names import SUFFIX


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "rebuild",
        parents=[shared],
        help="write a checkpoint again from its recipe",
        description="Writes the checkpoint that a recipe describes, bit for bit, without any search. Parents are "
        "found by content, under any name; a parent that is a mix itself is computed if its file is gone.",
    )
    parser.add_argument(
        "recipe", type=Path, help="a saved checkpoint, its history as JSON (rimo history), or a recipe file"
    )
    parser.add_argument(
        "--checkpoints", type=Path, nargs="+", metavar="DIR", help="where the parents lie (default: --models)"
    )
    parser.add_argument("--save", metavar="NAME", help="name to write it under (default: its own)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was done as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    texts = read_texts(options.recipe)
    folder = models_folder(options)
    folders = options.checkpoints or [folder]
    for path in folders:
        if not path.exists():
            raise CheckpointError("There is no such folder", found=path, fix="Check the path")
    own, _ = read_tree(texts)
    name = options.save or ("rebuilt" if own is None or own.name == "?" else own.name.removesuffix(SUFFIX))
    done = rebuild(texts, folders, folder, name)
    sys.stdout.write(f"Saved {done.path}\n")
    for name in done.computed:
        sys.stdout.write(f"{name} was not there and was computed from its own parents\n")
    sys.stdout.write("".join(f"{note}\n" for note in done.notes))
    told = (
        "the same as when it was first saved" if done.proved else "its recipe came without a hash to compare"
    )
    sys.stdout.write(f"SHA-256 of the tensors {done.data_hash}: {told}\n")
    if options.json:
        data = {
            "checkpoint": str(done.path),
            "data_hash": done.data_hash,
            "proved": done.proved,
            "computed": list(done.computed),
            "notes": list(done.notes),
            "left_out": lacking_json(done.left_out),
        }
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0
