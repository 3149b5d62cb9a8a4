"""The result of a study as JSON and as a table for the terminal."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.interval import Interval
from lib_rimo.errors import StudyError
from lib_rimo.study.record.results import Result, Watch
from lib_rimo.study.store.snapshot import Snapshot
from lib_rimo.wording.epochs import epochs
from lib_rimo.wording.sentences import asked_alike, blocks_added, variety


def result_json(
    snapshot: Snapshot, *, seconds: float, writes: Mapping[str, int | None], checkpoint: Path | None
) -> dict[str, Any]:
    """The result under the names that scripts rely on.

    Raises:
        StudyError: The study has no result.
    """
    result = _result(snapshot)
    gain, blocks = result.gain_over_best_parent, result.gain_over_single_weight
    return {
        "study": snapshot.study,
        "images": snapshot.images,
        "images_unseen": snapshot.measured,
        "trials": snapshot.trial,
        "epochs": snapshot.epochs,
        "seconds": round(seconds, 2),
        **writes,
        "base": {"name": snapshot.base, **accuracy_json(result.base)},
        "parents": [{"name": name, **accuracy_json(i)} for name, i in result.parents.items()],
        "uniform": accuracy_json(result.uniform),
        "merged": accuracy_json(result.merged),
        "best_parent": result.best_parent,
        "gain_over_best_parent": gain_json(gain),
        "gain_over_base": gain_json(result.gain_over_base),
        "single_weight": None if result.single is None else accuracy_json(result.single),
        "alike": result.alike,
        "gain_over_single_weight": None if blocks is None else gain_json(blocks),
        "categories": [
            {
                "category": row.category,
                "merged": accuracy_json(row.merged),
                "base": accuracy_json(row.base),
                "mean_of_parents": row.parents,
                "deviation_percent": row.deviation_percent,
            }
            for row in result.categories
        ],
        "scorers": [
            {
                "scorer": row.scorer,
                "base": gain_json(row.base),
                "parents": [{"name": name, **gain_json(i)} for name, i in row.parents.items()],
                "uniform": gain_json(row.uniform),
                "merged": gain_json(row.merged),
                "gain_over_base": gain_json(row.gain_over_base),
            }
            for row in result.scorers
        ],
        "recipe": snapshot.recipe,
        "checkpoint": str(checkpoint) if checkpoint else None,
        "watch": None if snapshot.watch is None else dataclasses.asdict(snapshot.watch),
        "variety": [dataclasses.asdict(judged) for judged in snapshot.variety],
        "notes": list(snapshot.notes),
    }


def result_text(snapshot: Snapshot, checkpoint: Path | None) -> str:
    """The result as a table."""
    result = _result(snapshot)
    merged = result.merged
    lines = [
        "",
        f"Share of prompted tags found, on {merged.images} pictures ({merged.tags} tags) per checkpoint",
        "that no search step saw, with 95 % intervals.",
        f"{asked_alike(result)}:",
        "",
    ]
    rows = [(snapshot.base + " (base)", result.base)]
    rows += list(result.parents.items())
    rows += [("plain average", result.uniform)]
    rows += [] if result.single is None else [("best of one weight per model", result.single)]
    rows += [("best mix", result.merged)]
    lines += accuracy_lines(rows)
    gain = result.gain_over_best_parent
    lines += [
        "",
        f"Best mix minus best parent ({result.best_parent}): {100 * gain.mean:+.1f} points "
        f"({100 * gain.low:+.1f} to {100 * gain.high:+.1f})",
        *(f"{told}." for told in [blocks_added(result)] if told),
        "",
        f"{'category':<28} {'best mix':>9} {'base':>9} {'parents':>9} {'deviation':>10}",
    ]
    lines += [
        f"{row.category:<28} {100 * row.merged.mean:8.1f}% {100 * row.base.mean:8.1f}% "
        f"{100 * row.parents:8.1f}% {row.deviation_percent:+9.1f}%"
        for row in result.categories
    ]
    for scorer in result.scorers:
        gained = scorer.gain_over_base
        values = [(snapshot.base + " (base)", scorer.base), *scorer.parents.items()]
        values += [("plain average", scorer.uniform), ("best mix", scorer.merged)]
        lines += ["", f"Mean value of the scorer {scorer.scorer}, 0 to 1, on the same pictures:", ""]
        width = max(len(name) for name, _ in values)
        lines += [f"  {name:<{width}}  {i.mean:.3f}  ({i.low:.3f} to {i.high:.3f})" for name, i in values]
        lines.append("")
        lines.append(f"Best mix minus base: {gained.mean:+.3f} ({gained.low:+.3f} to {gained.high:+.3f})")
    if snapshot.variety:
        lines += ["", *map(variety, snapshot.variety)]
    if snapshot.watch is not None:
        lines += watch_lines(snapshot.watch, snapshot.kept)
    lines += [
        "",
        f"{snapshot.trial} trials, {snapshot.images} images searched, {snapshot.measured} measured.",
    ]
    lines += snapshot.notes
    if checkpoint:
        lines.append(f"Saved {checkpoint}")
    else:
        lines.append(f"Save it with: rimo save {snapshot.study} --name NAME")
    return "\n".join(lines) + "\n"


def watch_lines(watch: Watch, kept: Iterable[tuple[int, int]] = ()) -> list[str]:
    """Accuracy and the signs of broken shapes, epoch by epoch."""
    shown = epochs(watch, kept)
    lines = ["", f"{'':<10} {'accuracy':>22} {'gain in points':>22} {'unusual pictures':>22} {'drift':>6}"]
    for row in shown["rows"]:
        cells = [f"{row[name]} ({row[f'{name}_span']})" if row[name] else "" for name in _SIGNS]
        lines.append(
            f"{row['name']:<10} " + " ".join(f"{cell:>22}" for cell in cells) + f" {row['drift']:>6}"
        )
    lines.append(f"Drift is at most {shown['limit']} between the parents.")
    if shown["warning"]:
        lines += ["", f"WARNING: {shown['warning']}", *(f"  {name}: {sign}" for name, sign in shown["signs"])]
    if shown["outlook"]:
        lines += ["", shown["outlook"]]
    return lines


_SIGNS = ("accuracy", "gain", "unusual")


def accuracy_lines(rows: list[tuple[str, Interval]]) -> list[str]:
    """One aligned line per checkpoint."""
    width = max(len(name) for name, _ in rows)
    return [
        f"  {name:<{width}}  {100 * i.mean:5.1f} %  ({100 * i.low:.1f} to {100 * i.high:.1f})"
        for name, i in rows
    ]


def accuracy_json(interval: Interval) -> dict[str, float | int]:
    """An accuracy with its interval and what it rests on."""
    return {
        "accuracy": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "images": interval.images,
        "tags": interval.tags,
    }


def gain_json(gain: Interval) -> dict[str, float | int]:
    """A difference, or a mean value, with its interval and what it rests on."""
    return {"mean": gain.mean, "low": gain.low, "high": gain.high, "images": gain.images}


def _result(snapshot: Snapshot) -> Result:
    if snapshot.result is None:
        raise StudyError(
            "The study has no result yet",
            found=snapshot.state.value,
            fix=f"Go on with: rimo mix --resume {snapshot.study}",
        )
    return snapshot.result
