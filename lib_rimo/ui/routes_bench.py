"""The routes of the benchmark: start, stop, how it stands, and its tables."""

from __future__ import annotations

import dataclasses
from typing import Any

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse, Response

from lib_rimo.study.bench_settings import SIZES
from lib_rimo.study.bench_tables import FORMATS
from lib_rimo.study.service import StudyService
from lib_rimo.ui.answers import NOT_FOUND, answer, download


def add_bench(router: APIRouter, service: StudyService) -> None:
    """Adds the routes.

    Args:
        router: To add them to.
        service: Whose benchmarks they are of.
    """
    sizes = {name: dataclasses.asdict(size) for name, size in SIZES.items()}

    def standing() -> JSONResponse:
        return answer(lambda: service.benchmarks().standing())

    def tables() -> JSONResponse:
        return answer(lambda: service.benchmarks().latest(), NOT_FOUND)

    def offered() -> JSONResponse:
        return answer(lambda: {"sizes": sizes, "checkpoints": service.options()["checkpoints"]})

    def start(body: dict[str, Any] = Body()) -> JSONResponse:  # noqa: B008  # FastAPI's way to say so
        def work() -> dict[str, Any]:
            service.benchmarks().start(body)
            return dict(service.benchmarks().standing())

        return answer(work)

    def stop() -> JSONResponse:
        def work() -> dict[str, Any]:
            service.benchmarks().stop()
            return dict(service.benchmarks().standing())

        return answer(work)

    router.add_api_route("/bench", standing, methods=["GET"])
    router.add_api_route("/bench/tables", tables, methods=["GET"])
    router.add_api_route("/bench/options", offered, methods=["GET"])
    router.add_api_route("/bench/start", start, methods=["POST"])
    router.add_api_route("/bench/stop", stop, methods=["POST"])
    for kind, media_type in FORMATS.items():
        router.add_api_route(f"/bench.{kind}", _file(service, kind, media_type), methods=["GET"])


def _file(service: StudyService, kind: str, media_type: str) -> Any:
    def handler() -> Response:
        return download(lambda: service.benchmarks().file(kind), media_type, f"rimo-benchmark.{kind}")

    return handler
