"""Options that several commands have: settings of a study, and what a written checkpoint is like."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from lib_rimo.library.recipe_file import read_recipe
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.saving.options import NUMBER_TYPES, SaveOptions
from lib_rimo.study.settings.numbers import shortest
from lib_rimo.study.settings.reading import Entry
from lib_rimo.study.settings.settings import SETTINGS


def add_form_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--number-type", choices=tuple(NUMBER_TYPES), default="", help="default: the base's number types"
    )
    parser.add_argument("--no-vae", action="store_true", help="leave the VAE out")
    parser.add_argument("--prune-ema", action="store_true", help="leave the base's EMA copies out")


def add_setting_options(
    parser: argparse._ActionsContainer, names: Iterable[str], unset: Mapping[str, str] | None = None
) -> None:
    """Adds settings of a study as options, under their own names and None unless given.

    Args:
        parser: The command's, or a group of its options.
        names: Of the settings; those that are no options are passed over.
        unset: What holds for this command where nothing is given, by name.
    """
    for name in names:
        entry = SETTINGS[name]
        if entry.about.no_option:
            continue
        told = f"{entry.about.help} (default: {(unset or {}).get(name) or shown_default(entry)})"
        parser.add_argument(
            option_of(entry), dest=name, default=None, help=told.replace("%", "%%"), **_kind_of(entry)
        )


def option_of(entry: Entry) -> str:
    """How a setting is called on the command line."""
    off = "no-" if entry.default is True else ""
    return f"--{off}{entry.about.option or entry.name.replace('_', '-')}"


def shown_default(entry: Entry) -> str:
    """What holds unless a setting is given, in words."""
    default = entry.default
    if isinstance(default, bool):
        return "on" if default else "off"
    if default is None or default in ((), ""):
        return entry.about.unset
    if isinstance(default, tuple):
        return " ".join(map(_number, default))
    return _number(default)


def given_settings(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """The settings that were given, as plain values.

    Raises:
        RecipeError: A file that holds one cannot be read.
    """
    out = {}
    for name in names:
        value, entry = getattr(options, name, None), SETTINGS[name]
        if value is None or entry.about.no_option:
            continue
        out[name] = read_recipe(value).to_text() if entry.type is Recipe else _plain(value)
    return out


def _kind_of(entry: Entry) -> dict[str, Any]:
    """What argparse is told of a setting's type."""
    if entry.type is bool:
        return {"action": "store_false" if entry.default else "store_true"}
    how: dict[str, Any] = {"metavar": entry.about.metavar, "type": _PARSED.get(entry.type, str)}
    if entry.about.choices is not None:
        how["choices"] = [name for name in entry.about.labels if name]
    if entry.about.repeat:
        return {**how, "action": "append"}
    if entry.items is not None:
        return {**how, "type": _PARSED.get(entry.items, str), "nargs": "*" if entry.default else "+"}
    if entry.about.ends:
        return {**how, "type": get_args(entry.type)[0], "nargs": len(entry.about.ends)}
    return how


_PARSED: Mapping[type, type] = {int: int, float: float, Path: Path, Recipe: Path}
"""What the command line makes of a text; a recipe is the file that holds it."""


def _number(value: object) -> str:
    return shortest(value) if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def form_of(options: argparse.Namespace) -> SaveOptions:
    """What they ask for."""
    return SaveOptions(options.number_type, vae=not options.no_vae, ema=not options.prune_ema)
