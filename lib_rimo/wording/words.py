"""The page's words in other languages, for what leaves the page: reports and animations.

The translations are those of the page (``translations/*.json``): a text as a whole, or the template of one that was put
together (``said.Said``), which is filled in with the same values. No text is taken apart; what is unknown stays as it
is. ``javascript/rimo/words.mjs`` does the same in the browser.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import resources

from lib_rimo.said import Said, fill

FILES = {"zh": "zh_CN", "ja": "ja_JP"}
"""Language -> name of its file; English is what the program writes."""


class Words:
    """What texts are in one language.

    Args:
        language: As HTML names it; English and unknown ones leave every text as it is.
        known: English text -> translation; places are numbered.
    """

    def __init__(self, language: str, known: Mapping[str, str]) -> None:
        self.language = language
        self._known = known

    def say(self, text: str) -> str:
        """The text in this language; what is unknown stays."""
        if isinstance(text, Said):
            return fill(self._known.get(text.template, text.template), text.values, self._value)
        return self._known.get(text, text)

    def _value(self, value: object) -> str:
        return self.say(value) if isinstance(value, Said) else str(value)


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
