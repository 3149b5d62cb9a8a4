"""``rimo serve``: the tab in the browser, without a WebUI."""

from __future__ import annotations

import argparse
from functools import partial

from lib_rimo.benchmark.taggers import DEFAULT
from lib_rimo.cli.forms import add_setting_options
from lib_rimo.cli.setting import workplace


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "serve",
        parents=[shared],
        help="open the tab in the browser",
        description="The page offers the checkpoints of your folder; a button in it offers the tiny family too.",
    )
    parser.add_argument(
        "--demo",
        action="store_true",
        help="offer the tiny family from the start, beside your own checkpoints",
    )
    add_setting_options(parser, ("tagger", "threshold", "character_threshold"), {"tagger": DEFAULT})
    parser.add_argument("--port", type=int, help="default: the first free one from 7861")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    from lib_rimo.ui.server.standalone import serve  # gradio takes seconds to import

    place = workplace(options, demo=options.demo, tagger=DEFAULT)
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
