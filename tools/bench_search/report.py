"""Tables and plots of the runs."""

from __future__ import annotations

import csv
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib_rimo.search import STRATEGIES
from tools.bench_search.methods import UPSTREAM_IMAGES
from tools.bench_search.runs import Run

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Line:
    """One method at one number of pictures on one kind of landscape.

    Attributes:
        kind: Of the landscape.
        dimensions: Number of weights.
        budget: Pictures.
        method: By name.
        seeds: How many.
        median: Of the share of the reachable gain.
        low: Lower quartile.
        high: Upper quartile.
        ahead: Mean of the default's share less this method's, on the same seeds.
        ahead_error: Its standard error.
    """

    kind: str
    dimensions: int
    budget: int
    method: str
    seeds: int
    median: float
    low: float
    high: float
    ahead: float
    ahead_error: float


def lines(runs: Sequence[Run]) -> list[Line]:
    """Sums up over seeds; kinds, dimensions, budgets and methods in the order in which they first come."""
    groups: dict[tuple[str, int, int, str], dict[int, float]] = {}
    for run in runs:
        groups.setdefault((run.kind, run.dimensions, run.budget, run.method), {})[run.seed] = run.share
    out = []
    for (kind, size, budget, method), shares in groups.items():
        own = groups.get((kind, size, budget, DEFAULT), {})
        gaps = [own[seed] - share for seed, share in shares.items() if seed in own]
        values = sorted(shares.values())
        quartiles = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        mean, error = _mean(gaps)
        row = Line(
            kind,
            size,
            budget,
            method,
            len(values),
            statistics.median(values),
            quartiles[0],
            quartiles[2],
            mean,
            error,
        )
        out.append(row)
    return sorted(out, key=lambda r: (r.dimensions, r.kind, r.budget))


def against_upstream(
    runs: Sequence[Run], method: str, budget: int
) -> dict[tuple[str, int], tuple[float, float, int]]:
    """Default's share at ``budget`` less a whole epoch of upstream, for each kind and number of dimensions.

    Returns:
        Mean paired difference, its standard error, number of seeds.
    """
    own = {(r.kind, r.dimensions, r.seed): r.share for r in runs if (r.method, r.budget) == (DEFAULT, budget)}
    out: dict[tuple[str, int], list[float]] = {}
    for r in runs:
        key = (r.kind, r.dimensions, r.seed)
        if (r.method, r.budget) == (method, UPSTREAM_IMAGES) and key in own:
            out.setdefault(key[:2], []).append(own[key] - r.share)
    return {key: (*_mean(gaps), len(gaps)) for key, gaps in out.items()}


def factor(runs: Sequence[Run], method: str, kind: str, dimensions: int) -> float:
    """How many times fewer pictures the default needs for the median share of a whole epoch of upstream.

    Between two budgets the default's median is interpolated; below the smallest nothing is assumed.
    """
    mine = [r for r in lines(runs) if (r.kind, r.dimensions) == (kind, dimensions)]
    goal = next(r.median for r in mine if (r.method, r.budget) == (method, UPSTREAM_IMAGES))
    curve = sorted((r.budget, r.median) for r in mine if r.method == DEFAULT)
    if curve[0][1] >= goal:
        return UPSTREAM_IMAGES / curve[0][0]
    for (b0, m0), (b1, m1) in itertools.pairwise(curve):
        if m1 >= goal:
            return UPSTREAM_IMAGES / (b0 + (b1 - b0) * (goal - m0) / (m1 - m0))
    return 0.0


def coverage(runs: Sequence[Run]) -> str:
    """How often the default's own intervals held the truth."""
    told = [r for r in runs if r.method == DEFAULT and r.held is not None]
    scores = [r.gain_z for r in told if r.gain_z is not None]
    if not told or not scores:
        return ""
    held = sum(bool(r.held) for r in told) / len(told)
    gain = sum(abs(z) <= 1.96 for z in scores) / len(scores)
    return (
        f"Nominal 95 % intervals of the default's own estimate, {len(told)} runs: accuracy held {held:.1%}, "
        f"gain over the base {gain:.1%} (claimed less true gain in claimed sd: mean {statistics.fmean(scores):+.2f}, "
        f"sd {statistics.pstdev(scores):.2f}).\n"
    )


def write(runs: Sequence[Run], folder: Path) -> str:
    """Writes ``table.csv``, ``table.md`` and one plot per number of dimensions; returns the markdown."""
    rows = lines(runs)
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Line.__slots__)
        writer.writerows([getattr(row, name) for name in Line.__slots__] for row in rows)
    text = markdown(runs)
    (folder / "table.md").write_text(text, encoding="utf-8")
    for size in sorted({row.dimensions for row in rows}):
        _plot([row for row in rows if row.dimensions == size], folder / f"shares-{size}.png")
    return text


def markdown(runs: Sequence[Run]) -> str:
    """A table for each number of dimensions and kind, the factor against upstream, and the coverage."""
    rows = lines(runs)
    budgets = sorted({r.budget for r in rows})
    out = []
    for size, kind in dict.fromkeys((r.dimensions, r.kind) for r in rows):
        mine = {(r.method, r.budget): r for r in rows if (r.dimensions, r.kind) == (size, kind)}
        own = [b for b in budgets if any(budget == b for _, budget in mine)]
        out += [f"**{kind}, {size} weights**, median share (default's lead, mean +- standard error)\n"]
        out += ["| method | " + " | ".join(f"{b:,}" for b in own) + " |", "| --- |" + " --- |" * len(own)]
        for method in dict.fromkeys(name for name, _ in mine):
            cells = [_cell(mine.get((method, b))) for b in own]
            out.append(f"| {method} | " + " | ".join(cells) + " |")
        out.append("")
    for method in (name for name in STRATEGIES.names() if not STRATEGIES[name].plans):
        for budget in budgets:
            for (kind, size), (mean, error, n) in against_upstream(runs, method, budget).items():
                out.append(
                    f"- {kind}, {size} weights: default with {budget:,} pictures less {method} with "
                    f"{UPSTREAM_IMAGES:,}: {mean:+.3f} +- {error:.3f} ({n} seeds)"
                )
    return "\n".join([*out, "", coverage(runs)])


def _cell(row: Line | None) -> str:
    if row is None:
        return ""
    ahead = (
        ""
        if row.method == DEFAULT or row.ahead != row.ahead
        else f" ({row.ahead:+.2f} +- {row.ahead_error:.2f})"
    )
    return f"{row.median:.2f}{ahead}"


def _mean(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return float("nan"), float("nan")
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return statistics.fmean(values), error


def _plot(rows: Sequence[Line], file: Path) -> None:
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(row.kind for row in rows))
    figure = Figure(figsize=(4.2 * min(3, len(kinds)), 3.4 * -(-len(kinds) // 3)), layout="constrained")
    axes = figure.subplots(-(-len(kinds) // 3), min(3, len(kinds)), squeeze=False, sharex=True, sharey=True)
    for axis, kind in zip(axes.flat, kinds, strict=False):
        for method in dict.fromkeys(row.method for row in rows):
            mine = sorted((r for r in rows if (r.kind, r.method) == (kind, method)), key=lambda r: r.budget)
            x, y = [r.budget for r in mine], [r.median for r in mine]
            bold = method == DEFAULT
            axis.plot(x, y, marker="o", label=method, linewidth=2.4 if bold else 1.2, zorder=3 if bold else 2)
            if bold:
                axis.fill_between(x, [r.low for r in mine], [r.high for r in mine], alpha=0.15)
        axis.set_title(kind)
        axis.set_xscale("log")
        axis.set_ylim(-0.5, 1.0)
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(kinds) :]:
        axis.remove()
    figure.supxlabel("pictures")
    figure.supylabel("share of the reachable gain")
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(file, dpi=110)
