"""The benchmark and the repair of a mix inside the WebUI's own page, by clicks."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tests.ui.pages import part, view
from tests.webui.conftest import Webui
from tests.webui.test_page import PATIENCE_MS, open_tab, picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIDE = os.environ.get("RIMO_WEBUI_SIZE", "64")
NUMBERS = {
    "per_tag": "1",
    "tags": "4",
    "many": "2:4",
    "per_prompt": "2",
    "steps": "4",
    "width": SIDE,
    "height": SIDE,
}


def _run(page: Page, names: tuple[str, ...]) -> None:
    for box in page.locator(part("bench-checkpoints") + " li").all():
        box.locator("input").set_checked(str(box.get_attribute("data-key")).endswith(names))
    if not page.is_visible('[data-bench="per_tag"]'):
        page.click("#rimo-view-bench summary")
    for name, value in NUMBERS.items():
        page.fill(f'[data-bench="{name}"]', value)
    page.click(part("bench-start"))


def test_benchmark_by_clicks(webui: Webui, browser: Browser) -> None:
    """Each checkpoint gets a column, the user's pictures stay their own meanwhile, and their choice is not touched."""
    from playwright.sync_api import expect

    own = webui.picture()
    page = open_tab(browser, webui, "light")
    page.set_default_timeout(PATIENCE_MS)
    view(page, "bench")
    page.wait_for_selector(part("bench-checkpoints") + " li")
    _run(page, webui.names)
    expect(page.locator(part("bench-figures"))).to_have_text(
        re.compile(r"\d+ of \d+ images"), timeout=PATIENCE_MS
    )
    assert webui.picture() == own
    expect(page.locator(part("bench-message"))).to_have_text("Finished.", timeout=PATIENCE_MS)
    expect(page.locator(".rimo-bench-dot")).to_have_count(len(webui.names))
    picture(page, "benchmark-light")
    assert webui.names[0].partition(".")[0] in webui.ask("sdapi/v1/options")["sd_model_checkpoint"]
    assert webui.picture() == own
    page.close()


def test_repair_by_clicks(webui: Webui, browser: Browser) -> None:
    """A mix and its repair are drawn side by side from the same noise; the user's pictures stay their own."""
    from playwright.sync_api import expect

    own = webui.picture()
    webui.start(budget=96)
    webui.wait(lambda s: s["state"] == "searching" and s["trial"] >= 3)
    webui.stop()
    webui.wait(lambda s: s["state"] == "stopped")
    page = open_tab(browser, webui, "light")
    page.set_default_timeout(PATIENCE_MS)
    view(page, "recipe")
    page.click(part("contact-details") + " > summary")
    page.wait_for_selector(part("contact-donor") + " option", state="attached")
    donor = page.locator(part("contact-donor") + " option", has_text=webui.names[1]).first
    page.select_option(part("contact-donor"), donor.get_attribute("value"))
    page.click(part("contact-try"))
    expect(page.locator(part("contact-message"))).to_have_text(
        re.compile(r"Taken over: [\d.]+ % of the difference"), timeout=PATIENCE_MS
    )
    page.wait_for_selector(part("contact-fused") + " img")
    picture(page, "repair-light")
    assert webui.picture() == own
    page.close()
