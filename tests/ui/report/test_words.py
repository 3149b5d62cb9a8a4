"""What leaves the page is in the page's language: words found as the page finds them, reports, animations, folders."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from lib_rimo.errors import StudyError
from lib_rimo.said import joined, say, sentences
from lib_rimo.ui.report import strip
from lib_rimo.ui.report.speech import in_language, named, plain, text
from lib_rimo.wording.words import FILES, Words, words
from tests.ui.scripted import ScriptedService

KNOWN = {
    "Base": "ベース",
    "{1} of {2} images": "画像 {1} / {2} 枚",
    "{2} before {1}, surely": "{1} の前に {2}",
    "Found: {1}.": "実際：{1}。",
    "{1}.": "{1}。",
    "{1} {2}": "{1}{2}",
    "There is no such trial": "そのミックスはありません",
}
NAME = "my model v1. final.safetensors"
IMAGES = say("{1} of {2} images", NAME, 16)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("Base", "ベース"),
        (IMAGES, f"画像 {NAME} / 16 枚"),
        (joined(" · ", "Base", IMAGES), f"ベース · 画像 {NAME} / 16 枚"),
        (say("{2} before {1}, surely", "b", say("Base")), "b の前に ベース"),
        (say("{2} before {1}, surely", NAME, "Base"), f"{NAME} の前に Base"),
        (sentences("There is no such trial", IMAGES), f"そのミックスはありません。画像 {NAME} / 16 枚。"),
        (StudyError("There is no such trial", found=NAME).said, f"そのミックスはありません。実際：{NAME}。"),
        ("3 of 16 images", "3 of 16 images"),
        (say("unheard of, {1}", 2), "unheard of, 2"),
    ],
)
def test_texts_are_said_by_their_templates(told: str, said: str) -> None:
    """Whole texts, pieces, places in any order, errors: words are said, values stay, and no text is taken apart."""
    assert Words("ja", KNOWN).say(told) == said


def test_a_report_speaks_one_language_and_keeps_names() -> None:
    """Words are in the report's language, names and the user's own texts are not, and all of it is escaped."""
    assert text("Base") == "Base"
    with in_language(Words("ja", KNOWN)):
        assert (text("Base"), plain("Base")) == ("ベース", "Base")
        assert named("Base") == '<span translate="no">Base</span>'
        assert text(say("{1} of {2} images", "<b>", 2)) == "画像 &lt;b&gt; / 2 枚"
    assert text("Base") == "Base"


@pytest.mark.parametrize("language", [*FILES, "zh-CN", "ja-JP"])
def test_the_page_s_own_translations_are_used(language: str) -> None:
    """Both languages have words, by their short and by their long names; others are English."""
    assert words(language).say("Base") != "Base"
    assert words("fr").say("Base") == "Base"


def test_an_animation_without_a_font_is_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a machine has no letters of a language, the label is readable all the same."""
    Image.new("RGB", (64, 64), "navy").save(tmp_path / "one.png")
    plain = strip._frame(tmp_path / "one.png", 0, words("en"))
    monkeypatch.setattr(strip, "_font_file", lambda language: "" if language != "en" else _own_font())
    assert list(strip._frame(tmp_path / "one.png", 0, words("ja")).tobytes()) == list(plain.tobytes())


def _own_font() -> str:
    from matplotlib import get_data_path

    return str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


class Texts(HTMLParser):
    """Visible texts of a page, but for names."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = bool(self._open and self._open[-1][1]) or dict(attrs).get("translate") == "no"
        if tag not in ("img", "meta", "br"):
            self._open.append((tag, kept or tag in ("style", "pre", "title")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not (self._open and self._open[-1][1]):
            self.found.append(data.strip())


def left_in_english(page: str) -> list[str]:
    """Texts of a page with an English word in them, but for names of files, settings and studies."""
    reader = Texts()
    reader.feed(page)
    names = r"[\w-]+\.(safetensors|csv)|\d{8}-\d{6}-\w+|VAE|Bonferroni"
    return [text for text in reader.found if re.search("[A-Za-z]{3}", re.sub(names, "", text))]


def test_partners_are_offered_by_folder(service: ScriptedService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each folder offers its own and what lies inside; what is chosen stays; one folder needs no choice."""
    from lib_rimo.ui.page.actions import Actions

    act = Actions(service)
    assert act.folders() == []
    files = [
        {"name": p.rsplit("/", 1)[1], "path": f"/m/{p}"}
        for p in ("models/a", "models/x/b", "models/x/y/c", "models/xz/d")
    ]
    monkeypatch.setattr(service, "options", lambda: {"checkpoints": files})
    assert act.folders() == ["models", "models/x", "models/x/y", "models/xz"]
    base, partners = act.in_folder("models/x", "a", ["d"])
    assert (base["choices"], base["value"]) == (["a", "b", "c"], "a")
    assert (partners["choices"], partners["value"]) == (["d", "b", "c"], ["d"])
    assert act.in_folder("models", "a", [])[1]["choices"] == ["a", "b", "c", "d"]


def test_lists_go_out_with_what_is_chosen(service: ScriptedService) -> None:
    """List and choice come in one update, since the page remembers a choice by its place in the list."""
    from lib_rimo.ui.page.actions import Actions

    act = Actions(service)
    names = act.checkpoint_names()
    base, partners, _, folder = act.checkpoints(names[1], [names[2], "gone"])
    assert (base["choices"], base["value"]) == (names, names[1])
    assert (partners["choices"], partners["value"]) == (names, [names[2]])
    assert folder["visible"] is False
    assert [update["value"] for update in act.opened(names[1], [names[2]])[:2]] == [names[1], [names[2]]]
