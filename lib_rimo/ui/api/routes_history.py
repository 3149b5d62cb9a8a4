"""The routes of stored studies: list, look, open, delete, and take away."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Body
from fastapi.responses import Response

from lib_rimo.study.service import StudyArchive
from lib_rimo.ui.api.responses import NOT_FOUND, answer, download, stands
from lib_rimo.ui.report.report import report_html
from lib_rimo.ui.report.strip import FORMATS, strip
from lib_rimo.wording.words import words


def add_history(router: APIRouter, archive: StudyArchive) -> None:
    """Adds the routes.

    Args:
        router: To add them to.
        archive: The studies behind them.
    """

    def studies() -> Response:
        return answer(lambda: {"studies": list(archive.studies())})

    def study(study: str) -> Response:
        return answer(lambda: archive.stored(study).to_json(), NOT_FOUND)

    def open_study(body: dict[str, Any] = Body()) -> Response:  # noqa: B008  # FastAPI's way to say so
        return answer(lambda: stands(archive.open(str(body.get("study", "")))))

    def delete(body: dict[str, Any] = Body()) -> Response:  # noqa: B008
        def work() -> dict[str, Any]:
            archive.delete(wanted := str(body.get("study", "")))
            return {"deleted": wanted}

        return answer(work)

    def report(study: str, lang: str = "") -> Response:
        def work() -> str:
            return report_html(archive, study, words(lang))

        return download(work, "text/html", f"rimo-{study}.html")

    router.add_api_route("/studies", studies, methods=["GET"])
    router.add_api_route("/studies/{study}", study, methods=["GET"])
    router.add_api_route("/open", open_study, methods=["POST"])
    router.add_api_route("/delete", delete, methods=["POST"])
    router.add_api_route("/report/{study}.html", report, methods=["GET"])
    for kind in FORMATS:
        router.add_api_route(f"/strip/{{study}}.{kind}", _strip(archive, kind), methods=["GET"])


def _strip(archive: StudyArchive, kind: str) -> Any:
    def handler(study: str, prompt: int = 0, lang: str = "") -> Response:
        def work() -> bytes:
            return strip(archive, study, prompt, kind, words(lang))

        return download(work, f"image/{kind}", f"rimo-{study}-{prompt}.{kind}")

    return handler
