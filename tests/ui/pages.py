"""What the browser's tests share: selectors, waiting, and opening a page that must not complain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

    from tests.ui.conftest import Served

PATIENCE_MS = 15_000


class Opener:
    """Opens pages and remembers what they complained of: errors, and requests to other servers.

    Attributes:
        complaints: What was said.
        refused: Parts of messages that a test expects: the browser logs every answer that is an error.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.refused: tuple[str, ...] = ()

    def __call__(
        self,
        served: Served,
        theme: str = "light",
        width: int = 1280,
        locale: str = "en-US",
        webui: dict[str, str] | None = None,
        **options: Any,
    ) -> Page:
        """Opens the page; ``webui`` are the options of a WebUI that the script shall find around it."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 900}, locale=locale, **options
        )
        self._contexts.append(context)
        page = context.new_page()
        if webui is not None:
            page.add_init_script(f"window.opts = {json.dumps(webui)}; window.gradioApp = () => document;")
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.url, served.api.address))
        page.goto(f"{served.api.address}/?__theme={theme}")
        page.wait_for_selector("#rimo-tab[data-state]")
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(part in message.text for part in self.refused):
            self.complaints.append(message.text)

    def _asked(self, url: str, own: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != own:
            self.complaints.append(f"asked {url}")

    def close(self) -> None:
        """Closes all pages."""
        for context in self._contexts:
            context.close()


def state(page: Page, wanted: str) -> None:
    """Waits until the page shows a study in that state."""
    page.wait_for_selector(f'#rimo-tab[data-state="{wanted}"]')


def part(name: str) -> str:
    """A selector for what the script fills."""
    return f'#rimo-tab [data-rimo="{name}"]'


def view(page: Page, name: str) -> None:
    """Brings a view of the lower half to the front."""
    page.click(f"#rimo-tab-{name}")
    page.wait_for_selector(f"#rimo-view-{name}", state="visible")


def field(page: Page, name: str) -> Any:
    """The input of a text or number field; the generations build it differently."""
    return page.locator(f"#rimo-{name} input, #rimo-{name} textarea").first


def finished(page: Page) -> None:
    """Starts the study if nobody did yet, and waits for its end."""
    if page.get_attribute("#rimo-tab", "data-state") == "idle":
        page.click("#rimo-start")
    state(page, "finished")
