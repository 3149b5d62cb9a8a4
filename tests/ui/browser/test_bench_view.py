"""The view "Benchmark" in a real browser, and the routes behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.ui.conftest import Api, Served
from tests.ui.pages import Opener, part, view
from tests.ui.scripted_archive import FILES

with_browser = pytest.mark.browser

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def page(scripted: Served, opened: Opener) -> Page:
    """The view in front."""
    opened.refused += ("400 (Bad Request)",)
    made = opened(scripted)
    view(made, "bench")
    made.wait_for_selector(part("bench-checkpoints") + " li")
    return made


def choose(page: Page, *names: str) -> None:
    """Ticks these checkpoints and no others."""
    for box in page.locator(part("bench-checkpoints") + " li").all():
        box.locator("input").set_checked(box.get_attribute("data-key") in names)


@with_browser
def test_a_benchmark_is_run_and_its_tables_are_shown(page: Page) -> None:
    """Progress while it runs; then scatter, tables with the best in bold, and files to take along."""
    from playwright.sync_api import expect

    choose(page, *FILES)
    expect(page.locator(part("bench-count"))).to_have_text("4 of 4 chosen")
    page.click(part("bench-start"))
    expect(page.locator(part("bench-figures"))).to_have_text(re.compile(r"\d+ of 240 images"))
    expect(page.locator(part("bench-message"))).to_have_text("Finished.")
    expect(page.locator(".rimo-bench-dot")).to_have_count(4)
    heads = page.locator(part("bench-tables") + " h3")
    expect(heads).to_have_text(["Single tags by category", "Many tags", "Diversity"])
    first = page.locator(part("bench-tables") + " table >> nth=0")
    expect(first.locator("thead th")).to_have_text(
        ["Category", "plain", "shapes v1. final", "colours", "places"]
    )
    for row in first.locator("tbody tr").all():
        expect(row.locator("td strong")).to_have_count(3)
    for kind in ("md", "csv", "html"):
        with page.expect_download() as download:
            page.click(f'#rimo-view-bench a[href$="bench.{kind}"]')
        assert FILES[2] in download.value.path().read_text(encoding="utf-8")


@with_browser
def test_it_stops_goes_on_and_is_there_after_a_reload(page: Page) -> None:
    """Stop keeps what was measured; the same list goes on; a page opened anew shows list, numbers and tables."""
    from playwright.sync_api import expect

    choose(page, FILES[0], FILES[3])
    page.click("#rimo-view-bench summary")
    page.fill('[data-bench="seed"]', "7")
    page.click(part("bench-start"))
    page.wait_for_selector(part("bench-stop"), state="visible")
    page.click(part("bench-stop"))
    message = page.locator(part("bench-message"))
    expect(message).to_have_text(re.compile("^(Stopped|Finished)"))
    page.click(part("bench-start"))
    expect(message).to_have_text("Finished.")
    expect(page.locator(".rimo-bench-dot")).to_have_count(2)
    page.reload()
    page.wait_for_selector(part("bench-checkpoints") + " li")
    expect(page.locator(".rimo-bench-dot")).to_have_count(2)
    ticked = page.locator(part("bench-checkpoints") + " li:has(input:checked)")
    expect(ticked).to_have_text([FILES[0], FILES[3]])
    expect(page.locator('[data-bench="seed"]')).to_have_value("7")


@with_browser
def test_bad_input_is_marked_and_starts_nothing(page: Page, scripted: Served) -> None:
    """Without a checkpoint, and with each number that cannot be: a message beside the field."""
    from playwright.sync_api import expect

    before = scripted.api.json("bench")[1]
    choose(page)
    page.click(part("bench-start"))
    expect(page.locator('[data-bench-bad="checkpoints"]')).to_contain_text("No checkpoint is chosen")
    choose(page, FILES[0])
    expect(page.locator('[data-bench-bad="checkpoints"]')).to_have_text("")
    for field, value in (("per_tag", "-1"), ("tags", "1.5"), ("many", "two"), ("per_prompt", "0")):
        box = page.locator(f'[data-bench="{field}"]')
        if not box.is_visible():
            page.click("#rimo-view-bench summary")
        kept = box.input_value()
        box.fill(value)
        page.click(part("bench-start"))
        expect(page.locator(f'[data-bench-bad="{field}"]')).to_contain_text(f"Found: {value}")
        expect(box).to_be_focused()
        box.fill(kept)
    assert scripted.api.json("bench")[1] == before


@with_browser
def test_the_list_is_searched_and_sizes_fill_the_numbers(page: Page) -> None:
    """Names are filtered while what is ticked stays; a size fills in its numbers and says what it costs."""
    from playwright.sync_api import expect

    choose(page, FILES[0])
    page.fill(part("bench-search"), "COLO")
    expect(page.locator(part("bench-checkpoints") + " li")).to_have_text([FILES[0], FILES[2]])
    page.fill(part("bench-search"), "")
    page.select_option(part("bench-size"), "upstream")
    expect(page.locator(part("bench-cost"))).to_contain_text("at most 28,480 images, 28,480 in all")
    page.click("#rimo-view-bench summary")
    page.fill('[data-bench="per_tag"]', "3")
    expect(page.locator(part("bench-size"))).to_have_value("own")


def test_routes_refuse_in_json(api: Api) -> None:
    """A wrong value names its field, tables that are not there are not found, a second run is a wrong moment."""
    assert api.json("bench")[1]["state"] == "idle"
    status, told = api.json("bench/start", {"checkpoints": []})
    assert (status, told["field"]) == (400, "checkpoints")
    assert api.json("bench/tables")[0] == 404
    assert api.json("bench.csv")[0] == 404
    assert api.json("bench/start", {"checkpoints": list(FILES)})[0] == 200
    status, told = api.json("bench/start", {"checkpoints": list(FILES)})
    assert status == 409 or api.json("bench")[1]["state"] == "finished"
    assert set(api.json("bench/options")[1]["sizes"]) == {"quick", "standard", "upstream"}
    assert api.json("bench/stop", {})[0] == 200
