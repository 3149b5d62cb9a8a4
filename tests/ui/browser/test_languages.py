"""The tab in other languages, in a real browser: nothing that can be seen or heard stays English."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from lib_rimo.study.store.snapshot import StudyState
from lib_rimo.ui.server.standalone import ENTRY
from tests.ui.conftest import ROOT, Served
from tests.ui.pages import (
    FILLED,
    Opener,
    Webui,
    field,
    finished,
    held,
    module,
    options_come,
    part,
    ready,
    shown,
    state,
    view,
)  # fmt: skip
from tests.ui.scripted import TAGS
from tests.ui.scripted_archive import FILES

pytestmark = pytest.mark.browser

SEEN = """() => {
    const out = [];
    const root = document.getElementById("rimo-tab");
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const shown = (e) => e.checkVisibility({ visibilityProperty: true });
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        const parent = node.parentElement;
        const text = node.data.trim();
        if (text && shown(parent) && !parent.closest("[translate=no], style, script")) out.push(text);
    }
    for (const element of root.querySelectorAll("*")) {
        if (element.closest("[translate=no]") || !shown(element)) continue;
        for (const name of ["aria-label", "aria-valuetext", "placeholder", "title", "alt"]) {
            if (element.getAttribute(name)) out.push(element.getAttribute(name));
        }
    }
    return [...new Set(out)];
}"""
"""Every text that can be seen now, and what a screen reader says besides."""

NAMES = {
    "Automatic", "CFG", "CSV", "EMA", "GB", "GIF", "HTML", "JSON", "Markdown", "RO", "Theater", "UNet", "VAE", "WebP",
    "YAML", "scikit-optimize", "onnxruntime", "Stable Diffusion XL", "Stable Diffusion 1.5", "Stable Diffusion 1",
    "SD1", "SDXL", "NoobAI XL", "Illustrious XL", "Pony Diffusion V6 XL", "v-prediction", "MB", "Clip skip",
    "clip skip", "model.vae.safetensors", "WebUI",
    "a.b", "bf16", "epsilon", "fp16", "fp32", "mid=0:0.3", "out1,out2", "rank=16", "scripted",
    "tags はタガー", "tags 表示",
}  # fmt: skip
"""What has no other name in the other languages; block groups are typed as they are called."""

TYPES = {".mjs": "text/javascript", ".json": "application/json"}
VIEWS = ("categories", "blocks", "recipe", "history", "pictures")
WEBUI = (("zh_CN", "开始随机融合"), ("ja_JP", "ランダムミックスを開始"))
"""What a WebUI may call a language, and the start button in it."""

GRADIO = {"undefined", "Remove", "Clear", "Dropdown", "Copy"}
"""Spoken names that gradio itself gives its own little buttons."""


def english(page: Page) -> list[str]:
    """What is left of the source language on the page."""
    names = sorted(
        {*NAMES, *FILES, *TAGS, *(f.removesuffix(".safetensors") for f in FILES)}, key=len, reverse=True
    )
    known = re.compile("|".join(re.escape(name) for name in names))
    texts = page.evaluate(SEEN)
    assert len(texts) > 10
    own = [text for text in texts if text.split()[0] not in GRADIO]
    return [text for text in own if re.search("[A-Za-z]{2}", known.sub("", text))]


@pytest.fixture(scope="module")
def slow(serve_scripted: Callable[..., Served]) -> Served:
    """A study of its own, so that its states can be seen one by one."""
    return serve_scripted()


@pytest.mark.parametrize(("locale", "sign"), [("zh-CN", "开始随机融合"), ("ja-JP", "ランダムミックスを開始")])
def test_nothing_stays_english(slow: Served, opened: Opener, locale: str, sign: str) -> None:
    """Every state and every view, messages and errors included, is in the browser's language."""
    page = opened(slow, locale=locale)
    page.wait_for_selector(f"#rimo-start >> text={sign}")
    expect(page.locator("#rimo-tab")).to_have_attribute("lang", locale[:2])
    page.click("#rimo-advanced button, #rimo-advanced .label-wrap")
    field(page, "bounds-lowest").fill("1.5")
    field(page, "bounds-lowest").press("Tab")
    page.wait_for_selector("#rimo-error-bounds p")
    for name in ("categories", "blocks", "recipe", "bench", "history", "pictures"):
        view(page, name)
        assert english(page) == [], name
    field(page, "bounds-lowest").fill("-0.1")
    field(page, "bounds-lowest").press("Tab")
    page.wait_for_selector("#rimo-error-bounds p", state="hidden")
    with held(slow):
        page.click("#rimo-start")
        state(page, "searching")
        page.wait_for_selector(part("latest-tags") + " li")
        assert english(page) == []
        page.click("#rimo-pause")
        state(page, "paused")
        page.focus(part("plot"))
        page.keyboard.press("Home")
        page.wait_for_selector(".rimo-tip .rimo-mini")
        page.keyboard.press("Enter")
        expect(shown(page, "choice")).to_be_visible()
        assert english(page) == []
        page.click("#rimo-resume")
    state(page, "finished")
    opened.refused = ("400",)
    page.fill("#rimo-name input", "../1")
    page.click("#rimo-save")
    page.wait_for_selector("#rimo-save-message.rimo-bad")
    for name in ("categories", "blocks", "recipe", "history", "pictures"):
        view(page, name)
        page.wait_for_selector(FILLED[name])
        assert english(page) == [], name
    page.click(".rimo-thumb >> nth=0")
    expect(shown(page, "viewer")).to_be_visible()
    assert english(page) == []


def test_the_language_can_be_chosen(slow: Served, opened: Opener) -> None:
    """On our own page the language is chosen by hand, and the choice is kept."""
    page = opened(slow)
    page.select_option(part("language"), "ja")
    page.wait_for_selector("#rimo-start >> text=ランダムミックスを開始")
    page.reload()
    ready(page)
    page.wait_for_selector("#rimo-start >> text=ランダムミックスを開始")
    page.select_option(part("language"), "en")
    page.wait_for_selector("#rimo-start >> text=Start random mix")


@pytest.mark.parametrize(
    ("localization", "sign"), [*WEBUI, ("zh-Hans (Stable)", WEBUI[0][1]), ("None", "Start random mix")]
)
def test_a_webui_decides_the_language(slow: Served, opened: Opener, localization: str, sign: str) -> None:
    """Inside a WebUI its own setting counts, not the browser's language, and nothing is to be chosen."""
    locale = "zh-CN" if localization == "ja_JP" else "ja-JP"
    page = opened(slow, locale=locale, webui=Webui({"localization": localization}))
    page.wait_for_selector(f"#rimo-start >> text={sign}")
    expect(shown(page, "language")).to_be_hidden()


@pytest.mark.parametrize(("localization", "sign"), WEBUI)
def test_a_webui_may_tell_its_language_late(
    slow: Served, opened: Opener, localization: str, sign: str
) -> None:
    """The tab works before the WebUI has its options; then all of it, laid out or not, is in their language."""
    page = opened(slow, webui=Webui())
    finished(page)
    for name in VIEWS:
        view(page, name)
        page.wait_for_selector(FILLED[name])
    page.focus(part("plot"))
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(shown(page, "choice")).to_be_visible()
    page.wait_for_selector("#rimo-start >> text=Start random mix")
    options_come(page, localization=localization)
    page.wait_for_selector(f"#rimo-start >> text={sign}")
    short = localization[:2]
    expect(page.locator("#rimo-tab")).to_have_attribute("lang", short)
    page.wait_for_selector(f'{part("strip-webp")}[href$="lang={short}"]', state="attached")
    for name in VIEWS:
        view(page, name)
        page.wait_for_selector(FILLED[name])
        if name == "history":
            expect(page.locator(".rimo-card a").first).to_have_attribute("href", re.compile(f"lang={short}$"))
        assert english(page) == [], name


def test_a_webui_that_speaks_english_stays_english(slow: Served, opened: Opener) -> None:
    """No localization is English, whatever the browser speaks and however late the WebUI says so."""
    page = opened(slow, locale="ja-JP", webui=Webui())
    options_come(page, localization="None")
    page.evaluate(f"{module('language')}.then((language) => language.loadWords())")
    expect(page.locator("#rimo-tab")).to_have_attribute("lang", "en")
    page.wait_for_selector("#rimo-start >> text=Start random mix")


def test_a_webui_that_does_not_tell_is_watched(slow: Served, opened: Opener) -> None:
    """Where nothing says when the options come, they are found all the same."""
    page = opened(slow, webui=Webui(told=False))
    options_come(page, localization="ja_JP")
    page.wait_for_selector("#rimo-start >> text=ランダムミックスを開始")


def test_a_webui_s_own_translation_gives_way_in_the_tab(slow: Served, opened: Opener) -> None:
    """What the WebUI made of a text by a table that means something else is said in the tab's own words."""
    table = {"Base": "基层", "Seed": "随机数种子 (Seed)", "CFG scale": "提示词引导系数 (CFG Scale)"}
    page = opened(slow, webui=Webui(table=table))
    page.wait_for_selector("#rimo-base >> text=基层")
    options_come(page, localization="zh_CN")
    page.wait_for_selector("#rimo-base >> text=基础模型")
    page.click("#rimo-advanced button, #rimo-advanced .label-wrap")
    expect(page.locator("#rimo-seed")).to_contain_text("随机种子")
    assert english(page) == []


@pytest.mark.parametrize("language", [name[:2] for name, _ in WEBUI])
def test_what_is_said_already_stays(slow: Served, opened: Opener, language: str) -> None:
    """A translation is not translated again, so that whoever was first, it ends the same."""
    page = opened(slow, webui=Webui({"localization": language}))
    expect(page.locator("#rimo-tab")).to_have_attribute("lang", language)
    changed = "({ words, say }) => [...words.known.values()].filter((text) => say(text) !== text)"
    assert page.evaluate(f"{module('words')}.then({changed})") == []


def test_a_webui_serves_the_script_from_its_own_address(slow: Served, opened: Opener) -> None:
    """Linked as a WebUI does, all modules and the words come from the extension's folder, none twice or unasked."""
    served, asked = "file=extensions/rimo/", []

    def serve(route: Route) -> None:
        asked.append(path := urlsplit(route.request.url).path.partition(served)[2])
        route.fulfill(path=ROOT / path, content_type=TYPES[Path(path).suffix])

    def linked(route: Route) -> None:
        """The page with the script where a WebUI has it."""
        answer = route.fetch()
        ours, theirs = f"rimo/page/{ENTRY}", f"{served}{ENTRY}?1764150000.25"
        route.fulfill(response=answer, body=answer.text().replace(ours, theirs))

    routes = {re.compile(re.escape(served)): serve, re.compile(r"/\?__theme"): linked}
    page = opened(slow, webui=Webui(), routes=routes)
    options_come(page, localization="zh_CN")
    page.wait_for_selector("#rimo-start >> text=开始随机融合")
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "javascript").rglob("*.mjs")}
    assert {path for path in asked if path.endswith(".mjs")} == files
    assert "lib_rimo/wording/translations/zh_CN.json" in asked
    loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [url for url in loaded if "rimo/page/javascript" in url] == []


def test_every_state_has_a_word(slow: Served, opened: Opener) -> None:
    """Each state of a study can be said in every language."""
    page = opened(slow, locale="zh-CN")
    states = [state.value.capitalize() for state in StudyState]
    words = page.evaluate(
        f"(texts) => {module('words')}.then(({{ say }}) => texts.map((t) => say(t)))", states
    )
    assert all(re.search("[\u4e00-\u9fff]", word) for word in words)


def test_names_are_never_touched(slow: Served, opened: Opener) -> None:
    """A file whose name could be two sentences keeps it wherever the page says something about it."""
    page = opened(slow, locale="zh-CN")
    finished(page)
    name = FILES[1]
    verdict = f"优于基础模型。优于最佳伙伴模型 {name}：+8.4 个百分点（7.0 至 9.8）。"
    verdict += "提示词对每个标签的要求次数相同，因此标签多的类别占比更大。"
    expect(shown(page, "gain-verdict")).to_have_text(verdict)
    expect(shown(page, "notes")).to_have_text(
        f"{name} 缺少 248 个张量；它们保持基础模型的值（第一个是 a.b）。"
    )
    page.evaluate(
        """(name) => {
            const said = { text: `${name} is damaged`, template: "{1} is chosen twice", values: [name] };
            const told = document.createElement("p");
            Object.assign(told, { id: "told", textContent: said.text });
            told.dataset.said = JSON.stringify(said);
            document.querySelector("#rimo-message").append(told);
        }""",
        name,
    )
    expect(page.locator("#told")).to_have_text(f"{name} 被选了两次")
