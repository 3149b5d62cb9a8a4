"""Clip skip inside a WebUI: a job's own, and the user's setting where nothing is asked for."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from lib_rimo.hosts.host import ImageRequest
from lib_rimo.hosts.webui.drawing import Drawer


@pytest.mark.parametrize(("skip", "wanted"), [(None, {}), (2, {"CLIP_stop_at_last_layers": 2})])
def test_a_job_has_its_own(monkeypatch: pytest.MonkeyPatch, skip: int | None, wanted: dict[str, int]) -> None:
    """It is overridden for the one job, which the WebUI takes back itself."""
    jobs: list[Any] = []

    class Job:
        """What a text-to-image job is made with."""

        def __init__(self, **asked: Any) -> None:
            self.__dict__.update(asked)
            self.cached_c = self.cached_uc = self.cached_hr_c = self.cached_hr_uc = [None, None]
            self.__post_init__()

        def __post_init__(self) -> None:
            """As in the WebUI."""

        def close(self) -> None:
            """Nothing to close."""

    def draw(job: Any) -> Any:
        jobs.append(job)
        return SimpleNamespace(images=[Image.new("RGB", (job.width, job.height), "red")])

    state = SimpleNamespace(interrupted=False, skipped=False, stopping_generation=False)
    state.begin, state.end, state.interrupt = (lambda **_: None), (lambda: None), (lambda: None)
    shared, processing, package = (ModuleType(f"modules{name}") for name in (".shared", ".processing", ""))
    vars(shared).update(state=state, cmd_opts=SimpleNamespace(), parallel_processing_allowed=True)
    vars(processing).update(StableDiffusionProcessingTxt2Img=Job, process_images=draw)
    vars(package).update(shared=shared, processing=processing)
    for module in (shared, processing, package):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    Drawer().draw([ImageRequest("red", "", 1, 8, 8, 2, 5.0, "Euler", clip_skip=skip)])
    assert [job.override_settings for job in jobs] == [wanted]
