"""A benchmark's tables as Markdown, CSV and one self-contained HTML page, as upstream publishes them.

The same results give the same files, to the byte: no dates, no paths.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence

from lib_rimo.benchmark.suite_tables import MARKED, Point, Table

CSV_COLUMNS = ("table", "row", "checkpoint", "value", "low", "high", "place", "images", "tags")
_WIDTH, _HEIGHT, _MARGIN = 640, 420, 60
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #8885; text-align: right; }
th:first-child, td:first-child { text-align: left; }
small { opacity: .7; }
svg text { fill: currentColor; font-size: 12px; }
"""


def markdown(tables: Sequence[Table], notes: Sequence[str]) -> str:
    """The tables for a readme; the three best of a row in bold, intervals in brackets."""
    lines: list[str] = []
    for table in tables:
        lines += [f"## {table.title}", "", table.about, ""]
        lines.append("| | " + " | ".join(_plain(name) for name in table.columns) + " |")
        lines.append("|---|" + "---:|" * len(table.columns))
        for row in table.rows:
            cells = []
            for cell, place in zip(row.cells, row.ranks(), strict=True):
                value = f"**{_percent(cell.mean)}**" if is_marked(place, table) else _percent(cell.mean)
                cells.append(f"{value} ({_percent(cell.low)} to {_percent(cell.high)})")
            lines.append(f"| {_plain(row.label)} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join([*lines, *(f"- {note}" for note in notes), ""])


def comma_separated(tables: Sequence[Table]) -> str:
    """All figures, one per line, with their intervals and what they rest on."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for table in tables:
        for row in table.rows:
            for name, cell, place in zip(table.columns, row.cells, row.ranks(), strict=True):
                numbers = (f"{cell.mean:.6f}", f"{cell.low:.6f}", f"{cell.high:.6f}")
                writer.writerow((table.title, row.label, name, *numbers, place, cell.images, cell.tags))
    return out.getvalue()


def page(tables: Sequence[Table], points: Sequence[Point], notes: Sequence[str], title: str) -> str:
    """One HTML page with the tables and the scatter; it needs nothing beside it."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    if points:
        parts += ["<h2>Accuracy and diversity</h2>", scatter(points)]
    for table in tables:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in table.columns)
        body = []
        for row in table.rows:
            cells = [
                f"<td>{_html_cell(_percent(c.mean), is_marked(place, table))}"
                f" <small>{_percent(c.low)} to {_percent(c.high)}</small></td>"
                for c, place in zip(row.cells, row.ranks(), strict=True)
            ]
            body.append(f"<tr><td>{html.escape(row.label)}</td>{''.join(cells)}</tr>")
        parts += [
            f"<h2>{html.escape(table.title)}</h2><p>{html.escape(table.about)}</p>",
            f"<table><tr><th></th>{head}</tr>{''.join(body)}</table>",
        ]
    parts.append("<ul>" + "".join(f"<li>{html.escape(note)}</li>" for note in notes) + "</ul>")
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</html>\n"
    )


def scatter(points: Sequence[Point]) -> str:
    """Accuracy to the right, diversity upwards, with both intervals as lines; an SVG picture."""
    xs = [end for p in points for end in (p.accuracy.low, p.accuracy.high)]
    ys = [end for p in points for end in (p.diversity.low, p.diversity.high)]
    left, right, bottom, top = min(xs), max(xs), min(ys), max(ys)

    def x(value: float) -> str:
        return f"{_MARGIN + (value - left) / (right - left or 1) * (_WIDTH - 2 * _MARGIN):.1f}"

    def y(value: float) -> str:
        return f"{_HEIGHT - _MARGIN - (value - bottom) / (top - bottom or 1) * (_HEIGHT - 2 * _MARGIN):.1f}"

    marks = []
    for p in points:
        across, up = p.accuracy, p.diversity
        marks.append(
            f'<path d="M{x(across.low)} {y(up.mean)}H{x(across.high)}M{x(across.mean)} {y(up.low)}'
            f'V{y(up.high)}" stroke="currentColor" opacity=".35"/>'
            f'<circle cx="{x(across.mean)}" cy="{y(up.mean)}" r="4" fill="#c2410c"/>'
            f'<text x="{x(across.mean)}" y="{y(up.mean)}" dx="7" dy="-6">{html.escape(p.name)}</text>'
        )
    middle = _HEIGHT // 2
    labels = (
        f'<text x="{_WIDTH // 2}" y="{_HEIGHT - 12}" text-anchor="middle">'
        f"accuracy, {_percent(left)} to {_percent(right)}</text>"
        f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">'
        f"diversity, {_percent(bottom)} to {_percent(top)}</text>"
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img" '
        f'aria-label="Accuracy against diversity">{"".join(marks)}{labels}</svg>'
    )


def is_marked(place: int, table: Table) -> bool:
    """Whether a cell stands out by its place: the three best do; among three or fewer only the best."""
    return place <= (MARKED if len(table.columns) > MARKED else 1)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _html_cell(text: str, marked: bool) -> str:
    return f"<b>{text}</b>" if marked else text


def _plain(text: str) -> str:
    return text.replace("|", "\\|")
