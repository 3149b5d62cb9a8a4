"""The routes: commands, errors, pictures, downloads, and who may use them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import HTTPException, Request

import lib_rimo
from lib_rimo.errors import ArchitectureError
from lib_rimo.study.store.snapshot import StudyState
from tests.ui.conftest import Api
from tests.ui.scripted import FILES, STUDY, ScriptedService

SETTINGS = {"base": FILES[0], "partners": [FILES[1], FILES[2]]}


def play(api: Api, service: ScriptedService) -> None:
    """Starts a study through the API and waits for its end."""
    assert api.json("start", SETTINGS)[0] == 200
    while service.snapshot().state.active:
        service.wait(service.snapshot().version, 10)


def test_version_comes_without_a_study(api: Api) -> None:
    """A program can tell which version it speaks to."""
    assert api.json("version") == (200, {"name": "rimo", "version": lib_rimo.__version__, "api": 1})


def test_a_study_can_be_steered(api: Api, patient_service: ScriptedService) -> None:
    """Start, pause, resume, stop and save each answer with what came of it."""
    status, answer = api.json("start", SETTINGS)
    assert (status, answer["study"], answer["state"]) == (200, STUDY, "preparing")
    assert api.json("pause", {})[1]["state"] == "paused"
    assert api.json("resume", {})[1]["state"] == "searching"
    assert api.json("stop", {})[1]["state"] == "stopped"
    assert api.json("save", {"name": "mix"}) == (200, {"file": "mix.safetensors"})


def test_errors_say_whose_they_are(api: Api, service: ScriptedService) -> None:
    """A wrong setting is 400 with its field, a wrong moment 409; the text is the user's."""
    status, answer = api.json("start", {**SETTINGS, "partners": [FILES[0]]})
    assert (status, answer["field"]) == (400, "partners")
    assert "chosen twice" in answer["error"]
    status, answer = api.json("pause", {})
    assert (status, answer["error"]) == (409, "No study runs.")
    assert service.snapshot().state is StudyState.IDLE
    play(api, service)
    api.json("save", {"name": "mix"})
    assert api.json("save", {"name": "mix"})[0] == 409
    assert api.json("save", {"name": "../mix"})[1]["field"] == "name"


def test_other_errors_are_told_or_hidden(
    api: Api, service: ScriptedService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error for the user is told; a defect goes to the log, its text does not leave the program."""
    told = ArchitectureError("These do not mix", found="SDXL")
    monkeypatch.setattr(service, "start", lambda _: (_ for _ in ()).throw(told))
    status, answer = api.json("start", SETTINGS)
    text = "These do not mix. Found: SDXL."
    assert (status, answer["error"]) == (400, text)
    (said,) = answer["said"]
    assert (said["text"], said["template"]) == (text, "{1} {2}")
    assert said["values"][1] == {"text": "Found: SDXL.", "template": "Found: {1}.", "values": ["SDXL"]}
    monkeypatch.setattr(service, "start", lambda _: (_ for _ in ()).throw(KeyError("secret")))
    status, answer = api.json("start", SETTINGS)
    assert status == 500
    assert "secret" not in answer["error"]
    assert "secret" in caplog.text


def test_status_sends_what_changed(api: Api, service: ScriptedService) -> None:
    """A second question with the answers of the first gets two words."""
    play(api, service)
    _, first = api.json("status")
    assert first["state"] == "finished"
    assert first["curve"]["total"] == 24
    marks = ".".join(part["mark"] for part in first["parts"].values())
    query = f"status?run={first['run']}&study={STUDY}&since={first['version']}&points=24&have={marks}"
    assert api.json(query) == (200, {"version": first["version"], "run": first["run"]})


def test_pictures_come_by_the_names_that_were_given(api: Api, service: ScriptedService) -> None:
    """A named picture is sent; any other path, escaped or not, is not found."""
    play(api, service)
    file = service.snapshot().grids[0].files[0]
    status, headers, data = api.ask(f"picture/{STUDY}/{file}")
    assert (status, headers["content-type"], data[:4]) == (200, "image/png", b"\x89PNG")
    for wrong in (
        f"picture/{STUDY}/../scripted.py",
        f"picture/{STUDY}/grids/..%2F..%2Fx.png",
        "picture/x/grids/1.png",
    ):
        assert api.ask(wrong)[0] == 404


def test_downloads_are_there_with_the_result(api: Api, service: ScriptedService) -> None:
    """Table and curve come as files; the table is not found before there is a result."""
    assert api.ask("categories.csv")[0] == 404
    play(api, service)
    assert api.ask("categories.csv")[2].startswith(b"category,merged_percent")
    assert api.ask("categories.md")[2].startswith(b"| category |")
    status, headers, data = api.ask("curve.png")
    assert (status, data[:4]) == (200, b"\x89PNG")
    assert "rimo-curve.png" in headers["content-disposition"]


def test_the_whole_snapshot_is_plain_json(api: Api, service: ScriptedService) -> None:
    """Scripts read the same snapshot that the tab is made from."""
    play(api, service)
    _, answer = api.json("snapshot")
    said = {one["text"] for one in answer.pop("said")}
    assert answer == json.loads(json.dumps(service.snapshot().to_json()))
    assert answer["notes"][0] in said


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://example.org"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Origin": "{own}"}, 200),
        ({"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ],
)
def test_foreign_pages_cannot_post(
    api: Api, service: ScriptedService, headers: dict[str, str], status: int
) -> None:
    """A browser's own words tell a foreign page's post from ours; scripts say nothing and may."""
    sent = {name: value.format(own=api.address) for name, value in headers.items()}
    assert api.ask("start", SETTINGS, sent)[0] == status
    assert (service.snapshot().state is StudyState.IDLE) == (status != 200)


@pytest.mark.parametrize("headers", [{"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_foreign_pages_cannot_read(api: Api, headers: dict[str, str]) -> None:
    """Names and folders of checkpoints are not for them; a server of gradio's lets pages without an origin read."""
    assert api.ask("options", None, headers)[0] == 403
    assert api.ask("options", None, {"Origin": api.address, "Sec-Fetch-Site": "same-origin"})[0] == 200


def test_a_body_must_be_an_object(api: Api) -> None:
    """A list or a number as body is refused before the service sees it."""
    assert api.ask("start", [1])[0] == 422


def test_a_host_can_bring_its_own_login(serve_routes: Callable[..., Api], service: ScriptedService) -> None:
    """The host's dependency guards reading, steering and downloads alike."""

    def authorise(request: Request) -> None:
        if request.headers.get("x-user") != "known":
            raise HTTPException(401)

    api = serve_routes(service, authorise)
    paths: list[tuple[str, Any]] = [
        ("version", None),
        ("status", None),
        ("start", SETTINGS),
        ("curve.png", None),
    ]
    for path, body in paths:
        assert api.ask(path, body)[0] == 401
        assert api.ask(path, body, {"X-User": "known"})[0] == 200
