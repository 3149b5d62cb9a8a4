"""Prompts for text encoders that read no emphasis: the signs that the WebUIs' prompts escape, as they are meant."""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\([\\()\[\]|])")


def plain(prompt: str) -> str:
    r"""A prompt without its escapes: ``star \(symbol\)`` becomes ``star (symbol)``; all else stays as it is."""
    return _ESCAPED.sub(r"\1", prompt)
