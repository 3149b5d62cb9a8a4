"""``rimo``: reads the arguments, runs one command, turns errors into a line and an exit code."""

from __future__ import annotations

import argparse
import io
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from lib_rimo import __version__
from lib_rimo.cli import bench, contact, history, import_, merge, mix, rebuild, save, serve, studies, taggers
from lib_rimo.errors import RimoError
from lib_rimo.hosts.drawers.registry import DEFAULT
from lib_rimo.registry import problems

OK, UNEXPECTED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: done; a defect of ours; something of the user's is wrong; Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: Without the program's name; None takes ``sys.argv``.

    Returns:
        The exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")  # names that the terminal's encoding cannot write
    logging.basicConfig(format="%(levelname)s %(message)s")  # the parser already asks what packages add
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.root.setLevel(logging.DEBUG if options.verbose else logging.WARNING)
    problems()  # what a package adds and cannot be used is logged, once, before anything is done
    try:
        code: int = options.run(options)
    except RimoError as error:
        switch = _switch(parser, options.command, error.setting)
        print(f"rimo: {error}" + (f" ({switch})" if switch else ""), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return OK
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rimo", description="Find the best block-wise merge of Stable Diffusion checkpoints."
    )
    parser.add_argument("--version", action="version", version=f"rimo {__version__}")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--models", type=Path, metavar="DIR", help="folder of checkpoints, also for saving")
    shared.add_argument("--studies", type=Path, metavar="DIR", help="folder that holds the studies")
    shared.add_argument("--config", type=Path, metavar="DIR", help="diffusers configuration of the family")
    shared.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    shared.add_argument(
        "--drawer", metavar="NAME", help=f"what draws: {DEFAULT} (default), or what a package adds"
    )
    shared.add_argument("--verbose", action="store_true", help="say more, with tracebacks")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for command in (mix, bench, contact, merge, save, rebuild, history, import_, studies, taggers, serve):
        command.add_parser(commands, shared)
    return parser


def _switch(parser: argparse.ArgumentParser, command: str, setting: str) -> str:
    """What a command calls a setting; empty if it has no switch for it."""
    # argparse tells nobody else what a parser takes
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for action in commands.choices[command]._actions:
        if action.dest == setting:
            return next((name for name in action.option_strings if name.startswith("--")), "")
    return ""
