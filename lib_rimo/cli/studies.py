"""``rimo studies``: what was searched so far."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from lib_rimo.cli.setting import studies_folder
from lib_rimo.study.store.store import StudyStore

STATES = {"finished": "finished", "broken": "damaged"}
"""What a line of the history says of a study; all others can be gone on with."""


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser("studies", parents=[shared], help="list the studies")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the list as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    rows: list[dict[str, Any]] = [
        {
            "study": row["id"],
            "state": STATES.get(row["state"], "unfinished"),
            "base": row["base"],
            "partners": row["partners"],
            "trials": row["trials"],
            "images": row["images"],
            "saved": row["saved"],
            "error": row["broken"],
        }
        for row in StudyStore(studies_folder(options)).rows({})
    ]
    for row in rows:
        told = row["error"] or f"{row['base']} + {', '.join(row['partners'])}"
        sys.stdout.write(f"{row['study']}  {row['state']:<10}  {row['images']:>6} images  {told}\n")
    if not rows:
        sys.stdout.write("No studies yet.\n")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0
