"""What the page is sent each second: only what it does not have yet, ready to be shown.

The page says which version it knows (``since``), how many points of the curve it holds and the marks (short
content hashes) of the parts it has. Nothing about a page is remembered here, so any number of pages, reopened
or stale, and any number of restarts get along.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lib_rimo.benchmark.interval import Interval
from lib_rimo.files import json_text
from lib_rimo.said import say
from lib_rimo.study.record.results import CategoryRow, Result, TagRow, Variety
from lib_rimo.study.store.snapshot import CurvePoint, Snapshot, StudyState
from lib_rimo.ui.report.tables import category_rows
from lib_rimo.wording import sentences
from lib_rimo.wording.epochs import epochs

RUN = secrets.token_hex(4)
"""Tells this process from the one before it: versions start anew with each."""

MOST_POINTS = 400
"""Points of the curve in one answer, about 24 KB; a page that lacks more asks again at once."""

MOST_TAGS = 8
"""Tags in each of the two lists, gained and lost; the downloads have all of them."""


def status(
    snapshot: Snapshot,
    *,
    run: str = "",
    study: str = "",
    since: int = -1,
    points: int = 0,
    have: Collection[str] = (),
) -> dict[str, Any]:
    """The answer to a page that has seen some of the study.

    Args:
        snapshot: The study now.
        run: The ``run`` of the page's last answer.
        study: The ``study`` of that answer.
        since: The ``version`` of that answer.
        points: How many points of the curve the page holds.
        have: Marks of the parts that the page holds.

    Returns:
        ``{"version", "run"}`` alone when the page is up to date. Otherwise state, texts, what can be done now,
        the curve from ``points`` on, and those ``parts`` whose mark the page does not have.
    """
    same = run == RUN and study == snapshot.study and points <= len(snapshot.curve)
    if same and since == snapshot.version and points == len(snapshot.curve):
        return {"version": snapshot.version, "run": RUN}
    start = points if same else 0
    parts = {}
    for name, value in _parts(snapshot).items():
        mark = _mark(name, value)
        if not (same and mark in have):
            parts[name] = {"mark": mark, "value": value}
    return {
        "version": snapshot.version,
        "run": RUN,
        "study": snapshot.study,
        "state": snapshot.state.value,
        "active": snapshot.state.active,
        "can": _possible(snapshot),
        "fraction": round(sentences.fraction(snapshot), 4),
        "mix": round(snapshot.mix_drawn / snapshot.mix_images, 3) if snapshot.mix_images else 0.0,
        "steps": _steps(snapshot),
        "text": {
            "state": sentences.STATES[snapshot.state],
            "message": snapshot.message,
            "error": snapshot.error,
            "progress": sentences.progress(snapshot),
            "mix": sentences.mixing(snapshot),
            "speed": sentences.speed(snapshot),
            "remaining": sentences.remaining(snapshot),
        },
        "curve": {
            "from": start,
            "total": len(snapshot.curve),
            "points": [_point(p) for p in snapshot.curve[start : start + MOST_POINTS]],
        },
        "parts": parts,
    }


def _possible(snapshot: Snapshot) -> dict[str, bool]:
    state = snapshot.state
    return {
        "start": not state.active,
        "pause": state.active and state is not StudyState.PAUSED,
        "resume": bool(snapshot.study)
        and state in (StudyState.PAUSED, StudyState.STOPPED, StudyState.FAILED),
        "stop": state.active,
        "save": snapshot.recipe is not None,
    }


def _steps(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The study as steps, each with its share of all images and how much of it is done: epochs, measurement."""
    total = snapshot.budget + snapshot.to_measure
    if not total or not snapshot.epochs:
        return []
    finished = snapshot.state is StudyState.FINISHED
    each = snapshot.budget / snapshot.epochs
    steps = []
    for epoch in range(1, snapshot.epochs + 1):
        drawn = snapshot.images - each * (epoch - 1)
        done = (
            1.0 if finished or epoch < snapshot.epoch else min(1.0, max(0.0, drawn / each)) if each else 0.0
        )
        steps.append(
            {"name": say("Epoch {1}", epoch), "share": round(each / total, 4), "done": round(done, 4)}
        )
    if snapshot.to_measure:
        done = 1.0 if finished else snapshot.measured / snapshot.to_measure
        share = snapshot.to_measure / total
        steps.append(
            {"name": "Final measurement", "share": round(share, 4), "done": round(min(1.0, done), 4)}
        )
    return steps


def _point(p: CurvePoint) -> list[Any]:
    shares = (round(share, 4) for share in (p.accuracy, p.best, p.low, p.high))
    return [p.epoch, p.trial, p.images, p.pictures, *shares, sentences.STAGES.get(p.stage, p.stage)]


def _parts(snapshot: Snapshot) -> Mapping[str, Any]:
    """The rarely changing parts, by name; each is sent again only when its content changed."""
    latest = snapshot.latest
    return {
        "models": {"base": snapshot.base, "partners": list(snapshot.partners)},
        "lines": _lines(snapshot),
        "prompts": list(snapshot.grids[0].prompts) if snapshot.grids else [],
        "grids": [
            {"epoch": g.epoch, "name": sentences.epoch_name(g.epoch, snapshot.kept), "files": list(g.files)}
            for g in snapshot.grids
        ],
        "latest": None
        if latest is None
        else {
            "file": latest.file,
            "tags": [[tag, found] for tag, found in latest.tags],
            "score": say("{1} of {2} tags found", sum(found for _, found in latest.tags), len(latest.tags)),
        },
        "result": None if snapshot.result is None else _result(snapshot.result, snapshot.variety),
        "variety": [sentences.variety(judged) for judged in snapshot.variety],
        "watch": None if snapshot.watch is None else epochs(snapshot.watch, snapshot.kept),
        "notes": list(snapshot.notes),
        "saved": list(snapshot.saved),
        "live": snapshot.live,
    }


def _lines(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Levels drawn across the curve: the base as the search met it first, later base and parents as measured."""
    result = snapshot.result
    if result is None:
        first = next((p for p in snapshot.curve if p.stage == "base"), None)
        return [] if first is None else [{"kind": "base", "label": "base", "at": round(first.accuracy, 4)}]
    lines: list[dict[str, Any]] = [{"kind": "base", "label": "base", "at": round(result.base.mean, 4)}]
    for name, interval in result.parents.items():
        best = name == result.best_parent
        kind = "best-parent" if best else "parent"
        lines.append({"kind": kind, "name": name, "at": round(interval.mean, 4)})
    return lines


def _result(result: Result, varieties: Sequence[Variety]) -> dict[str, Any]:
    gain = sentences.gain(result, varieties)
    arms = [_arm("your mix", "merged", result.merged), _arm("base", "base", result.base)]
    arms += [_arm(name, "parent", interval) for name, interval in result.parents.items()]
    arms.append(_arm("plain average of all", "uniform", result.uniform))
    if result.single is not None:
        arms.append(_arm("best of one weight per model", "single", result.single))
    ends = [end for arm in arms for end in (arm["low"], arm["high"])]
    margin = 0.08 * (max(ends) - min(ends)) or 0.01
    gained = [row for row in result.tags if row.gain.mean > 0][:MOST_TAGS]
    lost = [row for row in reversed(result.tags) if row.gain.mean < 0][:MOST_TAGS]
    return {
        "value": gain.value,
        "sentence": gain.sentence,
        "verdict": gain.verdict,
        "tone": gain.tone,
        "arms": arms,
        "scale": [max(0.0, min(ends) - margin), min(1.0, max(ends) + margin)],
        "parents": list(result.categories[0].partners) if result.categories else [],
        "categories": [
            {**row, **_beside(category)}
            for row, category in zip(category_rows(result), result.categories, strict=True)
        ],
        "gained": [_tag(row) for row in gained],
        "lost": [_tag(row) for row in lost],
    }


def _beside(row: CategoryRow) -> dict[str, Any]:
    """What stands in a category's line besides the formatted means: each parent, and how sure the deviation is."""
    out: dict[str, Any] = {"each": [sentences.percent(i.mean) for i in row.partners.values()]}
    if row.deviation_low is not None and row.deviation_high is not None:
        out["deviation_span"] = sentences.ends(row.deviation_low, row.deviation_high)
        out["tone"] = sentences.side(row.deviation_low, row.deviation_high)
    return out


def _tag(row: TagRow) -> dict[str, Any]:
    return {
        "tag": row.tag,
        "value": sentences.points(row.gain),
        "span": sentences.span(row.gain),
        "sure": row.sure,
    }


def _arm(name: str, role: str, interval: Interval) -> dict[str, Any]:
    ends = (interval.mean, interval.low, interval.high)
    return {
        "name": name,
        "role": role,
        "mean": round(interval.mean, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
        "text": say("{1} % ({2} to {3})", *(sentences.number(100 * share) for share in ends)),
    }


def _mark(name: str, value: object) -> str:
    return f"{zlib.crc32(json_text([name, value]).encode()):08x}"
