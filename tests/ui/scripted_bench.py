"""A benchmark that plays itself: it behaves as ``BenchService`` promises, with made-up figures."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Any

from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.suite_tables import Point, Row, Table
from lib_rimo.errors import StudyError
from lib_rimo.said import say
from lib_rimo.study.measure.background_job import BackgroundJob
from lib_rimo.study.measure.bench_request import BenchRequest
from lib_rimo.study.measure.bench_tables import BenchTables

KIND = "bench"
IMAGES = 60
MANY = tuple(say("{1} tags", n) for n in (2, 4, 8))
ROWS = {
    "Single tags by category": ("all", "colour", "colour/warm", "place", "shape"),
    "Many tags": MANY,
    "Diversity": ("all", *MANY),
}


class ScriptedBench:
    """Measures nothing, at a steady pace.

    Args:
        job: What runs it.
        pace_s: Time of a batch of six pictures.
    """

    def __init__(self, job: BackgroundJob, pace_s: float) -> None:
        self._pace_s = pace_s
        self._job = job
        self._found: dict[str, Any] = {}
        self._known: set[tuple[int, str, int]] = set()

    def start(self, values: Mapping[str, Any]) -> None:
        request = BenchRequest.of(values)
        self._job.start(KIND, lambda: self._work(request))

    def stop(self) -> None:
        self._job.stop()

    def standing(self) -> Mapping[str, Any]:
        return {**self._job.now.to_json(), "mark": str(self._found.get("mark", ""))}

    def latest(self) -> Mapping[str, Any]:
        if not self._found:
            raise StudyError("There are no tables yet", fix="Run the benchmark first")
        return self._found

    def file(self, kind: str) -> str:
        self.latest()
        return made(self._found["request"]["checkpoints"]).text(kind)

    def _work(self, request: BenchRequest) -> None:
        names, pause = request.checkpoints, threading.Event()
        for place, name in enumerate(names):
            for done in range(6, IMAGES + 1, 6):
                if (request.seed, name, done) not in self._known:
                    pause.wait(self._pace_s)
                    self._known.add((request.seed, name, done))
                    self._job.between(6)
                self._job.note(name, place * IMAGES + done, len(names) * IMAGES)
            facts = made(names[: place + 1]).to_json()
            mark = f"{len(self._known)}-{place}"
            self._found = {
                "request": request.to_json(), "done": place + 1, "of": len(names), "mark": mark, **facts
            }  # fmt: skip


def made(names: Any) -> BenchTables:
    """Tables of some checkpoints, the same for the same names."""

    def cell(*words: str) -> Interval:
        mean = random.Random("/".join(words)).uniform(0.3, 0.9)
        return Interval(mean, mean - 0.04, mean + 0.04, images=64, tags=64)

    tables = tuple(
        Table(
            title,
            "Share of prompted tags found, by the number of tags in a prompt.",
            tuple(names),
            tuple(Row(row, tuple(cell(title, row, name) for name in names)) for row in rows),
        )
        for title, rows in ROWS.items()
    )
    points = tuple(Point(name, cell("accuracy", name), cell("diversity", name)) for name in names)
    return BenchTables(tables, points, ("Tagger drawn, threshold 0.35.",))
