"""Signs of broken shapes, save options and earlier scripts in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Served
from tests.ui.pages import Opener, finished, part, ready, shown

pytestmark = pytest.mark.browser


@pytest.fixture
def page(scripted: Served, opened: Opener) -> Page:
    """The page with a finished study on display."""
    made = opened(scripted)
    finished(made)
    return made


def test_a_broken_epoch_is_warned_of_beside_the_accuracy(page: Page) -> None:
    """One line per epoch with its intervals; the warning says from where on, where to go back to, and why."""
    rows = page.locator(f"{part('epochs-rows')} tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("64.0 %")
    expect(rows.nth(2)).to_contain_text("28.0 %")
    expect(rows.nth(2)).to_have_class("rimo-warned")
    expect(rows.nth(1)).not_to_have_class("rimo-warned")
    expect(shown(page, "epochs-warning-words")).to_have_text(
        "Shapes may be broken from epoch 2 on. The last one without a sign is epoch 1."
    )
    signs = page.locator(f"{part('epochs-signs')} li")
    expect(signs).to_have_count(2)
    expect(signs.nth(1)).to_contain_text("past its parents (0.72")
    expect(shown(page, "epochs-limit")).to_have_text("0.61")


def test_every_winner_is_told_with_its_diversity(page: Page) -> None:
    """One sentence for each that was held against the floor, in the order of the epochs."""
    told = page.locator(f"{part('variety')} li")
    expect(told).to_have_count(3)
    expect(told.nth(0)).to_contain_text("The winner of epoch 1 was kept")
    expect(told.nth(2)).to_contain_text("The winner of epoch 3 was given up")
    expect(told.nth(2)).to_contain_text("on 96 images each")


def test_the_page_says_when_no_further_epoch_pays(page: Page) -> None:
    """The proposal to stop names the images, the expected gain with its interval, and what can be told at all."""
    outlook = shown(page, "epochs-outlook")
    expect(outlook).to_contain_text("No further epoch is proposed.")
    expect(outlook).to_contain_text("+0.4 points")
    expect(outlook).to_contain_text("1,100 images")
    expect(outlook).to_contain_text("Less than 1.0 points")


def test_the_warning_is_said_in_the_reader_s_language(scripted: Served, opened: Opener) -> None:
    """In Chinese no English word is left in the panel but units."""
    made = opened(scripted, locale="zh-CN")
    finished(made)
    expect(shown(made, "epochs-warning-words")).to_contain_text("\u5f62\u72b6")
    text = made.locator(part("epochs")).inner_text() + made.locator(part("variety-box")).inner_text()
    words = "".join(c if c.isascii() and c.isalpha() else " " for c in text).split()
    assert words == []


def test_the_save_options_reach_the_file(page: Page, scripted: Served) -> None:
    """What is not ticked is left out; the ticks are on at first."""
    for name in ("save-vae", "save-ema"):
        expect(page.locator(part(name))).to_be_checked()
    page.locator(part("save-vae")).uncheck()
    page.fill("#rimo-name input", "ticked")
    page.click("#rimo-save")
    expect(page.locator("#rimo-save-message")).to_contain_text("Saved as")
    saved = (scripted.folder / "ticked.safetensors").read_text()
    assert "'vae': False" in saved
    assert "'ema': True" in saved


def test_an_earlier_script_fills_the_form(scripted: Served, opened: Opener) -> None:
    """Choosing the first script sets one weight per model and its bounds; what it does not name stays."""
    page = opened(scripted)
    ready(page)
    page.get_by_text("Advanced", exact=True).first.click()
    page.fill("#rimo-seed input", "17")
    page.get_by_role("radio", name="First script: one weight per model, normalised").check()
    expect(page.get_by_role("radio", name="One weight per model", exact=True)).to_be_checked()
    expect(page.locator("#rimo-bounds-highest input")).to_have_value("0.5")
    expect(page.locator("#rimo-partners-per-epoch input")).to_have_value("3")
    expect(page.locator("#rimo-seed input")).to_have_value("17")
