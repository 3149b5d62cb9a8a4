"""Texts as HTML, in the language that a report is being written in."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from lib_rimo.wording.words import Words, words

_WORDS: ContextVar[Words] = ContextVar("words")
"""Of the report that this thread writes; English where none is named."""


@contextmanager
def in_language(said: Words) -> Iterator[None]:
    """Inside, ``text`` speaks that language."""
    before = _WORDS.set(said)
    try:
        yield
    finally:
        _WORDS.reset(before)


def text(value: str) -> str:
    """Words of the program as HTML. Names, and texts of the user's, pass ``plain`` or ``named``."""
    return plain(_WORDS.get(words("en")).say(value))


def plain(value: object) -> str:
    """Whatever it is, as HTML, in the language that it is in."""
    return html.escape(str(value))


def named(value: object) -> str:
    """A name, which no translation touches, not even the browser's, as HTML."""
    return f'<span translate="no">{plain(value)}</span>'
