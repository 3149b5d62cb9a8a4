"""The page in a real browser: a study from the first click to the saved file, on whichever gradio is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from lib_rimo.wording.sentences import signed
from tests.conftest import PATIENCE_MS
from tests.ui.conftest import ANSWER_S, ROOT, Served
from tests.ui.pages import Opener, field, finished, held, part, pointed, ready, shown, state

pytestmark = pytest.mark.browser

DARK_AS = """([where, dark]) => {
    let ground = document.querySelector(where);
    const words = getComputedStyle(ground).color;
    const clear = (e) => getComputedStyle(e).backgroundColor === "rgba(0, 0, 0, 0)";
    while (ground.parentElement && clear(ground)) ground = ground.parentElement;
    const under = clear(ground) ? "rgb(255, 255, 255)" : getComputedStyle(ground).backgroundColor;
    const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).reduce((sum, n) => sum + Number(n), 0);
    return (light(words) > light(under)) === dark;
}"""
"""Whether an element's words are lighter than the ground they stand on just where the page is to be dark."""

QUIET_MS = 5000
"""Longer than the page's longest pause between two questions."""

MOST_ROUNDS = 6


def test_a_first_visit_says_what_to_do(untouched: Served, opened: Opener) -> None:
    """Before the first start one can start, sees in words what will be there, and no empty axes or idle buttons."""
    page = opened(untouched)
    expect(page.locator("#rimo-start")).to_be_visible()
    expect(shown(page, "welcome")).to_be_visible()
    expect(shown(page, "plot")).to_be_hidden()
    expect(page.locator("#rimo-stop")).to_be_hidden()
    expect(page.locator("#rimo-save")).to_be_hidden()
    page.wait_for_selector("#rimo-estimate >> text=640 to search")


def test_wrong_settings_are_said_beside_the_field(untouched: Served, opened: Opener) -> None:
    """Bounds in the wrong order open the folded part, mark the field, and nothing starts."""
    page = opened(untouched)
    page.click("#rimo-advanced >> text=Advanced")
    field(page, "bounds-lowest").fill("1.5")
    field(page, "bounds-lowest").press("Tab")
    page.wait_for_selector("#rimo-error-bounds >> text=The bounds are reversed")
    page.click("#rimo-start")
    page.wait_for_selector("#rimo-message >> text=Not started")
    assert untouched.api.json("snapshot")[1]["state"] == "idle"
    field(page, "bounds-lowest").fill("-0.1")
    field(page, "bounds-lowest").press("Tab")
    page.wait_for_selector("#rimo-error-bounds >> text=The bounds are reversed", state="hidden")


def test_a_preset_fills_in_its_numbers(untouched: Served, opened: Opener) -> None:
    """Choosing a preset says what it is for and shows its numbers under Advanced."""
    page = opened(untouched)
    page.click("#rimo-advanced >> text=Advanced")
    page.click("#rimo-preset >> text=Standard")
    page.wait_for_selector("#rimo-estimate >> text=over night")
    expect(field(page, "budget")).to_have_value("2000")
    expect(field(page, "epochs")).to_have_value("0")
    expect(field(page, "seed")).to_have_value("0")


def test_a_study_from_start_to_save(scripted: Served, opened: Opener) -> None:
    """Start, watch dots and pictures come, pause, go on, see result, grids and table, save, fail to save again."""
    page = opened(scripted)
    with held(scripted):
        page.click("#rimo-start")
        state(page, "searching")
        expect(page.locator("#rimo-start")).to_be_disabled()
        page.wait_for_selector(part("latest-tags") + " .rimo-found")
        page.click("#rimo-pause")
        state(page, "paused")
        expect(page.locator("#rimo-pause")).to_be_hidden()
        tried = scripted.api.json("snapshot")[1]["trial"]
        page.reload()  # a page reopened in the middle shows the whole study
        ready(page)
        state(page, "paused")
        page.wait_for_function(
            f"document.querySelector('.rimo-dots')?.getAttribute('d')?.split('M').length - 1 === {tried}"
        )
        page.click("#rimo-resume")
    state(page, "finished")
    gain = re.compile(r"^\+12\.3 points over the base \(10\.8 to 13\.8\)")
    expect(shown(page, "gain")).to_have_text(gain, use_inner_text=True)
    page.wait_for_selector(part("grids") + " img")
    expect(page.locator(part("grids") + " .rimo-grid-row")).to_have_count(3)
    expect(page.locator(part("categories") + " tr")).to_have_count(5)
    last = page.locator(part("categories") + " tr:last-child td:last-child")
    expect(last).to_have_text("\N{MINUS SIGN}1.8 % (\N{MINUS SIGN}5.8 to 2.2)")
    field(page, "name").fill("first")
    page.click("#rimo-save")
    page.wait_for_selector("#rimo-save-message >> text=Saved as first.safetensors")
    page.wait_for_selector(part("saved") + " >> text=first.safetensors")
    opened.refused = ("409",)
    field(page, "name").fill("first")
    page.click("#rimo-save")
    page.wait_for_selector("#rimo-save-message >> text=There is a file of this name already")


def test_the_curve_can_be_read_with_mouse_and_keys(scripted: Served, opened: Opener) -> None:
    """Pointing at a dot, or walking with the arrow keys, says its numbers; the summary is there for readers."""
    page = opened(scripted)
    finished(page)
    page.wait_for_selector(part("plot") + " .rimo-dots[d]", state="attached")
    pointed(page, 60, 60, "Mix 1, epoch 1: the base itself\n56.5 % of its tags found")
    page.mouse.move(2, 2)
    tip = page.locator(".rimo-tip")
    expect(tip).to_be_hidden()
    page.focus(part("plot"))
    page.keyboard.press("ArrowLeft")
    expect(tip).to_have_text(re.compile("^Mix 24, epoch 2"), use_inner_text=True)
    expect(shown(page, "plot")).to_have_attribute("aria-label", re.compile("24 mixes tried"))


def test_updates_keep_the_elements(scripted: Served, opened: Opener) -> None:
    """While a study runs, the picture, the curve and finished rows of the grid stay the same elements."""
    page = opened(scripted)
    with held(scripted):
        page.click("#rimo-start")
        state(page, "searching")
        page.wait_for_selector(part("grids") + " .rimo-grid-row")
        page.evaluate("document.querySelectorAll('.rimo-live *').forEach((e) => { e.seen = true; })")
    state(page, "finished")
    kept = ".rimo-line, .rimo-dots, [data-rimo=latest-picture], .rimo-grid-row:first-child img, .rimo-panel"
    assert page.evaluate(f"[...document.querySelectorAll('{kept}')].every((e) => e.seen)")


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 400)])
def test_nothing_sticks_out(scripted: Served, opened: Opener, theme: str, width: int) -> None:
    """In light, dark and narrow windows the page is as wide as the window, and dark is dark."""
    page = opened(scripted, theme, width)
    page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")
    page.wait_for_function(DARK_AS, arg=["#rimo-tab .rimo-intro p", theme == "dark"])


def test_a_hidden_page_asks_nothing(untouched: Served, opened: Opener) -> None:
    """While the live view cannot be seen there are no requests; once seen again it is up to date at once."""
    page = opened(untouched)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("document.querySelector('gradio-app').style.display = 'none'")
    for _ in range(MOST_ROUNDS):  # what was under way may still end
        asked.clear()
        page.wait_for_timeout(QUIET_MS)
        if not asked:
            break
    assert asked == []
    with page.expect_request("**/rimo/v1/status?*"):
        page.evaluate("document.querySelector('gradio-app').style.display = ''")


def test_ctrl_c_ends_it_and_a_taken_port_is_said(
    serve_scripted: Callable[..., Served], tmp_path: Path
) -> None:
    """A second server on the same port ends with words before it starts; ctrl-C ends the first without a trace."""
    first = serve_scripted()
    port = str(urlsplit(first.api.address).port)
    command = [sys.executable, "-m", "tests.ui.scripted_server", port, str(tmp_path), "0.1"]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=ANSWER_S, check=False)
    assert second.returncode != 0
    assert f"The port is taken by another program or not allowed. Found: {port}." in second.stderr
    assert first.api.json("version")[0] == 200
    assert first.end() == 0
    assert "Traceback" not in first.log.read_text()


@pytest.fixture(scope="module")
def real(serve_page: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> tuple[Served, Path]:
    """The page as ``rimo serve`` gives it, with the tiny family, and the folder that holds its checkpoints."""
    home = tmp_path_factory.mktemp("home")
    command = ("lib_rimo", "serve", "--demo", "--port", "{port}", "--no-browser", "--verbose")
    return serve_page(*command, RIMO_HOME=str(home), OMP_NUM_THREADS="1"), home / "models"


def _fill(page: Page, **values: str) -> None:
    """Writes into number fields and leaves them."""
    for name, value in values.items():
        field(page, name).fill(value)
        field(page, name).press("Tab")


@pytest.mark.slow
def test_the_tiny_family_is_mixed_from_the_first_click(real: tuple[Served, Path], opened: Opener) -> None:
    """Real models: start, dots, grid, result and table, save; then a second study is stopped and saved as well."""
    served, models = real
    page = opened(served)
    page.set_default_timeout(5 * PATIENCE_MS)
    page.click("#rimo-advanced >> text=Advanced")
    _fill(page, budget="96", unseen="10")
    page.wait_for_selector("#rimo-estimate >> text=96 to search")
    page.click("#rimo-start")
    page.wait_for_selector(part("latest-tags") + " li")
    page.wait_for_selector(part("plot") + " .rimo-line[d]", state="attached")
    state(page, "finished")
    now = served.api.json("snapshot")[1]
    assert now["images"] == 96
    expect(page.locator(part("grids") + " .rimo-grid-row")).to_have_count(2)
    expect(shown(page, "gain-value")).to_have_text(signed(100 * now["result"]["gain_over_base"]["mean"]))
    assert len(now["result"]["categories"]) > 2
    expect(page.locator(part("categories") + " tr")).to_have_count(len(now["result"]["categories"]))
    page.locator(part("grids")).scroll_into_view_if_needed()  # pictures load when they come into view
    page.wait_for_function(
        "[...document.querySelectorAll('.rimo-grid img')].every((i) => i.naturalWidth === 64)"
    )
    field(page, "name").fill("first")
    page.click("#rimo-save")
    page.wait_for_selector("#rimo-save-message >> text=Saved as first.safetensors")
    _fill(page, budget="9999")  # so that it does not end by itself before it is stopped
    page.wait_for_selector("#rimo-estimate >> text=9,999 to search")
    page.click("#rimo-start")
    state(page, "searching")
    page.wait_for_selector("#rimo-tab.rimo-can-save")
    page.click("#rimo-stop")
    state(page, "stopped")
    field(page, "name").fill("second")
    page.click("#rimo-save")
    page.wait_for_selector("#rimo-save-message >> text=Saved as second.safetensors")
    assert {"first.safetensors", "second.safetensors"} <= {p.name for p in models.iterdir()}
    page.reload()
    ready(page)
    page.click("#rimo-base input")
    page.wait_for_selector("#rimo-base >> text=first.safetensors")
