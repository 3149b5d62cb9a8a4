"""The five views of the lower half in a real browser: pictures, categories, blocks, recipe, history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.ui.conftest import Served
from tests.ui.pages import Opener, finished, part, state, view
from tests.ui.scripted_archive import DEAD, FILES, GROUPS

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

VIEWS = ("pictures", "categories", "blocks", "recipe", "history")


@pytest.fixture
def page(scripted: Served, opened: Opener) -> Page:
    """The page with a finished study on display."""
    made = opened(scripted)
    finished(made)
    return made


def test_tabs_are_walked_with_the_arrows(page: Page) -> None:
    """Right, left, Home and End move focus and view together, and only the chosen tab is on the way of Tab."""
    view(page, "pictures")
    for key, name in (
        ("ArrowRight", "categories"),
        ("End", "history"),
        ("ArrowRight", "pictures"),
        ("ArrowLeft", "history"),
    ):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.id") == f"rimo-tab-{name}"
        assert page.get_attribute(f"#rimo-tab-{name}", "aria-selected") == "true"
        assert [v for v in VIEWS if page.is_visible(f"#rimo-view-{v}")] == [name]
    assert page.locator("#rimo-tab [role=tab][tabindex='0']").count() == 1


def test_the_chosen_view_survives_a_reload(page: Page) -> None:
    """Reopening the page brings the same view to the front."""
    view(page, "blocks")
    page.reload()
    page.wait_for_selector("#rimo-view-blocks", state="visible")


def test_a_picture_opens_full_size_and_closes(page: Page) -> None:
    """A click opens it; arrows go to other prompts and epochs; Escape closes and focus is where it was."""
    view(page, "pictures")
    page.click(".rimo-thumb >> nth=1")
    assert page.inner_text(part("viewer-epoch")) == "Base"
    first = page.get_attribute(part("viewer-picture"), "src")
    page.keyboard.press("ArrowDown")
    assert page.inner_text(part("viewer-epoch")) == "Epoch 1"
    page.keyboard.press("ArrowRight")
    assert page.inner_text(part("viewer-prompt")) == "night, frame"
    page.click(part("viewer-previous"))
    page.click(part("viewer-earlier"))
    assert page.get_attribute(part("viewer-picture"), "src") == first
    assert page.is_disabled(part("viewer-earlier"))
    page.keyboard.press("Escape")
    assert page.is_hidden(part("viewer"))
    assert "rimo-thumb" in page.evaluate("document.activeElement.className")


def test_two_epochs_lie_over_each_other(page: Page) -> None:
    """The slider shows more or less of the left picture, by mouse and by keys; sides and prompt can be chosen."""
    view(page, "pictures")
    cut = (
        "getComputedStyle(document.querySelector('[data-rimo=stack]')).getPropertyValue('--rimo-cut').trim()"
    )
    assert page.evaluate(cut) == "50%"
    page.locator(part("slide")).scroll_into_view_if_needed()
    box = page.locator(part("slide")).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2)
    assert 12 <= float(page.evaluate(cut).rstrip("%")) <= 28
    page.focus(part("slide"))
    page.keyboard.press("Home")
    assert page.evaluate(cut) == "0%"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(cut) == "1%"
    page.select_option(part("before"), "1")
    page.select_option(part("after"), "0")
    page.click(part("compare-next"))
    assert "epoch-001-01" in str(page.get_attribute(part("before-picture"), "src"))
    assert "epoch-000-01" in str(page.get_attribute(part("after-picture"), "src"))
    assert (page.inner_text(part("before-name")), page.inner_text(part("compare-place"))) == (
        "Epoch 1",
        "2 / 8",
    )
    assert str(page.get_attribute(part("strip-webp"), "href")).endswith("2024-05-01-scripted.webp?prompt=1")


def test_categories_have_every_parent_and_the_tags(page: Page) -> None:
    """Winner, base, each parent, their mean, deviation with interval; tags gained and lost, sure ones marked."""
    view(page, "categories")
    heads = page.locator(part("categories-head") + " th").all_inner_texts()
    assert heads == ["Category", "Your mix", "Base", *FILES[1:], "Mean of parents", "Deviation"]
    first = page.locator(part("categories") + " tr >> nth=0")
    assert first.locator("th").inner_text() == "All tags"
    assert first.locator("td:last-child").inner_text() == "+17.9 % (13.9 to 21.9)"
    gained = page.locator(part("tags-gained") + " li >> nth=0 >> > *").all_inner_texts()
    assert gained == ["rainbow", "+31.0", "(25.0 to 37.0)", "sure"]
    assert page.locator(part("tags-lost") + " li").count() == 1
    for kind in ("csv", "markdown"):
        with page.expect_download() as download:
            page.click(part(f"{kind}-file"))
        assert "colour" in download.value.path().read_text(encoding="utf-8")


def test_blocks_are_drawn_and_tabled(page: Page) -> None:
    """Every block group stands in the drawing and in the table with its weight as text; the frozen one says so."""
    view(page, "blocks")
    page.wait_for_selector(part("blocks") + " tr")
    assert page.locator(".rimo-unet .rimo-box").count() == len(GROUPS)
    assert page.locator(part("blocks") + " tr").count() == len(GROUPS)
    row = page.locator(part("blocks") + " tr >> nth=1")
    drawn = page.locator(".rimo-box[data-group=in7] .rimo-value").text_content()
    assert row.locator("td >> nth=0").inner_text() == drawn
    page.select_option(part("unet-partner"), "1")
    drawn = page.locator(".rimo-box[data-group=in7] .rimo-value").text_content()
    assert row.locator("td >> nth=1").inner_text() == drawn
    assert "kept as in the base" in page.inner_text(part("blocks") + " tr:last-child")
    assert page.locator(part("freeze-names") + " > *").all_inner_texts() == ["output 3+", "the rest"]


def test_dead_groups_are_frozen_and_the_search_goes_on(page: Page, scripted: Served) -> None:
    """One click starts a study from the best mix without the dead groups."""
    view(page, "blocks")
    page.wait_for_selector(part("freeze"))
    page.click(part("freeze"))
    state(page, "searching")
    assert scripted.api.json("presets")[1]["last"]["frozen"] == list(DEAD)
    state(page, "finished")


def test_a_mix_is_chosen_on_the_curve(page: Page) -> None:
    """A click names the mix, shows its weights under Recipe and makes it what is saved; one click goes back."""
    page.locator(part("plot")).scroll_into_view_if_needed()
    page.hover(part("plot"), position={"x": 300, "y": 100})
    page.wait_for_selector(".rimo-tip .rimo-mini")
    page.mouse.down()
    page.mouse.up()
    chosen = page.inner_text(part("choice-name"))
    assert chosen.startswith("mix ")
    assert page.inner_text(part("save-what")) == chosen
    page.click(part("choice-try"))
    page.wait_for_selector(part("recipe") + " tr")
    assert page.locator(part("recipe-name")).text_content() == chosen
    page.click(part("choice-best"))
    assert page.inner_text(part("save-what")) == "the best mix so far"
    assert page.is_hidden(part("choice"))


def test_the_keyboard_chooses_a_mix(page: Page) -> None:
    """The curve is a slider: it says the mix that it stands on, Enter chooses it."""
    page.focus(part("plot"))
    page.keyboard.press("Home")
    assert page.get_attribute(part("plot"), "aria-valuenow") == "1"
    page.keyboard.press("ArrowRight")
    assert str(page.get_attribute(part("plot"), "aria-valuetext")).startswith("Mix 2, epoch 1")
    page.keyboard.press("Enter")
    assert page.inner_text(part("choice-name")) == "mix 2"


def test_a_prompt_is_tried_with_base_and_mix(page: Page) -> None:
    """Base and mix draw it side by side; without a prompt it says so and draws nothing."""
    view(page, "pictures")
    page.click(".rimo-grid-row >> nth=1 >> text=Choose")
    view(page, "recipe")
    page.wait_for_selector(part("recipe") + " tr")
    assert page.locator(part("recipe-name")).text_content() == "the winner of epoch 1"
    row = page.locator(part("recipe") + " tr >> nth=0 >> td").all_inner_texts()
    assert abs(sum(float(w.replace("\N{MINUS SIGN}", "-")) for w in row) - 1) < 0.03
    page.fill(part("try-prompt"), " ")
    page.click(part("try-start"))
    assert page.inner_text(part("try-message")) == "Write a prompt first."
    page.fill(part("try-prompt"), "a red star")
    page.select_option(part("try-count"), "2")
    page.click(part("try-start"))
    page.wait_for_selector(part("try-mix") + " img >> nth=1")
    assert page.locator(part("try-base") + " img").count() == 2
    assert page.locator(part("try-mix-name")).text_content() == "the winner of epoch 1"


def test_a_mix_is_lent_to_the_webui_and_taken_back(page: Page, scripted: Served) -> None:
    """One click lends the chosen mix, the page says so as long as it is lent, one click takes it back."""
    page.focus(part("plot"))
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.click(part("choice-play"))
    page.wait_for_selector(part("playing"))
    assert page.inner_text(part("playing-name")) == "trial 1 of study 2024-05-01-scripted"
    page.click(part("play-end"))
    page.wait_for_selector(part("playing"), state="hidden")
    assert scripted.api.json("snapshot")[1]["live"] == ""


def test_the_recipe_is_copied_as_json(scripted: Served, opened: Opener) -> None:
    """What is in the clipboard is the recipe's portable form."""
    page = opened(scripted, permissions=["clipboard-read", "clipboard-write"])
    finished(page)
    view(page, "recipe")
    page.wait_for_selector(part("recipe") + " tr")
    page.click(part("recipe-copy"))
    page.wait_for_selector(part("recipe-message") + " >> text=Copied")
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == {"rimo_recipe": 1}


def test_the_chosen_mix_is_saved_as_the_chosen_type(page: Page, scripted: Served, opened: Opener) -> None:
    """Trial and number type reach the program; afterwards a free name is offered."""
    page.focus(part("plot"))
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.select_option(part("save-type"), "bf16")
    page.fill("#rimo-name input", "chosen")
    page.press("#rimo-name input", "Enter")
    page.wait_for_selector("#rimo-save-message >> text=Saved as chosen.safetensors")
    assert page.input_value("#rimo-name input") == "chosen-2"
    opened.refused = ("400",)
    page.fill("#rimo-name input", "../chosen")
    page.click("#rimo-save")
    page.wait_for_selector("#rimo-save-message.rimo-bad")
    assert page.input_value("#rimo-name input") == "../chosen"
    assert page.evaluate("document.activeElement.matches('#rimo-name input')")


def test_a_webui_is_told_of_a_saved_checkpoint(page: Page) -> None:
    """After a save the WebUI's own refresh button is clicked, once."""
    page.evaluate(
        """() => {
            const button = document.createElement("button");
            button.id = "refresh_sd_model_checkpoint";
            button.onclick = () => { window.refreshed = (window.refreshed ?? 0) + 1; };
            document.body.append(button);
        }"""
    )
    page.fill("#rimo-name input", "refreshed")
    page.click("#rimo-save")
    page.wait_for_function("window.refreshed === 1")
    page.wait_for_timeout(1500)
    assert page.evaluate("window.refreshed") == 1


def show(page: Page, day: str, mixes: int) -> None:
    """Opens the study of a day and waits until its curve is there."""
    view(page, "history")
    page.locator(".rimo-card", has_text=day).get_by_text("Open").click()
    page.wait_for_selector(f".rimo-card.rimo-current >> text={day}")
    dots = "document.querySelector('.rimo-dots').getAttribute('d').split('M').length - 1"
    page.wait_for_function(f"{dots} === {mixes}")


def test_studies_are_listed_opened_and_compared(page: Page) -> None:
    """All studies with their gain; two ticked ones share a plot; an opened one is what the whole page shows."""
    view(page, "history")
    page.wait_for_selector(".rimo-card >> nth=3")
    assert "+12.3 points over the base (10.8 to 13.8)" in page.inner_text(".rimo-card.rimo-current")
    assert "Line 1 of the journal is damaged" in page.inner_text(".rimo-card >> nth=3")
    page.check(".rimo-card >> nth=0 >> input")
    assert page.is_visible(part("compare-hint"))
    page.check(".rimo-card >> nth=1 >> input")
    page.wait_for_function("document.querySelectorAll('[data-rimo=compare-plot] .rimo-study').length === 2")
    show(page, "Apr 2, 2024", 30)
    show(page, "May 1, 2024", 24)


def test_a_study_is_deleted_only_after_a_question(page: Page) -> None:
    """Keeping it keeps it; deleting it takes it off the list."""
    view(page, "history")
    page.wait_for_selector(".rimo-card >> nth=3")
    card = page.locator(".rimo-card", has_text="Apr 1, 2024")
    card.get_by_text("Delete").click()
    page.click(part("delete-no"))
    assert card.count() == 1
    card.get_by_text("Delete").click()
    page.click(part("delete-yes"))
    page.wait_for_selector(part("history-message") + " >> text=Deleted")
    assert card.count() == 0


def test_empty_views_say_what_they_will_show(page: Page) -> None:
    """A study without evidence has a sentence in each view, no empty table, and nothing to compare."""
    show(page, "Apr 2, 2024", 30)
    view(page, "categories")
    assert page.is_visible(part("categories-wait"))
    assert page.is_hidden(part("categories-box"))
    view(page, "pictures")
    assert page.is_hidden(part("compare-box"))
    show(page, "May 1, 2024", 24)
