"""The page's words in other languages, for what leaves the page: reports and animations.

The translations are those of the page (``translations/*.json``), and so is the way in which they are found: a whole
text, pieces between separators, a sentence with places (``{1} of {2} images``), sentence by sentence. What is
unknown stays as it is, elements marked ``translate="no"`` hold names. ``javascript/rimo_words.js`` does the same in
the browser.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from importlib import resources

FILES = {"zh": "zh_CN", "ja": "ja_JP"}
"""Language -> name of its file; English is what the program writes."""
FEW_LETTERS = 5
"""A sentence with fewer letters around its places would fit anything, so these places take single words."""

_PLACE = re.compile(r"\{(\d)\}")
_SPACE = re.compile(r"\s+")
_SPOKEN = ("alt", "title", "aria-label")
_EMPTY = ("img", "meta", "br", "link", "input")
_MARKED = re.compile(r"(Found|Wanted): (.*)", re.DOTALL)


class Words:
    """What texts are in one language.

    Args:
        language: As HTML names it; English and unknown ones leave every text as it is.
        known: English text -> translation; places are numbered.
    """

    def __init__(self, language: str, known: Mapping[str, str]) -> None:
        self.language = language
        self._known = known
        forms = [text for text in known if _PLACE.search(text)]
        self._forms = [
            (_form(text), [int(n) for n in _PLACE.findall(text)], known[text])
            for text in sorted(forms, key=len, reverse=True)
        ]

    def say(self, text: str) -> str:
        """The text in this language; what is unknown stays."""
        if not self._known or not re.search("[A-Za-z]", text):
            return text
        return self._find(text) or text

    def _find(self, text: str) -> str | None:
        plain = _SPACE.sub(" ", text).strip()
        if plain in self._known:
            return self._known[plain]
        if " \N{MIDDLE DOT} " in text:
            return " \N{MIDDLE DOT} ".join(map(self.say, text.split(" \N{MIDDLE DOT} ")))
        return self._match(plain) or self._sentences(plain)

    def _match(self, plain: str) -> str | None:
        for form, order, translation in self._forms:
            if found := form.fullmatch(plain):
                said = translation
                for place, value in zip(order, found.groups(), strict=True):
                    said = said.replace(f"{{{place}}}", self.say(value))
                return said
        return None

    def _sentences(self, plain: str) -> str | None:
        parts = re.split(r"(?<=\.) ", plain)
        said = [self._sentence(part, alone=len(parts) == 1) for part in parts]
        return "".join(said) if said != parts else None

    def _sentence(self, part: str, *, alone: bool) -> str:
        if part in self._known:
            return self._known[part]
        bare = part.removesuffix(".")
        if (marked := _MARKED.fullmatch(bare)) and f"{marked[1]}:" in self._known:
            return f"{self._known[f'{marked[1]}:']}{self.say(marked[2])}\N{IDEOGRAPHIC FULL STOP}"
        other = bare if alone and bare == part else self.say(bare)
        return part if other == bare else f"{other}\N{IDEOGRAPHIC FULL STOP}"


@functools.lru_cache(maxsize=len(FILES) + 1)
def words(language: str) -> Words:
    """The words of a language; English for any other than those of ``FILES``.

    Args:
        language: Such as ``ja`` or ``zh-CN``.
    """
    short = language[:2].lower()
    if short not in FILES:
        return Words("en", {})
    path = resources.files("lib_rimo.wording").joinpath("translations").joinpath(f"{FILES[short]}.json")
    return Words(short, json.loads(path.read_text("utf-8")))


def translated(page: str, said: Words) -> str:
    """A whole HTML page with its visible texts in another language.

    Args:
        page: In English.
        said: The language.
    """
    if said.language == "en":
        return page
    reader = _Reader(said)
    reader.feed(page)
    reader.close()
    return "".join(reader.out).replace('<html lang="en">', f'<html lang="{said.language}">', 1)


class _Reader(HTMLParser):
    """Writes a page down again, its texts and spoken attributes translated."""

    def __init__(self, said: Words) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self._said = said
        self._open: list[tuple[str, bool]] = []

    @property
    def _kept(self) -> bool:
        return bool(self._open and self._open[-1][1])

    def handle_decl(self, decl: str) -> None:
        self.out.append(f"<!{decl}>")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        kept = self._kept or given.get("translate") == "no" or tag in ("style", "script", "pre")
        shown = ""
        for name, value in attrs:
            text = value or ""
            if name in _SPOKEN and not kept:
                text = self._said.say(text)
            shown += f" {name}" if value is None else f' {name}="{html.escape(text)}"'
        self.out.append(f"<{tag}{shown}>")
        if tag not in _EMPTY:
            self._open.append((tag, kept))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "style":
            self.out.append(data)
            return
        bare = data.strip()
        if self._kept or not bare:
            self.out.append(html.escape(data, quote=False))
            return
        said = data.replace(bare, self._said.say(bare), 1)
        self.out.append(html.escape(said, quote=False))


def _form(text: str) -> re.Pattern[str]:
    pieces = _PLACE.split(text)[::2]
    letters = re.sub("[^A-Za-z]", "", "".join(pieces))
    several = "(.+?)" if ". " in text else r"((?:(?!\. ).)+?)"
    place = r"(\S+?)" if len(letters) < FEW_LETTERS else several
    return re.compile(place.join(map(re.escape, pieces)), re.DOTALL)
