"""A mix lent to the WebUI's own txt2img tab and taken back, by clicks alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.webui.conftest import Webui
from tests.webui.test_page import PATIENCE_MS, open_tab, picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIDE = os.environ.get("RIMO_WEBUI_SIZE", "64")
SETTINGS = {"steps": "4", "width": SIDE, "height": SIDE, "seed": "5"}
PIXELS = "document.querySelector('#txt2img_gallery img')?.src"


@pytest.fixture
def studied(webui: Webui) -> Iterator[Webui]:
    """A WebUI with a short study that was stopped."""
    webui.start(budget=96)
    webui.wait(lambda s: s["state"] == "searching" and s["trial"] >= 3)
    webui.stop()
    webui.wait(lambda s: s["state"] == "stopped")
    yield webui
    webui.ask("rimo/v1/play/stop", {})


def tab(page: Page, name: str) -> None:
    """Brings one of the WebUI's tabs to the front."""
    page.locator("#tabs > .tab-nav button", has_text=name).first.click()


def generate(page: Page) -> str:
    """Clicks "Generate" in txt2img; the parameters written below the picture."""
    tab(page, "txt2img")
    page.locator("#txt2img_prompt textarea").fill("red, star")
    for name, value in SETTINGS.items():
        field = page.locator(f"#txt2img_{name} input[type=number]").first
        field.fill(value)
        field.press("Tab")
    before = page.evaluate(PIXELS)
    page.locator("#txt2img_generate").click()
    page.wait_for_function(f"before => {{ const now = {PIXELS}; return now && now !== before; }}", arg=before)
    page.wait_for_function("() => /Seed: 5,/.test(document.querySelector('#html_info_txt2img').textContent)")
    return page.locator("#html_info_txt2img").first.inner_text()


def test_a_mix_is_lent_and_taken_back_by_clicks(studied: Webui, browser: Browser) -> None:
    """A click on the curve and one on a button lend it, a line says so, txt2img names it; a click takes it back."""
    page = open_tab(browser, studied, "light")
    page.set_default_timeout(PATIENCE_MS)
    own = studied.picture()
    page.wait_for_selector("[data-rimo=plot] .rimo-dots[d]", state="attached")
    plot = page.locator("[data-rimo=plot]")
    box = plot.bounding_box()
    assert box is not None
    plot.click(position={"x": 0.8 * box["width"], "y": 0.5 * box["height"]})  # a trial, not the base
    page.locator("[data-rimo=choice-play]").click()
    page.wait_for_selector("[data-rimo=playing]", state="visible")
    picture(page, "playing-light")
    assert "Random mix: " in generate(page)
    picture(page, "playing-txt2img")
    assert studied.picture() != own
    tab(page, "Random mix")
    page.locator("[data-rimo=play-end]").click()
    page.wait_for_selector("[data-rimo=playing]", state="hidden")
    assert "Random mix" not in generate(page)
    assert studied.picture() == own
    page.close()
