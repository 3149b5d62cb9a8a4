"""An audit by axe: what keyboards and screen readers cannot use, and colours that cannot be told apart."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Served
from tests.ui.pages import FILLED, Opener, finished, part, still, view

pytestmark = pytest.mark.browser

SERIOUS = ("serious", "critical")
OURS = ".rimo-intro, #rimo-status, #rimo-live, #rimo-estimate, #rimo-start, #rimo-buttons"
"""What this project drew; fields, lists and folds are gradio's own."""


def audit(page: Page, inside: str = OURS) -> list[str]:
    """The serious findings of axe, each with where it was found. A colour on its way to another is nobody's."""
    still(page)
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(
            resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        )
    kept = [where for where in inside.split(", ") if page.locator(where).count()]
    found: dict[str, Any] = page.evaluate("(parts) => axe.run({ include: parts.map((p) => [p]) })", kept)
    assert found["passes"]
    return [
        f"{v['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for v in found["violations"]
        if v["impact"] in SERIOUS
        for node in v["nodes"]
    ]


@pytest.fixture(scope="module")
def served(serve_scripted: Callable[..., Served]) -> Served:
    """A study of its own that is quickly done."""
    return serve_scripted(0.02)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])
def test_no_serious_findings(served: Served, opened: Opener, theme: str, width: int) -> None:
    """First visit, every view with data, the full-size picture and the question before deleting pass the audit."""
    page = opened(served, theme, width)
    assert audit(page) == []
    finished(page)
    page.focus(part("plot"))
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    for name in ("categories", "blocks", "recipe", "history", "pictures"):
        view(page, name)
        page.wait_for_selector(FILLED[name])
        assert audit(page) == [], name
    page.click(".rimo-thumb >> nth=0")
    expect(page.locator(".rimo-viewer")).to_be_visible()
    assert audit(page, ".rimo-viewer") == []
    page.keyboard.press("Escape")
    view(page, "history")
    page.locator(".rimo-card >> text=Delete").first.click()
    expect(page.locator(".rimo-ask")).to_be_visible()
    assert audit(page, ".rimo-ask") == []


def test_everything_is_reached_with_tab(served: Served, opened: Opener) -> None:
    """Walking with Tab meets start, curve, name, save and the chosen view, and every stop can be seen."""
    page = opened(served)
    finished(page)
    view(page, "recipe")
    page.wait_for_selector(part("recipe") + " tr")
    page.focus("#rimo-base input")
    stops: list[str] = []
    for _ in range(90):
        page.keyboard.press("Tab")
        stops.append(
            page.evaluate(
                """() => {
                    const e = document.activeElement;
                    if (!e.closest("#rimo-live")) return e.id;
                    const seen = [e, e.parentElement].some((x) => getComputedStyle(x).outlineStyle !== "none");
                    return seen ? e.dataset.rimo || e.id || e.tagName : `unseen ${e.outerHTML.slice(0, 90)}`;
                }"""
            )
        )
    assert [stop for stop in stops if stop.startswith("unseen")] == []
    for wanted in (
        "rimo-start",
        "plot",
        "rimo-save",
        "rimo-tab-recipe",
        "recipe-copy",
        "try-prompt",
        "try-start",
    ):
        assert wanted in stops, stops
