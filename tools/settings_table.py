"""Writes the table of options in README.md anew, from the table of settings: ``python -m tools.settings_table``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lib_rimo.cli.forms import option_of, shown_default
from lib_rimo.study.settings.reading import Entry
from lib_rimo.study.settings.settings import SETTINGS

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- settings: python -m tools.settings_table -->\n", "<!-- /settings -->\n"


def table() -> str:
    """The table as Markdown, rows of the form after one another."""
    rows = sorted(SETTINGS.values(), key=lambda entry: entry.about.row if entry.about.kind != "own" else -1)
    return "".join(_lines([entry for entry in rows if not entry.about.no_option]))


def written(readme: str) -> str:
    """A text with the table between its marks as it should be."""
    marked = re.compile(f"({re.escape(BEGIN)}).*?({re.escape(END)})", re.DOTALL)
    return marked.sub(lambda found: found[1] + table() + found[2], readme)


def _lines(entries: list[Entry]) -> Iterator[str]:
    yield "| option | default | what it does |\n| --- | --- | --- |\n"
    for entry in entries:
        default = shown_default(entry)
        shown = default if default == entry.about.unset else f"`{default}`"
        told = re.sub(r"(?<!\\)([|*_])", r"\\\1", entry.about.help)
        yield f"| `{option_of(entry)}` | {shown} | {told} |\n"


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
