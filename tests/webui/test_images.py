"""The user's pictures are the user's: before, during and after a study, by the WebUI's own API."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.webui.conftest import Webui

PRESSES = 500


def drawn(webui: Webui, lora: str) -> tuple[str, str]:
    """The user's picture without and with a LoRA."""
    return webui.picture(), webui.picture(f"red, star {lora}")


def files_below(folder: Path) -> dict[Path, int]:
    """Files and when they were written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_pictures_stay_the_users(webui: Webui, lora: str) -> None:
    """Twenty requests at random moments of a study give the bytes from before it, and so do those after it."""
    before = drawn(webui, lora)
    assert before[0] != before[1]
    outputs, history = files_below(webui.folder / "outputs"), (webui.folder / "params.txt").read_bytes()
    checkpoints = files_below(webui.folder / "models")
    webui.start(budget=512)
    webui.wait(lambda s: s["state"] == "searching" and s["trial"] >= 1)
    assert (webui.folder / "params.txt").read_bytes() == history
    moments = random.Random(1)
    during = []
    for _ in range(10):
        time.sleep(moments.random())
        during.append(drawn(webui, lora))
        assert webui.snapshot()["state"] == "searching", "the study ended too early to say anything"
    webui.stop()
    assert set(during) == {before}
    assert drawn(webui, lora) == before
    assert files_below(webui.folder / "outputs") == outputs
    assert files_below(webui.folder / "models") == checkpoints


def test_another_checkpoint_pauses_the_study(webui: Webui) -> None:
    """A checkpoint that the user selects is loaded at once, draws its own picture, and the study says so."""
    webui.ask("sdapi/v1/options", {"sd_model_checkpoint": webui.names[1]})
    other = webui.picture()
    webui.ask("sdapi/v1/options", {"sd_model_checkpoint": webui.names[0]})
    own = webui.picture()
    assert own != other
    webui.start()
    webui.wait(lambda s: s["state"] == "searching" and s["trial"] >= 1)
    webui.ask("sdapi/v1/options", {"sd_model_checkpoint": webui.names[1]})
    assert webui.picture() == other
    said = webui.wait(lambda s: s["state"] == "paused")
    assert webui.names[1] in said["message"] + said["error"]
    webui.ask("rimo/v1/resume", {})
    webui.wait(lambda s: s["state"] == "searching" and s["images"] > said["images"])
    assert webui.picture() == own


@pytest.mark.parametrize("button", ["interrupt", "skip"])
def test_interrupt_pauses_the_study(webui: Webui, button: str) -> None:
    """The user's Interrupt and Skip end our picture, the study says so and goes on when it is resumed."""
    own = webui.picture()
    webui.start(budget=256)
    webui.wait(lambda s: s["state"] == "searching" and s["images"] > 0)
    for _ in range(PRESSES):
        if webui.snapshot()["state"] != "searching":
            break
        webui.ask(f"sdapi/v1/{button}", {})  # between two pictures there is nothing to interrupt
    said = webui.wait(lambda s: s["state"] == "paused")
    assert "interrupted in the WebUI" in said["message"]
    assert webui.picture() == own
    webui.ask("rimo/v1/resume", {})
    webui.wait(lambda s: s["state"] == "searching" and s["images"] > said["images"])
    webui.stop()
    assert webui.picture() == own
