"""The routes of single mixes: recipe, what mattered, freezing, trying; and of the user's own presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Body
from fastapi.responses import Response

from lib_rimo.errors import SettingsError
from lib_rimo.study.mixes.preview import PreviewRequest
from lib_rimo.study.mixes.repair import Repair
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.service import StudyArchive, StudyService
from lib_rimo.ui.api.responses import NOT_FOUND, answer, stands


def add_mixes(router: APIRouter, archive: StudyArchive) -> None:
    """Adds the routes.

    Args:
        router: To add them to.
        archive: The studies behind them.
    """

    def recipe(study: str, trial: str = "", epoch: str = "", average: bool = False) -> Response:
        choice = {"trial": trial, "epoch": epoch, "average": average}
        return answer(lambda: archive.mix(study, Choice.of(choice)), NOT_FOUND)

    def blocks(study: str) -> Response:
        return answer(lambda: archive.blocks(study), NOT_FOUND)

    def freeze(body: dict[str, Any] = Body()) -> Response:  # noqa: B008  # FastAPI's way to say so
        return answer(lambda: stands(archive.freeze(str(body.get("study", "")), _groups(body))))

    def try_mix(body: dict[str, Any] = Body()) -> Response:  # noqa: B008
        def work() -> Mapping[str, Any]:
            study = str(body.get("study", ""))
            return archive.try_mix(study, Choice.of(body), PreviewRequest.of(body), repair_of(body))

        return answer(work)

    def play(body: dict[str, Any] = Body()) -> Response:  # noqa: B008
        return answer(lambda: {"live": archive.play(str(body.get("study", "")), Choice.of(body))})

    def stop_playing() -> Response:
        def work() -> dict[str, Any]:
            archive.stop_playing()
            return {"live": ""}

        return answer(work)

    router.add_api_route("/recipe/{study}", recipe, methods=["GET"])
    router.add_api_route("/blocks/{study}", blocks, methods=["GET"])
    router.add_api_route("/freeze", freeze, methods=["POST"])
    router.add_api_route("/try", try_mix, methods=["POST"])
    router.add_api_route("/play", play, methods=["POST"])
    router.add_api_route("/play/stop", stop_playing, methods=["POST"])


def add_presets(router: APIRouter, service: StudyService) -> None:
    """Adds the routes of the user's own presets."""

    def presets() -> Response:
        return answer(lambda: service.presets().all())

    def keep(body: dict[str, Any] = Body()) -> Response:  # noqa: B008
        return answer(lambda: service.presets().keep(body.get("name"), body.get("settings")))

    def forget(body: dict[str, Any] = Body()) -> Response:  # noqa: B008
        return answer(lambda: service.presets().delete(body.get("name")))

    router.add_api_route("/presets", presets, methods=["GET"])
    router.add_api_route("/presets", keep, methods=["POST"])
    router.add_api_route("/presets/delete", forget, methods=["POST"])


def repair_of(body: dict[str, Any]) -> Repair | None:
    """The contact fusion that a request asks for, if it does."""
    wanted = body.get("repair")
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise SettingsError("donor", "No well-shaped checkpoint is chosen", fix="Choose one")
    return Repair.of(wanted)


def _groups(body: dict[str, Any]) -> list[str]:
    groups = body.get("groups")
    if not isinstance(groups, list):
        raise SettingsError("groups", "No block groups are named", wanted="a list of names")
    return [str(group) for group in groups]
