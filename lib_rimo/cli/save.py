"""``rimo save``: the best recipe of a study to a checkpoint."""

from __future__ import annotations

import argparse
import sys

from lib_rimo.cli.setting import models_folder, recorded
from lib_rimo.study.saving import save_record


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser("save", parents=[shared], help="write the best checkpoint of a study")
    parser.add_argument("study", help="its id, see rimo studies")
    parser.add_argument("--name", required=True, help="name of the checkpoint to write")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    record = recorded(options, options.study)
    path = save_record(record, record.best(), models_folder(options), options.name)
    sys.stdout.write(f"Saved {path}\n")
    return 0
