"""A study outlives the page: reloaded, closed and opened again, and the WebUI's own "Reload UI"."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from tests.webui.conftest import Webui
from tests.webui.test_page import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RELOAD_S = 120


def test_reload_ui(webui: Webui, browser: Browser) -> None:
    """After "Reload UI" the same study goes on, and the new page shows it."""
    own = webui.picture()
    webui.start(budget=512)
    before = webui.wait(lambda s: s["state"] == "searching" and s["trial"] >= 2)
    page = browser.new_page()
    page.goto(webui.url)
    page.wait_for_selector("#settings_restart_gradio", state="attached", timeout=60_000)
    page.evaluate("() => document.querySelector('#settings_restart_gradio').click()")
    time.sleep(2)
    page.close()
    _wait_for_routes(webui)
    after = webui.wait(lambda s: s["images"] > before["images"])
    assert after["study"] == before["study"]
    assert after["state"] == "searching"
    page = open_tab(browser, webui, "light")
    page.wait_for_selector('#rimo-tab[data-state="searching"]')
    page.wait_for_selector('#rimo-tab [data-rimo="plot"] .rimo-dots[d]', state="attached")
    page.close()
    assert webui.picture() == own
    webui.stop()
    assert webui.picture() == own


def _wait_for_routes(webui: Webui) -> None:
    """The routes answer 404 for a moment after a reload."""
    end = time.monotonic() + RELOAD_S
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{webui.url}/rimo/v1/version", timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError("the WebUI did not come back")
