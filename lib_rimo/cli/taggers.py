"""``rimo taggers``: what can read the pictures, and downloads."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from lib_rimo.benchmark.hub import KNOWN_TAGGERS
from lib_rimo.benchmark.taggers import Taggers
from lib_rimo.cli.setting import folders
from lib_rimo.wording.files import told_tagger


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "taggers",
        parents=[shared],
        help="list the known taggers, or download some",
        description="What each known tagger is for, how large it is, under which licence, and whether it is here. Any "
        "other one can be named by its folder (--tagger DIR).",
    )
    parser.add_argument(
        "fetch", nargs="*", metavar="NAME", help="download these now; what broke off before is taken up again"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what is known as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    taggers = Taggers(folders(options).taggers)
    for name in options.fetch:
        sys.stdout.write(f"{name} is in {taggers.fetch(name)}\n")
    known = [taggers.about(name) for name in options.fetch or KNOWN_TAGGERS]
    if not options.fetch:
        sys.stdout.write(
            "\n".join(f"{one['name']}\n    {' '.join(told_tagger(one))}" for one in known) + "\n"
        )
    if options.json:
        options.json.write_text(json.dumps(known, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0
