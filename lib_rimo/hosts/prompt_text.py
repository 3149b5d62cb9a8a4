r"""Prompts as the WebUIs write them, read where no WebUI reads them: escapes, emphasis, and what is not read here.

``(red hat)`` is weighed 1.1 times, ``(red hat:1.3)`` by its number, ``[red hat]`` 1 / 1.1 times, ``BREAK`` begins a new
window of the text encoder, and ``\(`` is a bracket that weighs nothing.

Source: what the WebUIs' own help says of "Attention/emphasis"; held against ``prompt_parser.py`` of AUTOMATIC1111's
WebUI (82a973c0) by the values in ``tests/hosts/diffusers/golden``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

UP, DOWN = 1.1, 1 / 1.1
"""What a pair of round or square brackets weighs."""
BREAK, BREAK_WEIGHT = "BREAK", -1.0
"""How the WebUIs hold the word that begins a new window: as a text of an impossible weight. Inside brackets it gets
another weight and is then an ordinary word; that is so here too, since it is what people see drawn."""

_ESCAPED = re.compile(r"\\([\\()\[\]|])")
_SIGN = re.compile(
    r"(?P<literal>\\[\\()\[\]]?)|(?P<open>[(\[])|:\s*(?P<number>[+-]?[.\d]+)\s*\)|(?P<close>[)\]])|[^\\()\[\]:]+|:"
)
_BREAK = re.compile(rf"\s*\b{BREAK}\b\s*")
_NOT_READ = {
    "networks": re.compile(r"<\w+:[^>]+>"),
    "words joined by AND": re.compile(r"\bAND\b"),
    "words that change while a picture is drawn": re.compile(r"\[[^\[\]]*(?:\||:\s*[.\d]+\s*\])"),
}


@dataclass(slots=True)
class Piece:
    """A part of a prompt that is weighed as one."""

    text: str
    weight: float = 1.0

    @property
    def is_break(self) -> bool:
        """Whether it stands for the begin of a new window."""
        return self.text == BREAK and self.weight == BREAK_WEIGHT


def plain(prompt: str) -> str:
    r"""A prompt without its escapes: ``star \(symbol\)`` becomes ``star (symbol)``; all else stays as it is."""
    return _ESCAPED.sub(r"\1", prompt)


def pieces(prompt: str) -> list[Piece]:
    """A prompt in parts of one weight each, at least one; neighbours of equal weight are one part."""
    found: list[Piece] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}  # where each open bracket's words begin
    for sign in _SIGN.finditer(prompt):
        text, number = sign[0], sign["number"]
        if sign["literal"]:
            found.append(Piece(text[1:]))
        elif sign["open"]:
            opened[text].append(len(found))
        elif number and opened["("] and (by := _number(number)) is not None:
            _weigh(found, opened["("].pop(), by)
        elif text == ")" and opened["("]:
            _weigh(found, opened["("].pop(), UP)
        elif text == "]" and opened["["]:
            _weigh(found, opened["["].pop(), DOWN)
        else:
            found += _broken(text)
    for bracket, by in (("(", UP), ("[", DOWN)):  # those that nobody closed reach to the end
        for start in opened[bracket]:
            _weigh(found, start, by)
    return _joined(found) or [Piece("")]


def not_read(prompt: str) -> str | None:
    """What of the WebUIs' prompts stands in this one and is not read here, in words; None if all of it is read."""
    bare = re.sub(r"\\.", "", prompt)
    return next((words for words, form in _NOT_READ.items() if form.search(bare)), None)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _weigh(found: list[Piece], start: int, by: float) -> None:
    for piece in found[start:]:
        piece.weight *= by


def _broken(text: str) -> Iterator[Piece]:
    for number, part in enumerate(_BREAK.split(text)):
        if number:
            yield Piece(BREAK, BREAK_WEIGHT)
        yield Piece(part)


def _joined(found: list[Piece]) -> list[Piece]:
    out: list[Piece] = []
    for piece in found:
        if out and out[-1].weight == piece.weight:
            out[-1].text += piece.text
        else:
            out.append(piece)
    return out
