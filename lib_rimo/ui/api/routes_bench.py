"""The routes of what is measured in the background, benchmark and ranks: start, stop, how it stands, its tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Body
from fastapi.responses import Response

from lib_rimo.study.measure.bench_request import SIZES
from lib_rimo.study.measure.bench_tables import FORMATS
from lib_rimo.study.measure.rank_sweep import IMAGES
from lib_rimo.study.measure.rank_sweep_job import RANKS
from lib_rimo.study.service import BackgroundService, StudyService
from lib_rimo.ui.api.responses import NOT_FOUND, answer, download


def add_bench(router: APIRouter, service: StudyService) -> None:
    """Adds the routes.

    Args:
        router: To add them to.
        service: Whose benchmarks they are of.
    """
    sizes = {name: dataclasses.asdict(size) for name, size in SIZES.items()}

    def sizes_and_checkpoints() -> dict[str, Any]:
        return {"sizes": sizes, "checkpoints": service.options()["checkpoints"]}

    _add_job(router, "/bench", lambda: service.benchmarks(), sizes_and_checkpoints)
    ranks = {"ranks": " ".join(map(str, RANKS)), "images": IMAGES}
    _add_job(router, "/ranks", lambda: service.ranks(), lambda: ranks)
    for kind, media_type in FORMATS.items():
        router.add_api_route(f"/bench.{kind}", _file(service, kind, media_type), methods=["GET"])


def _add_job(
    router: APIRouter,
    path: str,
    job: Callable[[], BackgroundService],
    offered: Callable[[], Mapping[str, Any]],
) -> None:
    def standing() -> Response:
        return answer(lambda: job().standing())

    def tables() -> Response:
        return answer(lambda: job().latest(), NOT_FOUND)

    def options() -> Response:
        return answer(offered)

    def start(body: dict[str, Any] = Body()) -> Response:  # noqa: B008  # FastAPI's way to say so
        def work() -> dict[str, Any]:
            job().start(body)
            return dict(job().standing())

        return answer(work)

    def stop() -> Response:
        def work() -> dict[str, Any]:
            job().stop()
            return dict(job().standing())

        return answer(work)

    router.add_api_route(path, standing, methods=["GET"])
    router.add_api_route(f"{path}/tables", tables, methods=["GET"])
    router.add_api_route(f"{path}/options", options, methods=["GET"])
    router.add_api_route(f"{path}/start", start, methods=["POST"])
    router.add_api_route(f"{path}/stop", stop, methods=["POST"])


def _file(service: StudyService, kind: str, media_type: str) -> Any:
    def handler() -> Response:
        return download(lambda: service.benchmarks().file(kind), media_type, f"rimo-benchmark.{kind}")

    return handler
