"""The category table: for the page, as a data frame, and as CSV or Markdown to take away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lib_rimo.study.snapshot import Result
from lib_rimo.ui.sentences import percent, signed, span

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
    """The table with plain numbers: one row per category; accuracies in percent, 95 % interval ends beside them."""
    import pandas  # a fifth of a second that only a download needs

    return pandas.DataFrame(
        {
            "category": [row.category for row in result.categories],
            "merged_percent": [100 * row.merged.mean for row in result.categories],
            "merged_low": [100 * row.merged.low for row in result.categories],
            "merged_high": [100 * row.merged.high for row in result.categories],
            "base_percent": [100 * row.base.mean for row in result.categories],
            "base_low": [100 * row.base.low for row in result.categories],
            "base_high": [100 * row.base.high for row in result.categories],
            "parents_percent": [100 * row.parents for row in result.categories],
            "deviation_percent": [row.deviation_percent for row in result.categories],
            "tags": [row.merged.tags for row in result.categories],
        }
    ).round(2)


def category_csv(result: Result) -> str:
    """The table as CSV with a header line."""
    return str(category_frame(result).to_csv(index=False))


def category_markdown(result: Result) -> str:
    """The table as Markdown, for a model page or a thread."""
    head = ("category", "this mix", "base", "mean of parents", "deviation")
    lines = [f"| {' | '.join(head)} |", "| --- |" + " ---: |" * (len(head) - 1)]
    for row in category_rows(result):
        name = str(row["category"]).replace("|", "\\|")
        cells = (
            name,
            f"{row['merged']} ({row['merged_span']})",
            f"{row['base']} ({row['base_span']})",
            row["parents"],
            row["deviation"],
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
