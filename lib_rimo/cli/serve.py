"""``rimo serve``: the tab in the browser, without a WebUI."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from lib_rimo.cli.setting import workplace


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "serve",
        parents=[shared],
        help="open the tab in the browser",
        description="Without --tagger the tiny family is offered, so that there is something to try.",
    )
    parser.add_argument("--tagger", type=Path, metavar="DIR", help="folder of the tagger")
    parser.add_argument("--threshold", type=float, help="probability from which a tag counts as found")
    parser.add_argument("--port", type=int, help="default: the first free one from 7861")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    from lib_rimo.ui.standalone import serve  # gradio takes seconds to import

    place = workplace(options, demo=options.tagger is None)
    try:
        serve(
            place.studies,
            host=options.host,
            port=options.port,
            open_browser=not options.no_browser,
            tell=partial(print, flush=True),
        )
    finally:
        place.studies.close()
    return 0
