"""A study in one line: what a history of studies shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from lib_rimo.benchmark.interval import Interval
from lib_rimo.study.store.snapshot import Snapshot


def row_of(snapshot: Snapshot, started: str) -> Mapping[str, Any]:
    """A study's line.

    Args:
        snapshot: The study.
        started: When it began.

    Returns:
        ``best`` is the winner's measured accuracy, before that the search's estimate (``measured`` tells which);
        ``gain`` is the measured gain over the base, None until then; both are intervals as plain values.
    """
    result = snapshot.result
    return {
        "id": snapshot.study,
        "started": started,
        "state": snapshot.state.value,
        "base": snapshot.base,
        "partners": list(snapshot.partners),
        "epochs": snapshot.epochs,
        "trials": snapshot.trial,
        "images": snapshot.images,
        "measured": result is not None,
        "best": _plain(result.merged) if result is not None else _estimate(snapshot),
        "gain": None if result is None else _plain(result.gain_over_base),
        "saved": list(snapshot.saved),
        "broken": "",
    }


def broken_row(study: str, started: str, error: str) -> Mapping[str, Any]:
    """The line of a study that cannot be read."""
    empty = row_of(Snapshot(study=study), started)
    return {**empty, "state": "broken", "broken": error}


def _estimate(snapshot: Snapshot) -> Mapping[str, Any] | None:
    if not snapshot.curve:
        return None
    last = snapshot.curve[-1]
    if any(v.epoch == last.epoch and not v.kept for v in snapshot.variety):
        return None  # it is of a mix that was given up
    return _plain(Interval(last.best, last.low, last.high, images=snapshot.images, tags=0))


def _plain(interval: Interval) -> Mapping[str, Any]:
    return dataclasses.asdict(interval)
