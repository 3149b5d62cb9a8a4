"""Measuring several ranks of a repair, in a real browser, and the routes behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.ui.browser.test_bench_view import choose
from tests.ui.conftest import Api, Served
from tests.ui.pages import Opener, finished, focused, part, shown, view
from tests.ui.scripted_archive import FILES
from tests.ui.scripted_ranks import HOPELESS

with_browser = pytest.mark.browser

if TYPE_CHECKING:
    from playwright.sync_api import Page


def unfold(page: Page) -> None:
    """Brings the repair to the front and opens it."""
    view(page, "recipe")
    page.wait_for_selector(part("recipe") + " tr")
    page.click(part("contact-details") + " > summary")
    page.wait_for_function("(where) => document.querySelector(where).value !== ''", arg=part("ranks-images"))


@pytest.fixture
def page(scripted: Served, opened: Opener) -> Page:
    """A finished study's recipe, the repair unfolded."""
    opened.refused += ("400 (Bad Request)", "409 (Conflict)")
    made = opened(scripted)
    finished(made)
    unfold(made)
    return made


def measure(page: Page, donor: str, ranks: str = "1 4 8") -> None:
    """Measures these ranks to the end."""
    from playwright.sync_api import expect

    page.select_option(part("contact-donor"), donor)
    page.fill(part("ranks-ranks"), ranks)
    page.fill(part("ranks-images"), "100")
    page.click(part("ranks-start"))
    expect(shown(page, "ranks-message")).to_have_text("Finished.")


@with_browser
def test_the_proposed_rank_is_marked_and_taken(page: Page) -> None:
    """Progress while it runs; then the table, the proposal with its reason, and one click to the rank field."""
    from playwright.sync_api import expect

    expect(shown(page, "ranks-ranks")).to_have_value("2 4 8 16 32 64")
    expect(shown(page, "ranks-cost")).to_contain_text("At most 3,200 images in all")
    page.select_option(part("contact-donor"), FILES[1])
    page.select_option(part("contact-vectors"), "kept")
    page.fill(part("ranks-ranks"), "1 4 8 200")
    page.fill(part("ranks-images"), "100")
    expect(shown(page, "ranks-cost")).to_contain_text("At most 600 images in all")
    page.click(part("ranks-start"))
    expect(shown(page, "ranks-figures")).to_have_text(re.compile(r"\d+ of 600 images"))
    expect(shown(page, "ranks-message")).to_have_text("Finished.")
    rows = page.locator(part("ranks-rows") + " tr")
    names = ["The mix", "The sound checkpoint", "1", re.compile(r"^4"), re.compile(r"^8\s+proposed$"), "200"]
    expect(rows.locator("th")).to_have_text(names)
    expect(rows.nth(4).locator("td")).to_have_text(
        ["66.4 % (64.9 to 67.9)", "\u22121.6 (\u22123.1 to \u22120.1)", "3.1 % (1.6 to 4.6)", "8.0 %"]
    )
    expect(shown(page, "ranks-verdict")).to_have_text(
        "Rank 8 is proposed. Rank 8 draws the fewest unusual pictures at no more than 2 points of accuracy."
    )
    page.select_option(part("contact-donor"), FILES[2])
    page.select_option(part("contact-vectors"), "donor")
    page.click(part("ranks-take"))
    expect(shown(page, "contact-rank")).to_have_value("8")
    expect(shown(page, "contact-rank-now")).to_have_text("8")
    expect(shown(page, "contact-donor")).to_have_value(FILES[1])
    expect(shown(page, "contact-vectors")).to_have_value("kept")
    expect(shown(page, "contact-message")).to_have_text("Rank 8 is set: try it, or save it.")
    focused(page, part("contact-rank"))


@with_browser
def test_no_proposal_says_why(page: Page) -> None:
    """Where every better rank costs too much none is marked, and there is nothing to take."""
    from playwright.sync_api import expect

    measure(page, HOPELESS, "4 8")
    expect(shown(page, "ranks-verdict")).to_have_text(
        "No rank is proposed. Every rank with fewer unusual pictures costs more than 2 points of accuracy."
    )
    expect(shown(page, "ranks-take")).to_be_hidden()
    expect(page.locator(part("ranks-rows") + " .rimo-proposed")).to_have_count(0)


@with_browser
def test_the_table_is_of_the_chosen_mix_and_is_there_after_a_reload(page: Page) -> None:
    """Another mix hides it, the same one shows it again, and so does a page opened anew."""
    from playwright.sync_api import expect

    measure(page, FILES[1])
    expect(shown(page, "ranks-box")).to_be_visible()
    view(page, "pictures")
    page.click("#rimo-view-pictures .rimo-grid-head button >> nth=0")
    view(page, "recipe")
    expect(shown(page, "ranks-box")).to_be_hidden()
    page.click(part("recipe-best"))
    expect(shown(page, "ranks-box")).to_be_visible()
    page.reload()
    page.wait_for_selector("#rimo-tab[data-state=finished]")
    unfold(page)
    expect(shown(page, "ranks-box")).to_be_visible()
    expect(shown(page, "ranks-take")).to_have_text("Take rank 8")


@with_browser
def test_it_stops_and_the_benchmark_waits_for_it(page: Page) -> None:
    """While it runs the benchmark cannot start and says why; Stop ends it, and both can start again."""
    from playwright.sync_api import expect

    page.fill(part("ranks-images"), "20000")
    page.click(part("ranks-start"))
    expect(shown(page, "ranks-stop")).to_be_visible()
    expect(shown(page, "ranks-name")).to_have_text("The mix")
    expect(shown(page, "ranks-figures")).to_contain_text("images")
    view(page, "bench")
    page.wait_for_selector(part("bench-checkpoints") + " li")
    choose(page, FILES[0])
    expect(shown(page, "bench-message")).to_contain_text("Something else is being measured")
    expect(shown(page, "bench-start")).to_be_disabled()
    expect(shown(page, "bench-progress")).to_be_hidden()
    view(page, "recipe")
    page.click(part("ranks-stop"))
    expect(shown(page, "ranks-message")).to_have_text("Stopped. Run it again to go on where it was.")
    expect(shown(page, "ranks-start")).to_be_enabled()
    view(page, "bench")
    expect(shown(page, "bench-start")).to_be_enabled()
    expect(shown(page, "bench-message")).to_have_text("")


@with_browser
def test_bad_input_is_marked_and_starts_nothing(page: Page, scripted: Served) -> None:
    """Ranks and images that cannot be, and a donor that is gone: a message beside the field, which has the focus."""
    from playwright.sync_api import expect

    before = scripted.api.json("ranks")[1]
    for field, value in (("ranks", "two"), ("ranks", "-4"), ("images", "3"), ("images", "1.5")):
        box = shown(page, f"ranks-{field}")
        kept = box.input_value()
        box.fill(value)
        page.click(part("ranks-start"))
        expect(page.locator(f'[data-contact-bad="{field}"]')).to_contain_text(f"Found: {value}")
        expect(shown(page, "ranks-message")).to_have_text("Not started: see the marked field.")
        focused(page, part(f"ranks-{field}"))
        box.fill(kept)
    page.eval_on_selector(
        part("contact-donor"), "select => { select.options[0].value = 'gone'; select.value = 'gone'; }"
    )
    page.click(part("ranks-start"))
    expect(page.locator('[data-contact-bad="donor"]')).to_contain_text("There is no such checkpoint")
    expect(page.locator('[data-contact-bad="images"]')).to_have_text("")
    focused(page, part("contact-donor"))
    assert scripted.api.json("ranks")[1] == before


def test_routes_refuse_in_json(api: Api) -> None:
    """A wrong value names its field, a table that is not there is not found, a second run is a wrong moment."""
    assert api.json("ranks")[1]["state"] == "idle"
    assert api.json("ranks/options")[1] == {"ranks": "2 4 8 16 32 64", "images": 400}
    status, told = api.json("ranks/start", {"study": "s", "donor": FILES[1], "ranks": "x"})
    assert (status, told["field"]) == (400, "ranks")
    assert api.json("ranks/tables")[0] == 404
    assert api.json("ranks/start", {"study": "s", "donor": FILES[1], "images": 20_000})[0] == 200
    for other in ("ranks/start", "bench/start"):
        status, told = api.json(other, {"study": "s", "donor": FILES[1], "checkpoints": [FILES[1]]})
        assert status == 409
        assert "A measurement of ranks is running already" in told["error"]
    assert api.json("ranks/stop", {})[0] == 200
