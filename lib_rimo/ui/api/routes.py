"""The ``/rimo/v1`` routes: what the page polls, and the whole study for scripts.

Handlers are plain functions, so that nothing blocking runs in the event loop, and bodies are plain JSON objects,
so that both pydantic generations take them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, Response

import lib_rimo
from lib_rimo.errors import RimoError, StudyError
from lib_rimo.study.mixes.save import form_of, left_out_of
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.record.results import Result
from lib_rimo.study.service import StudyService
from lib_rimo.ui.api.responses import answer, download, said_json, stands
from lib_rimo.ui.api.routes_bench import add_bench
from lib_rimo.ui.api.routes_files import add_files
from lib_rimo.ui.api.routes_history import add_history
from lib_rimo.ui.api.routes_mixes import add_mixes, add_presets, repair_of
from lib_rimo.ui.api.status import status
from lib_rimo.ui.report.charts import curve_figure
from lib_rimo.ui.report.tables import category_csv, category_markdown, tag_csv, tag_markdown

API_VERSION = 1
PREFIX = "/rimo/v1"


def add_routes(app: FastAPI, service: StudyService, authorise: Callable[..., Any] | None = None) -> None:
    """Adds the routes to a running or new application.

    Args:
        app: The WebUI's application, or our own.
        service: The study behind the routes.
        authorise: A FastAPI dependency that raises ``HTTPException`` for whom it does not know; a host with
            users passes its own. It guards every route.
    """
    guards = [Depends(same_origin)] + ([Depends(authorise)] if authorise is not None else [])
    router = APIRouter(prefix=PREFIX, dependencies=guards, tags=["rimo"])
    _reading(router, service)
    _steering(router, service)
    _downloads(router, service)
    add_history(router, service)
    add_mixes(router, service)
    add_presets(router, service)
    add_bench(router, service)
    add_files(router, service)
    app.include_router(router)


def same_origin(request: Request) -> None:
    """Refuses what a foreign page asks for in the user's browser: no commands, and no names of files either.

    Browsers name the page a request comes from (``Origin``, ``Sec-Fetch-Site``) and cannot send JSON to a foreign
    server unasked; scripts send no such headers.

    Raises:
        HTTPException: 403 for a foreign page, 415 for a body that is not JSON.
    """
    if is_foreign(request.headers):
        raise HTTPException(403, "This request comes from another site.")
    if request.method in ("GET", "HEAD"):
        return
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise HTTPException(415, "A JSON body was wanted (Content-Type: application/json).")


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of another site made this request (header names in lower case)."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin", "")
    # Behind a proxy the browser's host is in X-Forwarded-Host; a foreign page can set neither header.
    hosts = {headers.get("host"), headers.get("x-forwarded-host")}
    return bool(origin) and (urlsplit(origin).netloc or origin) not in hosts


def _reading(router: APIRouter, service: StudyService) -> None:
    def version() -> dict[str, Any]:
        return {"name": "rimo", "version": lib_rimo.__version__, "api": API_VERSION}

    def options() -> Response:
        return answer(lambda: dict(service.options()))

    def snapshot() -> Response:
        return answer(lambda: service.snapshot().to_json())

    def changes(run: str = "", study: str = "", since: int = -1, points: int = 0, have: str = "") -> Response:
        def work() -> dict[str, Any]:
            marks = frozenset(have.split("."))
            return status(
                service.snapshot(), run=run, study=study, since=since, points=max(0, points), have=marks
            )

        return answer(work)

    routes = {"/version": version, "/options": options, "/snapshot": snapshot, "/status": changes}
    for path, handler in routes.items():
        router.add_api_route(path, handler, methods=["GET"])


def _steering(router: APIRouter, service: StudyService) -> None:
    def estimate(settings: dict[str, Any] = Body()) -> Response:  # noqa: B008  # FastAPI's way to say so
        return answer(lambda: dict(service.estimate(settings)))

    def start(settings: dict[str, Any] = Body()) -> Response:  # noqa: B008
        return answer(lambda: stands(service.start(settings)))

    def pause() -> Response:
        return answer(lambda: stands(service.pause()))

    def resume(body: dict[str, Any] = Body(default_factory=dict)) -> Response:  # noqa: B008
        return answer(lambda: stands(service.resume(str(body.get("study", "")))))

    def stop() -> Response:
        return answer(lambda: stands(service.stop()))

    def save(body: dict[str, Any] = Body()) -> Response:  # noqa: B008
        def work() -> dict[str, Any]:
            name = str(body.get("name", ""))
            path = service.save(name, Choice.of(body), form_of(body), repair_of(body))
            lacking = left_out_of(path)
            return {"file": path.name, **({"left_out": lacking} if lacking else {})}

        return answer(work)

    routes = {
        "/estimate": estimate,
        "/start": start,
        "/pause": pause,
        "/resume": resume,
        "/stop": stop,
        "/save": save,
    }
    for path, handler in routes.items():
        router.add_api_route(path, handler, methods=["POST"])


def _downloads(router: APIRouter, service: StudyService) -> None:
    def result(study: str) -> Result:
        found = (service.stored(study) if study else service.snapshot()).result
        if found is None:
            raise StudyError("Nothing is measured yet")
        return found

    def picture(study: str, file: str) -> Response:
        try:
            path = service.picture(study, file)
        except RimoError as error:
            return said_json({"error": error.said}, 404)
        # A study never writes another picture under a name it used, so a browser may keep it.
        return FileResponse(path, headers={"Cache-Control": "private, max-age=86400"})

    def table_csv(study: str = "") -> Response:
        return download(lambda: category_csv(result(study)), "text/csv", "rimo-categories.csv")

    def table_markdown(study: str = "") -> Response:
        return download(lambda: category_markdown(result(study)), "text/markdown", "rimo-categories.md")

    def tags_csv(study: str = "") -> Response:
        return download(lambda: tag_csv(result(study)), "text/csv", "rimo-tags.csv")

    def tags_markdown(study: str = "") -> Response:
        return download(lambda: tag_markdown(result(study)), "text/markdown", "rimo-tags.md")

    def curve(study: str = "") -> Response:
        def work() -> bytes:
            out = io.BytesIO()
            shown = service.stored(study) if study else service.snapshot()
            curve_figure(shown).savefig(out, format="png")
            return out.getvalue()

        return download(work, "image/png", "rimo-curve.png")

    routes = {
        "/picture/{study}/{file:path}": picture,
        "/categories.csv": table_csv,
        "/categories.md": table_markdown,
        "/tags.csv": tags_csv,
        "/tags.md": tags_markdown,
        "/curve.png": curve,
    }
    for path, handler in routes.items():
        router.add_api_route(path, handler, methods=["GET"])
