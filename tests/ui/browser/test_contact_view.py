"""Contact fusion in the view "Recipe", in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ui.conftest import Served
from tests.ui.pages import Opener, finished, part, view
from tests.ui.scripted_archive import FILES

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def page(scripted: Served, opened: Opener) -> Page:
    """A finished study's recipe, the repair unfolded."""
    opened.refused += ("400 (Bad Request)", "409 (Conflict)")
    made = opened(scripted)
    finished(made)
    view(made, "recipe")
    made.wait_for_selector(part("recipe") + " tr")
    made.click(part("contact-details") + " > summary")
    made.wait_for_selector(part("contact-donor") + " option", state="attached")
    return made


def test_a_repaired_mix_is_tried_beside_the_mix(page: Page) -> None:
    """Donor and rank are chosen, both pictures come from the same noise, and the share taken over is said."""
    from playwright.sync_api import expect

    page.select_option(part("contact-donor"), FILES[1])
    page.focus(part("contact-rank"))
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator(part("contact-rank-now"))).to_have_text("7")
    page.click(part("contact-try"))
    expect(page.locator(part("contact-fused-name"))).to_have_text("Repaired with rank 7")
    expect(page.locator(part("contact-message"))).to_have_text("Taken over: 12.3 % of the difference.")
    mix = page.get_attribute(part("contact-mix") + " img", "src")
    fused = page.get_attribute(part("contact-fused") + " img", "src")
    assert mix != fused


def test_a_repaired_mix_is_saved_and_bad_names_are_marked(page: Page) -> None:
    """Save writes a file and proposes the next name; a name that cannot be is marked at its field."""
    from playwright.sync_api import expect

    page.select_option(part("contact-donor"), FILES[2])
    page.fill(part("contact-name"), "whole-again")
    page.click(part("contact-save"))
    expect(page.locator(part("contact-message"))).to_have_text("Saved as whole-again.safetensors")
    expect(page.locator(part("contact-name"))).to_have_value("whole-again-2")
    expect(page.locator(part("saved"))).to_contain_text("whole-again.safetensors")
    page.fill(part("contact-name"), "../x")
    page.click(part("contact-save"))
    expect(page.locator('[data-contact-bad="name"]')).to_contain_text("This is no name for a checkpoint")


def test_a_donor_that_is_gone_is_marked(page: Page) -> None:
    """The program's words stand beside the field."""
    from playwright.sync_api import expect

    page.eval_on_selector(
        part("contact-donor"), "select => { select.options[0].value = 'gone'; select.value = 'gone'; }"
    )
    page.click(part("contact-try"))
    expect(page.locator('[data-contact-bad="donor"]')).to_contain_text("There is no such checkpoint")
