"""The five views of the lower half in a real browser: pictures, categories, blocks, recipe, history."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Served
from tests.ui.pages import Opener, finished, focused, held, part, pointed, ready, shown, state, view
from tests.ui.scripted_archive import DEAD, FILES, GROUPS

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
        tab = page.locator(f"#rimo-tab-{name}")
        expect(tab).to_be_focused()
        expect(tab).to_have_attribute("aria-selected", "true")
        for other in VIEWS:
            expect(page.locator(f"#rimo-view-{other}")).to_be_visible(visible=other == name)
    expect(page.locator("#rimo-tab [role=tab][tabindex='0']")).to_have_count(1)


def test_the_chosen_view_survives_a_reload(page: Page) -> None:
    """Reopening the page brings the same view to the front."""
    view(page, "blocks")
    page.reload()
    ready(page)
    expect(page.locator("#rimo-view-blocks")).to_be_visible()


def test_a_picture_opens_full_size_and_closes(page: Page) -> None:
    """A click opens it; arrows go to other prompts and epochs; Escape closes and focus is where it was."""
    view(page, "pictures")
    page.click(".rimo-thumb >> nth=1")
    expect(shown(page, "viewer-epoch")).to_have_text("Base")
    first = str(page.get_attribute(part("viewer-picture"), "src"))
    page.keyboard.press("ArrowDown")
    expect(shown(page, "viewer-epoch")).to_have_text("Epoch 1")
    page.keyboard.press("ArrowRight")
    expect(shown(page, "viewer-prompt")).to_have_text("night, frame")
    page.click(part("viewer-previous"))
    page.click(part("viewer-earlier"))
    expect(shown(page, "viewer-picture")).to_have_attribute("src", first)
    expect(shown(page, "viewer-earlier")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(shown(page, "viewer")).to_be_hidden()
    expect(page.locator(".rimo-thumb >> nth=1")).to_be_focused()


def test_two_epochs_lie_over_each_other(page: Page) -> None:
    """The slider shows more or less of the left picture, by mouse and by keys; sides and prompt can be chosen."""
    view(page, "pictures")
    cut = "parseFloat(getComputedStyle(document.querySelector('[data-rimo=stack]')).getPropertyValue('--rimo-cut'))"
    page.wait_for_function(f"{cut} === 50")
    slide = shown(page, "slide")
    box = slide.bounding_box()
    assert box is not None
    slide.click(position={"x": 0.2 * box["width"], "y": box["height"] / 2})  # wherever it is by then
    page.wait_for_function(f"12 <= {cut} && {cut} <= 28")
    slide.focus()
    page.keyboard.press("Home")
    page.wait_for_function(f"{cut} === 0")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{cut} === 1")
    page.select_option(part("before"), "1")
    page.select_option(part("after"), "0")
    page.click(part("compare-next"))
    expect(shown(page, "before-picture")).to_have_attribute("src", re.compile("epoch-001-01"))
    expect(shown(page, "after-picture")).to_have_attribute("src", re.compile("epoch-000-01"))
    expect(shown(page, "before-name")).to_have_text("Epoch 1")
    expect(shown(page, "compare-place")).to_have_text("2 / 8")
    strip = re.compile(r"2024-05-01-scripted\.webp\?prompt=1(&|$)")
    expect(shown(page, "strip-webp")).to_have_attribute("href", strip)


def test_categories_have_every_parent_and_the_tags(page: Page) -> None:
    """Winner, base, each parent, their mean, deviation with interval; tags gained and lost, sure ones marked."""
    view(page, "categories")
    heads = ["Category", "Your mix", "Base", *FILES[1:], "Mean of parents", "Deviation"]
    expect(page.locator(part("categories-head") + " th")).to_have_text(heads, use_inner_text=True)
    first = page.locator(part("categories") + " tr >> nth=0")
    expect(first.locator("th")).to_have_text("All tags", use_inner_text=True)
    expect(first.locator("td:last-child")).to_have_text("+17.9 % (13.9 to 21.9)", use_inner_text=True)
    gained = ["rainbow", "+31.0", "(25.0 to 37.0)", "sure"]
    expect(page.locator(part("tags-gained") + " li >> nth=0 >> > *")).to_have_text(
        gained, use_inner_text=True
    )
    expect(page.locator(part("tags-lost") + " li")).to_have_count(1)
    for kind in ("csv", "markdown"):
        with page.expect_download() as download:
            page.click(part(f"{kind}-file"))
        assert "colour" in download.value.path().read_text(encoding="utf-8")


def test_blocks_are_drawn_and_tabled(page: Page) -> None:
    """Every block group stands in the drawing and in the table with its weight as text; the frozen one says so."""
    view(page, "blocks")
    expect(page.locator(part("blocks") + " tr")).to_have_count(len(GROUPS))
    expect(page.locator(".rimo-unet .rimo-box")).to_have_count(len(GROUPS))
    row = page.locator(part("blocks") + " tr >> nth=1")
    drawn = page.locator(".rimo-box[data-group=in7] .rimo-value")
    expect(drawn).to_have_text(row.locator("td >> nth=0").inner_text())
    page.select_option(part("unet-partner"), "1")
    expect(drawn).to_have_text(row.locator("td >> nth=1").inner_text())
    expect(page.locator(part("blocks") + " tr:last-child")).to_contain_text("kept as in the base")
    expect(page.locator(part("freeze-names") + " > *")).to_have_text(["output 3+", "the rest"])


def test_dead_groups_are_frozen_and_the_search_goes_on(page: Page, scripted: Served) -> None:
    """One click starts a study from the best mix without the dead groups."""
    view(page, "blocks")
    with held(scripted):
        page.click(part("freeze"))
        state(page, "searching")
    assert scripted.api.json("presets")[1]["last"]["frozen"] == list(DEAD)
    state(page, "finished")


def test_a_mix_is_chosen_on_the_curve(page: Page) -> None:
    """A click names the mix, shows its weights under Recipe and makes it what is saved; one click goes back."""
    pointed(page, 300, 100, "Mix ")
    page.wait_for_selector(".rimo-tip .rimo-mini")
    page.mouse.down()
    page.mouse.up()
    expect(shown(page, "choice-name")).to_have_text(re.compile("^mix "))
    chosen = page.inner_text(part("choice-name"))
    expect(shown(page, "save-what")).to_have_text(chosen)
    page.click(part("choice-try"))
    page.wait_for_selector(part("recipe") + " tr")
    expect(shown(page, "recipe-name")).to_have_text(chosen)
    page.click(part("choice-best"))
    expect(shown(page, "save-what")).to_have_text("the best mix so far")
    expect(shown(page, "choice")).to_be_hidden()


def test_the_keyboard_chooses_a_mix(page: Page) -> None:
    """The curve is a slider: it says the mix that it stands on, Enter chooses it."""
    page.focus(part("plot"))
    page.keyboard.press("Home")
    expect(shown(page, "plot")).to_have_attribute("aria-valuenow", "1")
    page.keyboard.press("ArrowRight")
    expect(shown(page, "plot")).to_have_attribute("aria-valuetext", re.compile("^Mix 2, epoch 1"))
    page.keyboard.press("Enter")
    expect(shown(page, "choice-name")).to_have_text("mix 2")


def test_a_prompt_is_tried_with_base_and_mix(page: Page) -> None:
    """Base and mix draw it side by side; without a prompt it says so and draws nothing."""
    view(page, "pictures")
    page.click(".rimo-grid-row >> nth=1 >> text=Choose")
    view(page, "recipe")
    page.wait_for_selector(part("recipe") + " tr")
    expect(shown(page, "recipe-name")).to_have_text("the winner of epoch 1")
    row = page.locator(part("recipe") + " tr >> nth=0 >> td").all_inner_texts()
    assert abs(sum(float(w.replace("\N{MINUS SIGN}", "-")) for w in row) - 1) < 0.03
    page.fill(part("try-prompt"), " ")
    page.click(part("try-start"))
    expect(shown(page, "try-message")).to_have_text("Write a prompt first.")
    page.fill(part("try-prompt"), "a red star")
    page.select_option(part("try-count"), "2")
    page.click(part("try-start"))
    expect(page.locator(part("try-mix") + " img")).to_have_count(2)
    expect(page.locator(part("try-base") + " img")).to_have_count(2)
    expect(shown(page, "try-mix-name")).to_have_text("the winner of epoch 1")


def test_the_plain_average_can_be_chosen(page: Page, scripted: Served) -> None:
    """Its line of the result has a button: its weights are shown, and what is saved is the average."""
    page.click(".rimo-arm-uniform >> text=Choose")
    expect(shown(page, "save-what")).to_have_text("the plain average")
    view(page, "recipe")
    page.wait_for_selector(part("recipe") + " tr")
    expect(shown(page, "recipe-name")).to_have_text("the plain average")
    page.fill("#rimo-name input", "average")
    page.click("#rimo-save")
    page.wait_for_selector("#rimo-save-message >> text=Saved as average.safetensors")
    assert "plain average" in (scripted.folder / "average.safetensors").read_text("utf-8")


def test_a_mix_is_lent_to_the_webui_and_taken_back(page: Page, scripted: Served) -> None:
    """One click lends the chosen mix, the page says so as long as it is lent, one click takes it back."""
    page.focus(part("plot"))
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.click(part("choice-play"))
    expect(shown(page, "playing-name")).to_have_text("trial 1 of study 2024-05-01-scripted")
    expect(shown(page, "playing")).to_be_visible()
    page.click(part("play-end"))
    expect(shown(page, "playing")).to_be_hidden()
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
    expect(page.locator("#rimo-name input")).to_have_value("chosen-2")
    opened.refused = ("400",)
    page.fill("#rimo-name input", "../chosen")
    page.click("#rimo-save")
    page.wait_for_selector("#rimo-save-message.rimo-bad")
    expect(page.locator("#rimo-name input")).to_have_value("../chosen")
    focused(page, "#rimo-name input")


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
    for _ in range(3):  # the page asks on; by the third answer it has dealt with the first two
        with page.expect_response("**/rimo/v1/status?*"):
            page.click("#rimo-tab-pictures")
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
    expect(page.locator(".rimo-card")).to_have_count(4)
    gain = "+12.3 points over the base (10.8 to 13.8)"
    expect(page.locator(".rimo-card.rimo-current")).to_contain_text(gain, use_inner_text=True)
    expect(page.locator(".rimo-card >> nth=3")).to_contain_text("Line 1 of the journal is damaged")
    page.check(".rimo-card >> nth=0 >> input")
    expect(shown(page, "compare-hint")).to_be_visible()
    page.check(".rimo-card >> nth=1 >> input")
    expect(page.locator(part("compare-plot") + " .rimo-study")).to_have_count(2)
    show(page, "Apr 2, 2024", 30)
    show(page, "May 1, 2024", 24)


def test_a_study_is_deleted_only_after_a_question(
    serve_scripted: Callable[..., Served], opened: Opener
) -> None:
    """Keeping it keeps it; deleting it takes it off the list."""
    page = opened(serve_scripted())  # the others' list stays whole
    view(page, "history")
    expect(page.locator(".rimo-card")).to_have_count(3)
    card = page.locator(".rimo-card", has_text="Apr 1, 2024")
    card.get_by_text("Delete").click()
    page.click(part("delete-no"))
    expect(shown(page, "delete-dialog")).to_be_hidden()
    expect(card).to_have_count(1)
    card.get_by_text("Delete").click()
    page.click(part("delete-yes"))
    page.wait_for_selector(part("history-message") + " >> text=Deleted")
    expect(card).to_have_count(0)
    expect(page.locator(".rimo-card")).to_have_count(2)


def test_empty_views_say_what_they_will_show(page: Page) -> None:
    """A study without evidence has a sentence in each view, no empty table, and nothing to compare."""
    show(page, "Apr 2, 2024", 30)
    view(page, "categories")
    expect(shown(page, "categories-wait")).to_be_visible()
    expect(shown(page, "categories-box")).to_be_hidden()
    view(page, "pictures")
    expect(shown(page, "compare-box")).to_be_hidden()
    show(page, "May 1, 2024", 24)
