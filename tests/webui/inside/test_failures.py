"""Errors thrown into every step of a study leave the user's pictures alone. Run by the probe."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lib_rimo import extension
from lib_rimo.benchmark.onnx_tagger import OnnxTagger
from lib_rimo.errors import RimoError
from lib_rimo.merging.live import swap
from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.saving import save
from tests.webui.conftest import Webui

NAMES = "RIMO_WEBUI_CHECKPOINTS"
pytestmark = pytest.mark.skipif(NAMES not in os.environ, reason=f"{NAMES} names no checkpoints")


class InjectedError(Exception):
    """What a test throws."""


def failing(work: Callable[..., Any], after: int) -> Callable[..., Any]:
    """The same function, which throws once when it was called so many times."""
    calls = 0

    def run(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == after:
            raise InjectedError("thrown by a test")
        return work(*args, **kwargs)

    return run


@pytest.fixture
def webui() -> Iterator[Webui]:
    """This WebUI, asked from inside."""
    from modules import paths, shared

    names = tuple(name.strip() for name in os.environ[NAMES].split(","))
    found = Webui(f"http://127.0.0.1:{shared.cmd_opts.port or 7860}", Path(paths.data_path), names)
    found.stop()
    found.ask("sdapi/v1/options", {"sd_model_checkpoint": Path(names[0]).stem})
    yield found
    found.stop()


def _swap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "merge_key", failing(swap.merge_key, 40))  # tensors are half written then


def _generate(monkeypatch: pytest.MonkeyPatch) -> None:
    from modules import sd_samplers

    monkeypatch.setattr(sd_samplers, "create_sampler", failing(sd_samplers.create_sampler, 3))


def _score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OnnxTagger, "probabilities", failing(OnnxTagger.probabilities, 3))


def _restore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Swapper, "restore", failing(Swapper.restore, 1))  # the model is loaded anew then


STEPS = {"swap": _swap, "generate": _generate, "score": _score, "restore": _restore}


@pytest.mark.parametrize("step", STEPS)
def test_error_in_a_step(webui: Webui, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study says that it failed, the user's picture is the one from before, and the study can be resumed."""
    before = webui.picture()
    webui.start(budget=512)
    webui.wait(lambda s: s["state"] == "searching" and s["trial"] >= 1)
    STEPS[step](monkeypatch)
    assert webui.picture() == before
    said = webui.wait(lambda s: s["state"] == "failed")
    assert "thrown by a test" in said["error"] or "InjectedError" in said["error"]
    assert webui.picture() == before
    monkeypatch.undo()
    webui.ask("rimo/v1/resume", {})
    webui.wait(lambda s: s["state"] == "searching" and s["images"] > said["images"])
    webui.stop()
    assert webui.picture() == before


def test_error_while_saving(webui: Webui, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that breaks off leaves no file and no other picture."""
    before = webui.picture()
    webui.start(budget=96)
    webui.wait(lambda s: s["state"] == "searching" and s["trial"] >= 2)
    webui.stop()
    service = extension.service(webui.folder)  # the one of this process
    files = set(Path(webui.folder / "models").rglob("*"))
    monkeypatch.setattr(save, "run_plans", failing(save.run_plans, 1))
    with pytest.raises((InjectedError, RimoError)):
        service.save("rimo-broken-off")
    assert set(Path(webui.folder / "models").rglob("*")) == files
    assert webui.picture() == before
    monkeypatch.undo()
    saved = service.save("rimo-whole")
    try:
        assert webui.picture() == before
    finally:
        for left in saved.parent.glob("rimo-whole*"):
            left.unlink()
