"""The report's tables. Words pass ``text``, names ``named``, numbers stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.interval import Interval
from lib_rimo.errors import StudyError
from lib_rimo.files import json_text
from lib_rimo.said import from_json, say
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.record.results import CategoryRow, Result, TagRow, Watch
from lib_rimo.study.service import StudyArchive
from lib_rimo.ui.report.speech import named, plain, text
from lib_rimo.ui.report.tables import category_rows, parent_names
from lib_rimo.wording.epochs import epochs
from lib_rimo.wording.sentences import ends, number, percent, points, span, tone

MOST_TAGS = 12
"""Tags shown as gained, and as lost; the CSV has all."""
FULL_HEAT = 0.8
"""Opacity of the heat map's strongest weight."""


def short(name: str) -> str:
    """A checkpoint's name without its ending, for the head of a column."""
    return Path(name).stem


def pairs(values: Mapping[str, str]) -> str:
    """Words and what they are, as HTML."""
    return f"<dl>{''.join(f'<dt>{text(name)}</dt><dd>{value}</dd>' for name, value in values.items())}</dl>"


def settings(values: Mapping[str, Any]) -> str:
    """Names and values as the program's settings have them."""
    told = ((name, _plain(value)) for name, value in values.items())
    return f"<dl>{''.join(f'<dt>{named(name)}</dt><dd>{value}</dd>' for name, value in told)}</dl>"


def arms(result: Result, base: str) -> str:
    """Accuracy of the mix and of everything it is compared with."""
    rows = [(text("this mix"), result.merged), (f"{named(base)} <span>{text('(base)')}</span>", result.base)]
    rows += [(named(name), interval) for name, interval in result.parents.items()]
    rows.append((text("plain average of all"), result.uniform))
    if result.single is not None:
        rows.append((text("best of one weight per model"), result.single))
    lines = [(name, percent(i.mean), text(span(i)), f"{i.images:,}", f"{i.tags:,}") for name, i in rows]
    note = "Share of the prompted tags that the tagger found, with its 95 % interval. No search step saw these prompts."
    return _table(_heads("", "tags found", "95 % interval", "images", "tags"), lines) + _note(note)


def scorers(result: Result, base: str) -> str:
    """What further scorers say of the mix and of everything it is compared with; empty where there are none."""
    if not result.scorers:
        return ""
    head = ("", *(named(row.scorer) for row in result.scorers))
    rows = [(text("this mix"), [row.merged for row in result.scorers])]
    rows.append((f"{named(base)} <span>{text('(base)')}</span>", [row.base for row in result.scorers]))
    rows += [(named(name), [row.parents[name] for row in result.scorers]) for name in result.parents]
    rows.append((text("plain average of all"), [row.uniform for row in result.scorers]))
    rows.append((text("this mix minus base"), [row.gain_over_base for row in result.scorers]))
    lines = [
        (name, *(_beside(_value(i.mean), say("{1} to {2}", _value(i.low), _value(i.high))) for i in of))
        for name, of in rows
    ]
    note = "Mean values from 0 to 1, with their 95 % intervals, on the same images that the accuracy is measured on."
    return _table(head, lines) + _note(note)


def _value(number: float) -> str:
    return f"{number:.3f}"


def categories(result: Result, base: str) -> str:
    """The accuracy table, every parent beside the mix."""
    names = parent_names(result)
    told = (*_heads("category", "this mix"), named(short(base)), *_heads("mean of parents", "deviation"))
    head = (*told, *(named(short(name)) for name in names))
    lines = []
    for shown, row in zip(category_rows(result), result.categories, strict=True):
        whole = (_with_span(row.merged), _with_span(row.base), plain(shown["parents"]), _deviation(row))
        each = (_with_span(row.partners.get(name)) for name in names)
        lines.append((_category(shown), *whole, *each))
    note = (
        "Deviation: the mix against the mean of base and partners, in percent of that mean, with its 95 % interval; "
        "bold where that is above or below zero."
    )
    return _table(head, lines) + _note(note)


def watched(watch: Watch, kept: Iterable[tuple[int, int]]) -> str:
    """Accuracy and the signs of broken shapes, epoch by epoch; the warning before it, the outlook after."""
    shown = epochs(watch, kept)
    head = _heads("", "tags found", "gain in points", "unusual pictures", "drift")
    lines = [
        (
            f"<b>{text(row['name'])}</b>" if row["warned"] else text(row["name"]),
            *(_beside(row[name], row[f"{name}_span"]) for name in ("accuracy", "gain", "unusual")),
            plain(row["drift"]),
        )
        for row in shown["rows"]
    ]
    signs = "".join(
        f"<li><b>{text(name)}</b>: <span>{text(sign)}</span></li>" for name, sign in shown["signs"]
    )
    told = f'<div class="warning"><p>{text(shown["warning"])}</p><ul>{signs}</ul></div>' if signs else ""
    note = say(
        "On prompts that the search never saw, with 95 % intervals; the gain is over the epoch before. Unusual: share "
        "of pictures unlike those of base and partners. Drift: distance of the weights from the nearest parent; at "
        "most {1} between the parents.",
        shown["limit"],
    )
    outlook = f"<p>{text(shown['outlook'])}</p>" if shown["outlook"] else ""
    return told + _table(head, lines) + _note(note) + outlook


def _beside(value: str, limits: str) -> str:
    return f"{plain(value)}<br><small>{text(limits)}</small>" if limits else plain(value)


def tags(result: Result) -> str:
    """The tags that gained and lost most surely."""
    if not result.tags:
        return _note("This study was measured before tags were kept one by one.")
    gained = [row for row in result.tags if row.gain.mean > 0][:MOST_TAGS]
    lost = [row for row in reversed(result.tags) if row.gain.mean < 0][:MOST_TAGS]
    note = say(
        "Winner minus base in points, on the prompts that asked for the tag, with 95 % intervals, sorted by the end "
        "nearer to zero. {1} tags were looked at, so a few seem to gain or lose by chance alone; \N{HEAVY ASTERISK} "
        "marks those whose interval keeps off zero even when it is widened for that (Bonferroni).",
        f"{len(result.tags):,}",
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
        told, note = "", error.said
    else:
        titles, weights = [group["title"] for group in found["groups"]], found["weights"]
        told = _row("share of effect", [_importance(group) for group in found["groups"]])
        told += _row("", [text(_STATES[group["state"]]) for group in found["groups"]])
        note = say(
            "From {1} mixes: how much of the change in accuracy around the best mix goes through each "
            "group, with 95 % range. A group matters, or has no effect, where the trials are at least three times as "
            "probable with it, or without it; between the two it is open.",
            found["trials"],
        )
    strongest = max((abs(w) for row in weights for w in row), default=0.0) or 1.0
    rows = [
        _heat_row(short(name), row, strongest) for name, row in zip(mix["partners"], weights, strict=True)
    ]
    head = "".join(f'<th scope="col">{text(from_json(title))}</th>' for title in titles)
    table = f'<table class="heat"><tr><td></td>{head}</tr>{"".join(rows)}{told}</table>'
    recipe = json_text(mix["recipe"], indent=1)
    return (
        f'<div class="scroll">{table}</div>{_note(note)}'
        f"<details><summary>{text('Recipe')}</summary><pre>{plain(recipe)}</pre></details>"
    )


_STATES = {"matters": "matters", "unclear": "open", "dead": "no effect", "frozen": "frozen"}


def _importance(group: Mapping[str, Any]) -> str:
    if group["importance"] is None:
        return ""
    limits = text(ends(100 * group["low"], 100 * group["high"]))
    return f"{number(100 * group['importance'])} %<br><small>{limits}</small>"


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
            f"{plain(points(row.gain))} <small>{text(span(row.gain))}</small>",
            plain(percent(row.merged)),
            plain(percent(row.base)),
            plain(row.gain.tags),
        )
        for row in rows
    ]
    return _table(_heads(f"most {kind}", "points", "this mix", "base", "asked"), lines)


def _category(shown: Mapping[str, Any]) -> str:
    return text(shown["category"]) if shown["whole"] else named(shown["category"])


def _deviation(row: CategoryRow) -> str:
    shown = f"{row.deviation_percent:+.1f} %".replace("-", "\N{MINUS SIGN}")
    if row.deviation_low is None or row.deviation_high is None:
        return plain(shown)
    sure = tone(Interval(0.0, row.deviation_low, row.deviation_high, 0, 0)) != "unclear"
    marked = f"<b>{plain(shown)}</b>" if sure else plain(shown)
    return f"{marked}<br><small>{text(ends(row.deviation_low, row.deviation_high))}</small>"


def _with_span(interval: Interval | None) -> str:
    return "" if interval is None else f"{percent(interval.mean)}<br><small>{text(span(interval))}</small>"


def _heads(*told: str) -> tuple[str, ...]:
    return tuple(text(words) for words in told)


def _table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _note(words: str) -> str:
    return f'<p class="note">{text(words)}</p>'


def _plain(value: object) -> str:
    if value is None:
        return text("as the model or the tagger has it")
    if isinstance(value, bool):
        return text("yes" if value else "no")
    if value in ("", [], ()):
        return text("none")
    return named(", ".join(map(str, value)) if isinstance(value, list | tuple) else value)
