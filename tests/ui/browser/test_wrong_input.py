"""Wrong input in a real browser: said beside its field in the user's language, nothing started, nothing lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from lib_rimo.ui.page import form
from tests.ui.conftest import Served
from tests.ui.pages import Opener, field
from tests.ui.scripted_archive import FILES, GROUPS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

WRONG = (
    ("budget", "10"),
    ("budget", "99.5"),
    ("budget", "10000000000"),
    ("epochs", "-1"),
    ("epochs", "500"),
    ("unseen", "-3"),
    ("partners_per_epoch", "0"),
    ("checked", "-1"),
    ("seed", "-1"),
    ("seed", "1.5"),
    ("tags_fewest", "9"),
    ("tags_most", "5000"),
    ("bounds_lowest", "1.5"),
    ("bounds_highest", "-0.1"),
    ("bounds_highest", "400"),
    ("limits", "much"),
    ("limits", "mid=0.2:0.5"),
    ("limits", "mid=0:400"),
    ("limits", "nid=0"),
    ("ties", "much,mid"),
    ("ties", "mid"),
    ("width", "65"),
    ("width", "1000000"),
    ("height", "7"),
    ("steps", "-2"),
    ("steps", "100000"),
    ("cfg", "-1"),
    ("cfg", "1000"),
    ("sampler", "Oiler"),
    ("catalogue", "/nowhere/tags.csv"),
    ("catalogue", "notes.txt"),
    ("category_weights", "much"),
    ("category_weights", "=2"),
    ("diversity_floor", "1.5"),
    ("diversity_floor", "-0.1"),
    ("pool", "3"),
    ("threshold", "1"),
    ("threshold", "1.5"),
    ("scheduler", "Caras"),
    ("sizes", "much"),
    ("sizes", "65x64"),
    ("character_threshold", "1.5"),
    ("clip_skip", "-1"),
    ("clip_skip", "40"),
    ("vae", "nowhere.safetensors"),
    ("scorers", "much"),
    ("method_options", "much"),
    ("start", "{"),
    ("start", "[]"),
)
"""Input and what is typed into it."""

ANYTHING_GOES = {"prefix", "negative", "grid_prompts"}
"""Texts for the model, which takes any."""

MARKED_ELSEWHERE = {"500": "budget"}
"""So many epochs are fine; it is the images that do not suffice for them."""

PARTS = "|".join(re.escape(name) for name in (*FILES, *sorted(GROUPS, key=len, reverse=True), "text2"))
NAMES = re.compile(
    rf"{PARTS}|Clip skip|VAE|nowhere\.safetensors|\.safetensors|\.ckpt|\.pt|nid|much|name=value|JSON|Oiler|Euler|DDIM|"
    r"Caras|Automatic|/nowhere/tags\.csv|notes\.txt|\.csv|\.ya?ml|CFG|(?<=\d)e\+?\d+"
)


@pytest.fixture(scope="module")
def page(
    browser: Browser, serve_page: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """One page for all wrong inputs, in Japanese, with the folded part open."""
    served = serve_page("tests.ui.scripted_server", "{port}", str(tmp_path_factory.mktemp("wrong")), "3600")
    opener = Opener(browser)
    made = opener(served, locale="ja-JP")
    made.wait_for_selector("#rimo-start >> text=ランダムミックスを開始")
    made.wait_for_selector("#rimo-estimate .rimo-cost")
    made.click("#rimo-advanced button, #rimo-advanced .label-wrap")
    yield made
    opener.close()
    assert opener.complaints == []


def values(page: Page) -> list[str]:
    """What stands in all inputs of the form."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('#rimo-setup :is(input, textarea)')].map((i) => `${i.value} ${i.checked}`)"
    )
    return found


def test_every_input_that_can_be_wrong_is_tried() -> None:
    """Each number and each text that is no prompt has a wrong value above; choices cannot be wrong."""
    typed = {name for name, f in form.FIELDS.items() if f.kind in ("number", "text", "lines", "long")}
    assert typed - ANYTHING_GOES == {name for name, _ in WRONG}


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_wrong_input_is_said_beside_its_field(page: Page, name: str, wrong: str) -> None:
    """The message stands at the field before and after a start, which starts nothing and changes no other field."""
    box = field(page, name.replace("_", "-"))
    right = box.input_value()
    box.fill(wrong)
    box.press("Tab")
    message = page.locator(f"#rimo-error-{MARKED_ELSEWHERE.get(wrong, form.FIELDS[name].setting)} p")
    message.wait_for(state="visible")
    said = message.inner_text()
    assert re.search("[\u3040-\u30ff]", said), said
    assert not re.search("[A-Za-z]{2}", NAMES.sub("", said)), said
    before = values(page)
    page.click("#rimo-start")
    page.wait_for_selector("#rimo-message >> text=開始していません")
    assert message.is_visible()
    assert page.get_attribute("#rimo-tab", "data-state") == "idle"
    assert values(page) == before
    box.fill(right)
    box.press("Tab")
    message.wait_for(state="hidden")


def test_no_partner_and_a_partner_that_is_the_base_are_said(page: Page) -> None:
    """An empty list and the base among the partners are told at the list; the rest of the form stays."""
    message = page.locator("#rimo-error-partners p")
    for _ in FILES[1:]:
        page.locator("#rimo-partners .token-remove").first.click()
    message.wait_for(state="visible")
    page.click("#rimo-start")
    page.wait_for_selector("#rimo-message >> text=開始していません")
    assert page.get_attribute("#rimo-tab", "data-state") == "idle"
    empty = message.inner_text()
    for name in (FILES[0], FILES[1]):
        page.click("#rimo-partners input")
        page.locator("#rimo-partners li", has_text=name).click()
    page.keyboard.press("Escape")
    page.wait_for_function(
        "(old) => ![old, ''].includes(document.querySelector('#rimo-error-partners p')?.innerText ?? '')",
        arg=empty,
    )
    assert FILES[0] in message.inner_text()
    page.locator("#rimo-partners .token-remove").first.click()
    message.wait_for(state="hidden")


@pytest.mark.parametrize("name", ["", " ", "x" * 61])
def test_a_preset_without_a_right_name_is_not_kept(page: Page, name: str) -> None:
    """The message stands below the name; no preset is there afterwards."""
    box = page.locator("#rimo-own-preset input").first
    box.fill(name)
    box.press("Tab")
    page.click("#rimo-keep-preset")
    page.wait_for_selector("#rimo-own-message .rimo-bad")
    assert page.evaluate("fetch('rimo/v1/presets').then((a) => a.json()).then((a) => a.presets)") == {}
