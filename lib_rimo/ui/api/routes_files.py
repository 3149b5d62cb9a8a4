"""The routes of what lies on this computer: checkpoint files, taggers and their downloads, the tiny family."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse

from lib_rimo.errors import StudyError
from lib_rimo.study.service import StudyService
from lib_rimo.ui.api.responses import NOT_FOUND, answer
from lib_rimo.wording.files import told_download, told_facts, told_profile, told_tagger


def add_files(router: APIRouter, service: StudyService) -> None:
    """Adds the routes.

    Args:
        router: To add them to.
        service: What knows the files.
    """

    def file(name: str, base: str = "") -> JSONResponse:
        def work() -> dict[str, Any]:
            facts = service.facts(name)
            if facts is None:
                raise StudyError("There is no such checkpoint", found=name)
            other = service.facts(base) if base else None
            return {**facts.to_json(), "told": told_facts(facts, other), "profile": _profile(service, name)}

        return answer(work, NOT_FOUND)

    def tagger(name: str = "") -> JSONResponse:
        return answer(lambda: _tagger(service, name))

    def fetch(body: dict[str, Any] = Body()) -> JSONResponse:  # noqa: B008  # FastAPI's way to say so
        def work() -> dict[str, Any]:
            name = str(body.get("name", ""))
            service.fetch_tagger(name)
            return _tagger(service, name)

        return answer(work)

    def demo() -> JSONResponse:
        def work() -> dict[str, Any]:
            service.offer_demo()
            return dict(service.options())

        return answer(work)

    router.add_api_route("/file", file, methods=["GET"])
    router.add_api_route("/tagger", tagger, methods=["GET"])
    router.add_api_route("/tagger/fetch", fetch, methods=["POST"])
    router.add_api_route("/demo", demo, methods=["POST"])


def _profile(service: StudyService, name: str) -> dict[str, Any]:
    found = service.profile(name)
    told = told_profile(found)
    if found is None:
        return {"told": told}
    return {"told": told, "name": found[0].name, "settings": dict(found[0].settings)}


def _tagger(service: StudyService, name: str) -> dict[str, Any]:
    about = dict(service.about_tagger(name))
    told = list(told_tagger(about))
    if "download" not in about:
        return {**about, "told": told}
    return {**about, "told": told, "progress": told_download(about["download"])}
