"""A study inside the WebUI's own page, from the first click to the saved checkpoint in the dropdown."""

from __future__ import annotations

import base64
import io
import os
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from lib_rimo.benchmark.catalogue import load_catalogue
from lib_rimo.study.record import journal
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.run.image_settings import ImageSettings, PromptPools
from tests.webui.conftest import Webui

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE_MS = int(os.environ.get("RIMO_WEBUI_PATIENCE_S", "1500")) * 1000
SELECTED_S = 120
REFRESH = "#refresh_sd_model_checkpoint, #forge_refresh_checkpoint"
CHECKPOINTS = "#setting_sd_model_checkpoint input, .model_selection input"
NUMBERS = {
    "budget": os.environ.get("RIMO_WEBUI_BUDGET", "384"),
    "epochs": "2",
    "unseen": os.environ.get("RIMO_WEBUI_UNSEEN", "64"),
}


def open_tab(browser: Browser, webui: Webui, theme: str) -> Page:
    """The WebUI's page with our tab in front."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(120_000)
    page.goto(f"{webui.url}/?__theme={theme}")
    page.get_by_role("tab", name="Random mix").or_(
        page.locator("button", has_text="Random mix")
    ).first.click()
    page.wait_for_selector("#rimo-tab[data-state]")
    return page


def picture(page: Page, name: str) -> None:
    """Keeps a screenshot where ``RIMO_WEBUI_SHOTS`` says."""
    if folder := os.environ.get("RIMO_WEBUI_SHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def choose(page: Page, webui: Webui, name: str) -> None:
    """Selects a checkpoint in the WebUI's own dropdown, by clicks."""
    page.locator(REFRESH).first.click()
    page.wait_for_timeout(2000)
    page.locator(CHECKPOINTS).first.click()
    page.locator(f'[data-testid="dropdown-option"][aria-label*="{name}"]').first.click()
    end = time.monotonic() + SELECTED_S
    while name not in str(webui.ask("sdapi/v1/options")["sd_model_checkpoint"]):
        assert time.monotonic() < end, "the dropdown did not take the choice"
        time.sleep(0.5)


def test_study_by_clicks(webui: Webui, browser: Browser) -> None:
    """Start, two epochs with grids, save, refresh: the file is in the WebUI's list and draws the previewed pictures."""
    page = open_tab(browser, webui, "light")
    page.locator("#rimo-advanced").get_by_text("Advanced").first.click()
    for name, value in NUMBERS.items():
        field = page.locator(f"#rimo-{name} input").first
        field.fill(value)
        field.press("Tab")
    picture(page, "setup-light")
    page.wait_for_timeout(1000)
    page.locator("#rimo-start").click()
    page.wait_for_selector('#rimo-tab[data-state="searching"]')
    page.wait_for_selector(
        '#rimo-tab [data-rimo="plot"] .rimo-dots[d]', state="attached", timeout=PATIENCE_MS
    )
    picture(page, "searching-light")
    dark = open_tab(browser, webui, "dark")
    dark.wait_for_timeout(3000)
    picture(dark, "searching-dark")
    dark.close()
    page.wait_for_selector('#rimo-tab[data-state="finished"]', timeout=PATIENCE_MS)
    page.wait_for_timeout(3000)
    picture(page, "finished-light")
    snapshot = webui.snapshot()
    trials = {epoch: [p for p in snapshot["curve"] if p["epoch"] == epoch] for epoch in (1, 2)}
    assert min(len(points) for points in trials.values()) >= 6
    assert [grid["epoch"] for grid in snapshot["grids"]] == [0, 1, 2]

    name = f"rimo-test-{time.strftime('%H%M%S')}"
    page.locator("#rimo-name input, #rimo-name textarea").first.fill(name)
    page.locator("#rimo-save").click()
    page.wait_for_function(
        "() => /safetensors/.test(document.querySelector('#rimo-save-message').textContent)"
    )
    saved = next((webui.folder / "models").rglob(f"{name}.safetensors"))
    try:
        choose(page, webui, name)
        picture(page, "dropdown-light")
        assert _difference(webui) <= 2
    finally:
        page.close()
        webui.ask("sdapi/v1/options", {"sd_model_checkpoint": webui.names[0]})
        for left in saved.parent.glob(f"{name}*"):
            left.unlink()


def _difference(webui: Webui) -> int:
    """The largest difference in a channel between the last grid's first picture and the same request by API.

    The grid was drawn in one batch; drawn alone, a picture may be rounded otherwise in single pixels.
    """
    snapshot = webui.snapshot()
    (folder,) = webui.folder.rglob(f"studies/{snapshot['study']}")
    record = StudyRecord.replay(journal.read(folder))
    layout = ImageSettings.from_json(record.opened.layout)
    assert record.settings.images.catalogue is not None
    prompt = PromptPools(record.settings, layout, load_catalogue(record.settings.images.catalogue)).grid()[0]
    body = {
        "prompt": prompt.text,
        "negative_prompt": prompt.negative,
        "seed": prompt.seed,
        "subseed": prompt.seed,
        "steps": prompt.steps,
        "cfg_scale": prompt.cfg,
        "width": prompt.width,
        "height": prompt.height,
        "sampler_name": layout.sampler,
        "scheduler": layout.scheduler,
    }
    answer = webui.ask("sdapi/v1/txt2img", body)
    alone = Image.open(io.BytesIO(base64.b64decode(answer["images"][0]))).convert("RGB")
    file = snapshot["grids"][-1]["files"][0]
    with urllib.request.urlopen(f"{webui.url}/rimo/v1/picture/{snapshot['study']}/{file}") as sent:
        grid = Image.open(io.BytesIO(sent.read())).convert("RGB")
    return int(np.abs(np.asarray(alone, dtype=np.int16) - np.asarray(grid, dtype=np.int16)).max())
