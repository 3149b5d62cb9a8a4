"""The tables of categories and of tags: for the page, as data frames, and as CSV or Markdown to take away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from lib_rimo.benchmark.interval import Interval
from lib_rimo.study.record.results import Result
from lib_rimo.wording.sentences import number, percent, points, signed, span

if TYPE_CHECKING:
    import pandas

WHOLE = "all"


def category_rows(result: Result) -> list[dict[str, Any]]:
    """The table as the page shows it, every number formatted; the whole comes first."""
    return [
        {
            "category": "All tags" if row.category == WHOLE else row.category,
            "whole": row.category == WHOLE,
            "merged": percent(row.merged.mean),
            "merged_span": span(row.merged),
            "base": percent(row.base.mean),
            "base_span": span(row.base),
            "parents": percent(row.parents),
            "deviation": f"{signed(row.deviation_percent)} %",
            "tags": row.merged.tags,
        }
        for row in result.categories
    ]


def category_frame(result: Result) -> pandas.DataFrame:
    """The table with plain numbers: one row per category; accuracies in percent, 95 % interval ends beside them.

    One column for each parent, named after its file.
    """
    import pandas  # a fifth of a second that only a download needs

    rows = result.categories
    columns: dict[str, list[Any]] = {
        "category": [row.category for row in rows],
        "merged_percent": [100 * row.merged.mean for row in rows],
        "merged_low": [100 * row.merged.low for row in rows],
        "merged_high": [100 * row.merged.high for row in rows],
        "base_percent": [100 * row.base.mean for row in rows],
        "base_low": [100 * row.base.low for row in rows],
        "base_high": [100 * row.base.high for row in rows],
        "parents_percent": [100 * row.parents for row in rows],
        "deviation_percent": [row.deviation_percent for row in rows],
        "deviation_low": [row.deviation_low for row in rows],
        "deviation_high": [row.deviation_high for row in rows],
        "tags": [row.merged.tags for row in rows],
    }
    for name in parent_names(result):
        found = [row.partners.get(name) for row in rows]
        columns[f"{name}_percent"] = [None if one is None else 100 * one.mean for one in found]
        columns[f"{name}_low"] = [None if one is None else 100 * one.low for one in found]
        columns[f"{name}_high"] = [None if one is None else 100 * one.high for one in found]
    return pandas.DataFrame(columns).round(2)


def parent_names(result: Result) -> list[str]:
    """The partners that the category table has a column for."""
    return list(dict.fromkeys(name for row in result.categories for name in row.partners))


def category_csv(result: Result) -> str:
    """The table as CSV with a header line."""
    return str(category_frame(result).to_csv(index=False))


def category_markdown(result: Result) -> str:
    """The table as Markdown, for a model page or a thread."""
    names = parent_names(result)
    head = ("category", "this mix", "base", *names, "mean of parents", "deviation")
    lines = []
    for shown, row in zip(category_rows(result), result.categories, strict=True):
        sure = ""
        if row.deviation_low is not None and row.deviation_high is not None:
            sure = f" ({number(row.deviation_low)} to {number(row.deviation_high)})"
        lines.append(
            (
                shown["category"],
                f"{shown['merged']} ({shown['merged_span']})",
                f"{shown['base']} ({shown['base_span']})",
                *(_share(row.partners.get(name)) for name in names),
                shown["parents"],
                f"{shown['deviation']}{sure}",
            )
        )
    return _markdown(head, lines)


def tag_frame(result: Result) -> pandas.DataFrame:
    """Every prompted tag, winner against base, plain numbers; the surest gain first."""
    import pandas

    rows = result.tags
    return pandas.DataFrame(
        {
            "tag": [row.tag for row in rows],
            "category": [row.category for row in rows],
            "merged_percent": [100 * row.merged for row in rows],
            "base_percent": [100 * row.base for row in rows],
            "gain_points": [100 * row.gain.mean for row in rows],
            "gain_low": [100 * row.gain.low for row in rows],
            "gain_high": [100 * row.gain.high for row in rows],
            "asked": [row.gain.tags for row in rows],
            "sure": [row.sure for row in rows],
        }
    ).round(2)


def tag_csv(result: Result) -> str:
    """The tags as CSV with a header line."""
    return str(tag_frame(result).to_csv(index=False))


def tag_markdown(result: Result) -> str:
    """The tags as Markdown."""
    head = ("tag", "category", "this mix", "base", "gain in points (95 %)", "asked", "sure")
    lines = [
        (
            row.tag,
            row.category,
            percent(row.merged),
            percent(row.base),
            f"{points(row.gain)} ({span(row.gain)})",
            row.gain.tags,
            "yes" if row.sure else "",
        )
        for row in result.tags
    ]
    return _markdown(head, lines)


def _share(interval: Interval | None) -> str:
    return "" if interval is None else f"{percent(interval.mean)} ({span(interval)})"


def _markdown(head: Sequence[object], lines: Iterable[Sequence[object]]) -> str:
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    return "".join(
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows
    )
