"""What the browser's tests share: selectors, waiting, and opening a page that must not complain."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.conftest import PATIENCE_MS
from tests.ui.scripted import HOLD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Route

    from tests.ui.conftest import Served

FILLED = {
    "categories": '#rimo-tab [data-rimo="categories"] tr',
    "blocks": '#rimo-tab [data-rimo="blocks"] tr',
    "recipe": '#rimo-tab [data-rimo="recipe"] tr',
    "history": "#rimo-tab .rimo-card >> nth=2",
    "pictures": "#rimo-tab .rimo-thumb",
}
"""What stands in each view of a finished study as soon as it is complete."""

MOST_TRIES = 5

_WEBUI = """(told, table) => {
    const waiting = [];
    const there = () => Object.keys(window.opts).length > 0;
    Object.assign(window, { opts: {}, gradioApp: () => document });
    if (told) window.onOptionsAvailable = (callback) => { if (there()) callback(); else waiting.push(callback); };
    window.onUiLoaded = (callback) => new MutationObserver((_, observer) => {
        if (!document.getElementById("rimo-tab")) return;
        observer.disconnect();
        callback();
    }).observe(document, { childList: true, subtree: true });
    const translate = (node) => {
        if (node.nodeType === Node.TEXT_NODE) node.data = table[node.data.trim()] ?? node.data;
        else node.childNodes.forEach(translate);
    };
    new MutationObserver((changes) => changes.forEach(({ addedNodes }) => addedNodes.forEach(translate)))
        .observe(document, { childList: true, subtree: true });
    window.localization = table;
    window.optionsCome = (options) => {
        window.opts = options;
        waiting.forEach((callback) => callback());
    };
}"""


@dataclasses.dataclass(frozen=True)
class Webui:
    """What the script finds around it inside a WebUI.

    Attributes:
        options: The WebUI's, as far as they are there from the start; a real one has none for about two seconds.
        told: Whether it says when they come (``onOptionsAvailable``).
        table: What it translates on its whole page by itself, from the files of all extensions and the user's own.
    """

    options: dict[str, str] = dataclasses.field(default_factory=dict)
    told: bool = True
    table: dict[str, str] = dataclasses.field(default_factory=dict)

    def script(self) -> str:
        """To be run before the page's own scripts."""
        told, table, options = map(json.dumps, (self.told, self.table, self.options))
        return f"({_WEBUI})({told}, {table}); optionsCome({options});"


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
        webui: Webui | None = None,
        routes: Mapping[re.Pattern[str], Callable[[Route], None]] | None = None,
        **options: Any,
    ) -> Page:
        """Opens the page, by itself or as inside a WebUI; `routes` answer instead of the server."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 900},
            locale=locale,
            timezone_id="UTC",  # dates are shown as where the user is
            **options,
        )
        self._contexts.append(context)
        page = context.new_page()
        if webui is not None:
            page.add_init_script(webui.script())
        for pattern, handler in (routes or {}).items():
            page.route(pattern, handler)
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.url, served.api.address))
        page.goto(f"{served.api.address}/?__theme={theme}")
        ready(page)
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


def ready(page: Page) -> None:
    """Waits until the page shows the study, and the form what was started last: later it would undo what a test does.

    The estimate is the last of what the form does when a page is opened.
    """
    page.wait_for_selector("#rimo-tab[data-state]")
    page.wait_for_selector("#rimo-estimate .rimo-cost")


def module(name: str) -> str:
    """A script's expression for one of the page's modules, the very one that the page runs."""
    return f"import(new URL('rimo/page/javascript/rimo/{name}.mjs', document.baseURI).href)"


def options_come(page: Page, **options: str) -> None:
    """The WebUI around the page has its options now."""
    page.evaluate("(options) => optionsCome(options)", options)


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
    name = "start-recipe" if name == "start" else name  # the button "Start" has the plain name
    return page.locator(f"#rimo-{name} input, #rimo-{name} textarea").first


@contextmanager
def held(served: Served) -> Iterator[None]:
    """Inside, a study that runs stands where there is much to see, however long a test takes; then it goes on."""
    hold = served.folder / HOLD
    hold.touch()
    try:
        yield
    finally:
        hold.unlink()


def shown(page: Page, name: str) -> Locator:
    """What the script fills, to be waited for."""
    return page.locator(part(name))


def focused(page: Page, where: str) -> None:
    """Waits until the focus is on what a selector of CSS names."""
    page.wait_for_function("(where) => document.activeElement.matches(where)", arg=where)


def still(page: Page) -> None:
    """Waits until nothing moves or fades any more; what goes on for ever does not count."""
    page.wait_for_function(
        """() => document.getAnimations().every((a) =>
            a.playState !== "running" || a.effect.getComputedTiming().endTime === Infinity)"""
    )


def pointed(page: Page, x: int, y: int, words: str) -> None:
    """Points at a place of the curve until its words are there: above it something may still come and move it."""
    from playwright.sync_api import expect

    tip = page.locator(".rimo-tip")
    begins = re.compile("^" + r"\s+".join(map(re.escape, words.split())))
    for tried in range(MOST_TRIES):
        page.hover(part("plot"), position={"x": x, "y": y})
        try:
            expect(tip).to_have_text(begins, timeout=PATIENCE_MS / MOST_TRIES, use_inner_text=True)
            return
        except AssertionError:
            if tried == MOST_TRIES - 1:
                raise
            page.mouse.move(2, 2)


def finished(page: Page) -> None:
    """Starts the study if nobody did yet, and waits for its end."""
    if page.get_attribute("#rimo-tab", "data-state") == "idle":
        page.click("#rimo-start")
    state(page, "finished")
