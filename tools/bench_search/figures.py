"""Puts rows of the comparison into the tables of the documents."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from tools.bench_search.report import Line, lines
from tools.bench_search.runs import Run

HEADER = re.compile(r"\| (\d+) weights \| pictures \|((?: \w+ \|)+)")


def insert(text: str, runs: Sequence[Run], method: str) -> str:
    """A document with a method's rows, each below the others of as many pictures; an older row of it goes.

    Args:
        text: With tables as ``docs/search-figures.md`` has them: one for each number of weights, a column for each
            kind of landscape.
        runs: Of the method, and of the default on the same landscapes.
        method: By name.
    """
    known = {(row.dimensions, row.budget, row.kind): row for row in lines(runs) if row.method == method}
    own = re.compile(rf"\| {re.escape(method)} [(|]")
    kept = [line for line in text.splitlines() if not (own.match(line) and _budget(line))]
    out: list[str] = []
    size, kinds = 0, list[str]()
    for line, following in itertools.pairwise([*kept, ""]):
        if found := HEADER.match(line):
            size, kinds = int(found[1]), found[2].replace("|", " ").split()
        elif not line.startswith("|"):
            size = 0
        out.append(line)
        budget = _budget(line)
        if budget and budget != _budget(following):
            cells = [known.get((size, budget, kind)) for kind in kinds]
            out += [_row(method, budget, cells)] if any(cells) else []
    return "\n".join(out) + "\n"


def _budget(line: str) -> int:
    """Pictures of a row; 0 if it is none."""
    cells = [cell.strip().replace(",", "") for cell in line.split("|")]
    return int(cells[2]) if len(cells) > 3 and cells[2].isdigit() else 0


def _row(method: str, budget: int, cells: Sequence[Line | None]) -> str:
    counts = sorted({cell.seeds for cell in cells if cell is not None})
    seeds = (
        "1 seed"
        if counts == [1]
        else f"{' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} seeds"
    )
    return f"| {method} ({seeds}) | {budget:,} | " + " | ".join(map(_cell, cells)) + " |"


def _cell(row: Line | None) -> str:
    if row is None:
        return ""
    error = f" ± {row.ahead_error:.2f}" if row.seeds > 1 else ""
    return f"{row.median:.2f} ({row.ahead:+.2f}{error})"
