"""The page in a real browser: a study from the first click to the saved file, on whichever gradio is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lib_rimo.ui.sentences import signed
from tests.ui.conftest import ROOT, Served
from tests.ui.pages import PATIENCE_MS, Opener, field, finished, part, state

pytestmark = pytest.mark.browser

COLOURS = """(where) => {
    let ground = document.querySelector(where);
    const words = getComputedStyle(ground).color;
    const clear = (e) => getComputedStyle(e).backgroundColor === "rgba(0, 0, 0, 0)";
    while (ground.parentElement && clear(ground)) ground = ground.parentElement;
    return [words, clear(ground) ? "rgb(255, 255, 255)" : getComputedStyle(ground).backgroundColor];
}"""
"""The colour of an element's words and of the ground they stand on."""


def test_a_first_visit_says_what_to_do(scripted: Served, opened: Opener) -> None:
    """Before the first start one can start, sees in words what will be there, and no empty axes or idle buttons."""
    page = opened(scripted)
    assert page.is_visible("#rimo-start")
    assert page.is_visible(part("welcome"))
    assert page.is_hidden(part("plot"))
    assert page.is_hidden("#rimo-stop")
    assert page.is_hidden("#rimo-save")
    page.wait_for_selector("#rimo-estimate >> text=640 to search")


def test_wrong_settings_are_said_beside_the_field(scripted: Served, opened: Opener) -> None:
    """Bounds in the wrong order open the folded part, mark the field, and nothing starts."""
    page = opened(scripted)
    page.click("#rimo-advanced >> text=Advanced")
    field(page, "bounds-lowest").fill("1.5")
    field(page, "bounds-lowest").press("Tab")
    page.wait_for_selector("#rimo-error-bounds >> text=The bounds are reversed")
    page.click("#rimo-start")
    page.wait_for_selector("#rimo-message >> text=Not started")
    assert scripted.api.json("snapshot")[1]["state"] == "idle"
    field(page, "bounds-lowest").fill("-0.1")
    field(page, "bounds-lowest").press("Tab")
    page.wait_for_selector("#rimo-error-bounds >> text=The bounds are reversed", state="hidden")


def test_a_preset_fills_in_its_numbers(scripted: Served, opened: Opener) -> None:
    """Choosing a preset says what it is for and shows its numbers under Advanced."""
    page = opened(scripted)
    page.click("#rimo-advanced >> text=Advanced")
    page.click("#rimo-preset >> text=Standard")
    page.wait_for_selector("#rimo-estimate >> text=over night")
    page.wait_for_function("document.querySelector('#rimo-budget input').value === '2000'")
    assert field(page, "epochs").input_value() == "2"
    assert field(page, "seed").input_value() == "0"


def test_a_study_from_start_to_save(scripted: Served, opened: Opener) -> None:
    """Start, watch dots and pictures come, pause, go on, see result, grids and table, save, fail to save again."""
    page = opened(scripted)
    page.click("#rimo-start")
    state(page, "searching")
    assert page.is_disabled("#rimo-start")
    page.wait_for_selector(part("latest-tags") + " .rimo-found")
    page.click("#rimo-pause")
    state(page, "paused")
    assert page.is_hidden("#rimo-pause")
    held = scripted.api.json("snapshot")[1]["trial"]
    page.reload()  # a page reopened in the middle shows the whole study
    state(page, "paused")
    page.wait_for_function(
        f"document.querySelector('.rimo-dots').getAttribute('d').split('M').length - 1 === {held}"
    )
    page.click("#rimo-resume")
    state(page, "finished")
    assert page.inner_text(part("gain")).startswith("+12.3 points over the base (10.8 to 13.8)")
    page.wait_for_selector(part("grids") + " img")
    assert page.locator(part("grids") + " .rimo-grid-row").count() == 3
    assert page.locator(part("categories") + " tr").count() == 5
    last = page.inner_text(part("categories") + " tr:last-child td:last-child")
    assert last == "\N{MINUS SIGN}1.8 % (\N{MINUS SIGN}5.8 to 2.2)"
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
    page.hover(part("plot"), position={"x": 60, "y": 60})
    assert page.inner_text(".rimo-tip").startswith(
        "Mix 1, epoch 1: the base itself\n56.5 % of its tags found"
    )
    page.mouse.move(2, 2)
    assert page.is_hidden(".rimo-tip")
    page.focus(part("plot"))
    page.keyboard.press("ArrowLeft")
    assert page.inner_text(".rimo-tip").startswith("Mix 24, epoch 2")
    assert "24 mixes tried" in str(page.get_attribute(part("plot"), "aria-label"))


def test_updates_keep_the_elements(scripted: Served, opened: Opener) -> None:
    """While a study runs, the picture, the curve and finished rows of the grid stay the same elements."""
    page = opened(scripted)
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
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    words, ground = page.evaluate(COLOURS, "#rimo-tab .rimo-intro p")
    assert (_light(words) > _light(ground)) == (theme == "dark")


def _light(colour: str) -> float:
    return sum(float(n) for n in re.findall(r"[\d.]+", colour)[:3])


def test_a_hidden_page_asks_nothing(scripted: Served, opened: Opener) -> None:
    """While the live view cannot be seen there are no requests; once seen again it is up to date at once."""
    page = opened(scripted)
    page.evaluate("document.querySelector('gradio-app').style.display = 'none'")
    page.wait_for_timeout(600)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []
    with page.expect_request("**/rimo/v1/status?*"):
        page.evaluate("document.querySelector('gradio-app').style.display = ''")


def test_ctrl_c_ends_it_and_a_taken_port_is_said(serve_page: Callable[..., Served], tmp_path: Path) -> None:
    """A second server on the same port ends with words before it starts; ctrl-C ends the first without a trace."""
    first = serve_page("tests.ui.scripted_server", "{port}", str(tmp_path), "0.1")
    port = str(urlsplit(first.api.address).port)
    command = [sys.executable, "-m", "tests.ui.scripted_server", port, str(tmp_path), "0.1"]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert second.returncode != 0
    assert f"The port is taken by another program or not allowed. Found: {port}." in second.stderr
    assert first.api.json("version")[0] == 200
    assert first.end() == 0
    assert "Traceback" not in first.log.read_text()


@pytest.fixture(scope="module")
def real(serve_page: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> tuple[Served, Path]:
    """The page as ``rimo serve`` gives it, with the tiny family, and the folder that holds its checkpoints."""
    home = tmp_path_factory.mktemp("home")
    command = ("lib_rimo", "serve", "--port", "{port}", "--no-browser")
    return serve_page(*command, RIMO_HOME=str(home), OMP_NUM_THREADS="1"), home / "models"


@pytest.mark.slow
def test_the_tiny_family_is_mixed_from_the_first_click(real: tuple[Served, Path], opened: Opener) -> None:
    """Real models: start, dots, grid, result and table, save; then a second study is stopped and saved as well."""
    served, models = real
    page = opened(served)
    page.set_default_timeout(5 * PATIENCE_MS)
    page.click("#rimo-advanced >> text=Advanced")
    for name, value in (("budget", "96"), ("unseen", "10")):
        field(page, name).fill(value)
        field(page, name).press("Tab")
    page.wait_for_selector("#rimo-estimate >> text=96 to search")
    page.click("#rimo-start")
    page.wait_for_selector(part("latest-tags") + " li")
    page.wait_for_selector(part("plot") + " .rimo-line[d]", state="attached")
    state(page, "finished")
    now = served.api.json("snapshot")[1]
    assert now["images"] == 96
    assert page.locator(part("grids") + " .rimo-grid-row").count() == 2
    assert page.inner_text(part("gain-value")) == signed(100 * now["result"]["gain_over_base"]["mean"])
    assert page.locator(part("categories") + " tr").count() == len(now["result"]["categories"]) > 2
    page.locator(part("grids")).scroll_into_view_if_needed()  # pictures load when they come into view
    page.wait_for_function(
        "[...document.querySelectorAll('.rimo-grid img')].every((i) => i.naturalWidth === 64)"
    )
    field(page, "name").fill("first")
    page.click("#rimo-save")
    page.wait_for_selector("#rimo-save-message >> text=Saved as first.safetensors")
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
    page.click("#rimo-base input")
    page.wait_for_selector("#rimo-base >> text=first.safetensors")
