"""Other ways to draw keep working while a study runs, and give the pictures from before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.webui.conftest import Webui

STEPS_AXIS = 4
"""Position of "Steps" among the X/Y/Z plot's axes, the same in both WebUIs."""


def hires(webui: Webui) -> dict[str, Any]:
    """Twice the size, drawn in two passes."""
    more = {"hr_scale": 2, "hr_upscaler": "Latent", "hr_second_pass_steps": 2, "denoising_strength": 0.7}
    # Forge fails without this one, and without it 1.0 is its guidance in the second pass; the other does not know them.
    forge = {"hr_additional_modules": ["Use same choices"], "hr_cfg": 4.0}
    known = webui.ask("openapi.json")["components"]["schemas"]
    fields = next(s["properties"] for n, s in known.items() if n.endswith("ProcessingTxt2Img"))
    return {"enable_hr": True, **more, **{name: value for name, value in forge.items() if name in fields}}


def refiner(webui: Webui) -> dict[str, Any]:
    """The second half of the steps by another checkpoint."""
    return {"refiner_checkpoint": Path(webui.names[1]).stem, "refiner_switch_at": 0.5}


def another(webui: Webui) -> dict[str, Any]:
    """A checkpoint for this request alone."""
    chosen = {"sd_model_checkpoint": webui.names[1]}
    return {"override_settings": chosen, "override_settings_restore_afterwards": True}


def plot(webui: Webui) -> dict[str, Any]:
    """An X/Y/Z plot over the steps."""
    nothing = [0, "", []]
    switches = [False, False, False, False, False, False, False, 0, False]
    return {
        "script_name": "x/y/z plot",
        "script_args": [STEPS_AXIS, "2,3", [], *nothing, *nothing, *switches],
    }


WAYS = {"hires": hires, "refiner": refiner, "override": another, "plot": plot}


@pytest.mark.parametrize("way", WAYS)
def test_way(webui: Webui, way: str) -> None:
    """The picture and the plain one after it are those from before the study, in the middle of it and afterwards."""
    asked = WAYS[way](webui)
    before = (webui.picture(**asked), webui.picture())
    webui.start(budget=512)
    webui.wait(lambda s: s["state"] == "searching" and s["trial"] >= 1)
    for _ in range(2):
        assert (webui.picture(**asked), webui.picture()) == before
    now = webui.snapshot()
    webui.wait(lambda s: s["images"] > now["images"])
    webui.stop()
    assert (webui.picture(**asked), webui.picture()) == before
