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
        out.append(line)
        budget = _budget(line)
        if budget and budget != _budget(following):
            cells = [known[size, budget, kind] for kind in kinds if (size, budget, kind) in known]
            out += [_row(method, budget, cells)] if len(cells) == len(kinds) else []
    return "\n".join(out) + "\n"


def _budget(line: str) -> int:
    """Pictures of a row; 0 if it is none."""
    cells = [cell.strip().replace(",", "") for cell in line.split("|")]
    return int(cells[2]) if len(cells) > 3 and cells[2].isdigit() else 0


def _row(method: str, budget: int, cells: Sequence[Line]) -> str:
    counts = sorted({cell.seeds for cell in cells})
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    said = [f"{c.median:.2f} ({c.ahead:+.2f} ± {c.ahead_error:.2f})" for c in cells]
    return f"| {method} ({seeds} seeds) | {budget:,} | " + " | ".join(said) + " |"
