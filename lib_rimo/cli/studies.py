"""``rimo studies``: what was searched so far."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from lib_rimo.cli.setting import studies_folder
from lib_rimo.study.history import past_studies


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
            "study": past.study,
            "state": "finished" if past.finished else "unfinished",
            "base": past.record.sources[0].name,
            "partners": [s.name for s in past.record.sources[1:]],
            "trials": len(past.record.trials),
            "images": past.record.images,
            "saved": [s.file for s in past.record.saved],
        }
        for past in past_studies(studies_folder(options))
    ]
    for row in rows:
        partners = ", ".join(row["partners"])
        sys.stdout.write(
            f"{row['study']}  {row['state']:<10}  {row['images']:>6} images  {row['base']} + {partners}\n"
        )
    if not rows:
        sys.stdout.write("No studies yet.\n")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0
