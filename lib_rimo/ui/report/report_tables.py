"""The report's tables. Every text that comes from outside passes ``text``."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.interval import Interval
from lib_rimo.errors import StudyError
from lib_rimo.study.analysis.block_labels import Title
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.record.results import CategoryRow, Result, TagRow, Watch
from lib_rimo.study.service import StudyArchive
from lib_rimo.ui.report.tables import category_rows, parent_names
from lib_rimo.wording.epochs import epochs
from lib_rimo.wording.sentences import number, percent, points, span, tone

MOST_TAGS = 12
"""Tags shown as gained, and as lost; the CSV has all."""
FULL_HEAT = 0.8
"""Opacity of the heat map's strongest weight."""


def text(value: object) -> str:
    """Plain text as HTML."""
    return html.escape(str(value))


def named(value: object) -> str:
    """A name, which no translation touches, as HTML."""
    return f'<span translate="no">{text(value)}</span>'


def short(name: str) -> str:
    """A checkpoint's name without its ending, for the head of a column."""
    return Path(name).stem


def pairs(values: Mapping[str, Any], *, technical: bool = False) -> str:
    """Names and values; technical names are those of the program's settings and stay."""
    told = {name: _plain(value) for name, value in values.items()}
    items = "".join(
        f"<dt>{named(name)}</dt><dd>{text(value) if value in _SAID else named(value)}</dd>"
        if technical
        else f"<dt>{text(name)}</dt><dd>{text(value)}</dd>"
        for name, value in told.items()
    )
    return f"<dl>{items}</dl>"


def arms(result: Result, base: str) -> str:
    """Accuracy of the mix and of everything it is compared with."""
    rows = [("this mix", result.merged), (f"{named(base)} <span>(base)</span>", result.base)]
    rows += [(named(name), interval) for name, interval in result.parents.items()]
    rows.append(("plain average of all", result.uniform))
    lines = [(name, percent(i.mean), text(span(i)), f"{i.images:,}", f"{i.tags:,}") for name, i in rows]
    note = "Share of the prompted tags that the tagger found, with its 95 % interval. No search step saw these prompts."
    return _table(("", "tags found", "95 % interval", "images", "tags"), lines, escaped=True) + _note(note)


def scorers(result: Result, base: str) -> str:
    """What further scorers say of the mix and of everything it is compared with; empty where there are none."""
    if not result.scorers:
        return ""
    head = ("", *(named(row.scorer) for row in result.scorers))
    rows = [("this mix", [row.merged for row in result.scorers])]
    rows.append((f"{named(base)} <span>(base)</span>", [row.base for row in result.scorers]))
    rows += [(named(name), [row.parents[name] for row in result.scorers]) for name in result.parents]
    rows.append(("plain average of all", [row.uniform for row in result.scorers]))
    rows.append(("this mix minus base", [row.gain_over_base for row in result.scorers]))
    lines = [
        (name, *(_beside(_value(i.mean), f"{_value(i.low)} to {_value(i.high)}") for i in of))
        for name, of in rows
    ]
    note = "Mean values from 0 to 1, with their 95 % intervals, on the same images that the accuracy is measured on."
    return _table(head, lines, escaped=True) + _note(note)


def _value(number: float) -> str:
    return f"{number:.3f}"


def categories(result: Result, base: str) -> str:
    """The accuracy table, every parent beside the mix."""
    names = parent_names(result)
    told = ("category", "this mix", named(short(base)), "mean of parents", "deviation")
    head = (*told, *(named(short(name)) for name in names))
    lines = []
    for shown, row in zip(category_rows(result), result.categories, strict=True):
        whole = (_with_span(row.merged), _with_span(row.base), text(shown["parents"]), _deviation(row))
        each = (_with_span(row.partners.get(name)) for name in names)
        lines.append((_category(shown), *whole, *each))
    note = (
        "Deviation: the mix against the mean of base and partners, in percent of that mean, with its 95 % interval; "
        "bold where that is above or below zero."
    )
    return _table(head, lines, escaped=True) + _note(note)


def watched(watch: Watch, kept: Iterable[tuple[int, int]]) -> str:
    """Accuracy and the signs of broken shapes, epoch by epoch; the warning before it, the outlook after."""
    shown = epochs(watch, kept)
    head = ("", "tags found", "gain in points", "unusual pictures", "drift")
    lines = [
        (
            f"<b>{text(row['name'])}</b>" if row["warned"] else text(row["name"]),
            *(_beside(row[name], row[f"{name}_span"]) for name in ("accuracy", "gain", "unusual")),
            text(row["drift"]),
        )
        for row in shown["rows"]
    ]
    signs = "".join(
        f"<li><b>{text(name)}</b>: <span>{text(sign)}</span></li>" for name, sign in shown["signs"]
    )
    told = f'<div class="warning"><p>{text(shown["warning"])}</p><ul>{signs}</ul></div>' if signs else ""
    note = (
        "On prompts that the search never saw, with 95 % intervals; the gain is over the epoch before. Unusual: share "
        f"of pictures unlike those of base and partners. Drift: distance of the weights from the nearest parent; at "
        f"most {shown['limit']} between the parents."
    )
    outlook = f"<p>{text(shown['outlook'])}</p>" if shown["outlook"] else ""
    return told + _table(head, lines, escaped=True) + _note(note) + outlook


def _beside(value: str, ends: str) -> str:
    return f"{text(value)}<br><small>{text(ends)}</small>" if ends else text(value)


def tags(result: Result) -> str:
    """The tags that gained and lost most surely."""
    if not result.tags:
        return _note("This study was measured before tags were kept one by one.")
    gained = [row for row in result.tags if row.gain.mean > 0][:MOST_TAGS]
    lost = [row for row in reversed(result.tags) if row.gain.mean < 0][:MOST_TAGS]
    note = (
        f"Winner minus base in points, on the prompts that asked for the tag, with 95 % intervals, sorted by the end "
        f"nearer to zero. {len(result.tags):,} tags were looked at, so a few seem to gain or lose by chance alone; "
        "\N{HEAVY ASTERISK} marks those whose interval keeps off zero even when it is widened for that (Bonferroni)."
    )
    columns = f'<div class="columns">{_tags("gained", gained)}{_tags("lost", lost)}</div>'
    return columns + _note(note)


def blocks(archive: StudyArchive, study: str) -> str:
    """The best mix as a heat map, what each group mattered, and the recipe to copy."""
    mix = archive.mix(study, Choice())
    try:
        found = archive.blocks(study)
    except StudyError as error:
        titles, weights = mix["titles"], mix["weights"]
        told, note = "", str(error)
    else:
        titles, weights = [group["title"] for group in found["groups"]], found["weights"]
        told = _row("share of effect", [_importance(group) for group in found["groups"]])
        told += _row("", [text(_STATES[group["state"]]) for group in found["groups"]])
        note = (
            f"From {found['trials']} mixes: how much of the change in accuracy around the best mix goes through each "
            "group, with 95 % range. A group matters, or has no effect, where the trials are at least three times as "
            "probable with it, or without it; between the two it is open."
        )
    strongest = max((abs(w) for row in weights for w in row), default=0.0) or 1.0
    rows = [
        _heat_row(short(name), row, strongest) for name, row in zip(mix["partners"], weights, strict=True)
    ]
    head = "".join(f'<th scope="col">{text(Title.of(title))}</th>' for title in titles)
    table = f'<table class="heat"><tr><td></td>{head}</tr>{"".join(rows)}{told}</table>'
    recipe = json.dumps(mix["recipe"], ensure_ascii=False, indent=1)
    return (
        f'<div class="scroll">{table}</div>{_note(note)}'
        f"<details><summary>Recipe</summary><pre>{text(recipe)}</pre></details>"
    )


_STATES = {"matters": "matters", "unclear": "open", "dead": "no effect", "frozen": "frozen"}


def _importance(group: Mapping[str, Any]) -> str:
    if group["importance"] is None:
        return ""
    ends = f"{number(100 * group['low'])} to {number(100 * group['high'])}"
    return f"{number(100 * group['importance'])} %<br><small>{ends}</small>"


def _heat_row(name: str, weights: Sequence[float], strongest: float) -> str:
    shades = [FULL_HEAT * abs(weight) / strongest for weight in weights]
    cells = "".join(
        f'<td style="--w:{shade:.2f}">{_hundredths(weight)}</td>'
        for weight, shade in zip(weights, shades, strict=True)
    )
    return f'<tr class="weights"><th scope="row">{named(name)}</th>{cells}</tr>'


def _hundredths(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _row(name: str, cells: Iterable[str]) -> str:
    return f'<tr><th scope="row">{text(name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _tags(kind: str, rows: list[TagRow]) -> str:
    lines = [
        (
            named(row.tag) + (" \N{HEAVY ASTERISK}" if row.sure else ""),
            f"{text(points(row.gain))} <small>{text(span(row.gain))}</small>",
            text(percent(row.merged)),
            text(percent(row.base)),
            text(row.gain.tags),
        )
        for row in rows
    ]
    return _table((f"most {kind}", "points", "this mix", "base", "asked"), lines, escaped=True)


def _category(shown: Mapping[str, Any]) -> str:
    return text(shown["category"]) if shown["whole"] else named(shown["category"])


def _deviation(row: CategoryRow) -> str:
    shown = f"{row.deviation_percent:+.1f} %".replace("-", "\N{MINUS SIGN}")
    if row.deviation_low is None or row.deviation_high is None:
        return text(shown)
    sure = tone(Interval(0.0, row.deviation_low, row.deviation_high, 0, 0)) != "unclear"
    marked = f"<b>{text(shown)}</b>" if sure else text(shown)
    return f"{marked}<br><small>{number(row.deviation_low)} to {number(row.deviation_high)}</small>"


def _with_span(interval: Interval | None) -> str:
    return "" if interval is None else f"{percent(interval.mean)}<br><small>{span(interval)}</small>"


def _table(head: Iterable[object], lines: Iterable[Iterable[object]], *, escaped: bool = False) -> str:
    top = "".join(f'<th scope="col">{cell if escaped else text(cell)}</th>' for cell in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{cell if escaped else text(cell)}</td>' for cell in line)}</tr>"
        for line in lines
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _note(words: str) -> str:
    return f'<p class="note">{text(words)}</p>'


_NONE, _OPEN = "none", "as the model or the tagger has it"
_SAID = ("yes", "no", _NONE, _OPEN)
"""Values of settings that are words for the reader."""


def _plain(value: object) -> object:
    if value is None:
        return _OPEN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or _NONE
    return _NONE if value == "" else value
