"""A measurement of ranks that plays itself, with made-up figures."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from lib_rimo.benchmark.interval import Interval
from lib_rimo.errors import SettingsError, StudyError
from lib_rimo.study.measure.background_job import BackgroundJob
from lib_rimo.study.measure.rank_sweep import DONOR, KEPT, RankResult, proposed, reasons
from lib_rimo.study.measure.rank_sweep_job import RankRequest
from tests.ui.scripted_archive import FILES

KIND = "ranks"
BATCH = 20
HOPELESS = FILES[3]
"""No rank of this donor is worth its price."""


class ScriptedRanks:
    """Measures nothing, at a steady pace. A higher rank draws fewer unusual pictures and costs more.

    Args:
        job: Shared with the benchmark.
        pace_s: Time of a batch.
    """

    def __init__(self, job: BackgroundJob, pace_s: float) -> None:
        self._job = job
        self._pace_s = pace_s
        self._found: dict[str, Any] = {}

    def start(self, values: Mapping[str, Any]) -> None:
        request = RankRequest.of(values)
        if request.repair.donor not in FILES:
            raise SettingsError("donor", "There is no such checkpoint", found=request.repair.donor)
        self._job.start(KIND, lambda: self._work(request))

    def stop(self) -> None:
        self._job.stop()

    def standing(self) -> Mapping[str, Any]:
        return {**self._job.now.to_json(), "mark": str(self._found.get("mark", ""))}

    def latest(self) -> Mapping[str, Any]:
        if not self._found:
            raise StudyError("There are no tables yet", fix="Run the benchmark first")
        return self._found

    def _work(self, request: RankRequest) -> None:
        names = [KEPT, DONOR, *map(str, request.ranks)]
        arms: dict[str, RankResult] = {}
        for place, name in enumerate(names):
            for done in range(0, request.images, BATCH):
                threading.Event().wait(self._pace_s)
                told = {KEPT: KEPT, DONOR: request.repair.donor}.get(name, f"rank {name}")
                self._job.between(BATCH)
                self._job.note(told, place * request.images + done, len(names) * request.images)
            arms[name] = made(name, 4 if request.repair.donor == HOPELESS else 1)
            if len(arms) > 1:
                self._found = {
                    "request": request.to_json(), "name": request.choice.name, "current": True,
                    "done": len(arms), "of": len(names), "mark": f"{self._found.get('mark', '')}x",
                    "arms": [arm.to_json() for arm in arms.values()],
                    "proposed": proposed(arms), "reasons": reasons(arms),
                }  # fmt: skip


def made(name: str, price: float) -> RankResult:
    """The figures of a rank."""
    rank = {KEPT: 0, DONOR: 100}.get(name) if name in (KEPT, DONOR) else int(name)
    assert rank is not None
    means = (0.68 - price * rank / 500, -price * rank / 500, 0.28 / (1 + rank))
    ends = [Interval(x, x - 0.015, x + 0.015, images=400, tags=2000) for x in means]
    return RankResult(name, *ends, captured=rank / 100)
