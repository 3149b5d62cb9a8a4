"""The text of sd-mecha's recipes: one statement per line, words between spaces, ``&3`` for the result of line 3 from 0.

Source: the format of sd-mecha 1.1. A backslash takes the next character as it stands, double quotes hold a text with
spaces, ``#`` starts a remark. What stands in quotes is a text, whatever it looks like: a model may be called ``&1``,
``null`` or ``a=b``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lib_rimo.errors import RecipeError

VERSION = "version 0.1.0"
_CONSTANTS: Mapping[str, bool | None] = {"null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Reference:
    """The result of an earlier statement, counted from 0."""

    number: int


Word = str | float | bool | Reference | None


@dataclass(frozen=True, slots=True)
class Statement:
    """One line.

    Attributes:
        line: Its number in the text, from 1.
        command: ``model``, ``dict``, ``literal`` or ``merge``, or what else stands there.
        plain: The words without a name.
        named: Name -> word.
    """

    line: int
    command: str
    plain: tuple[Word, ...]
    named: Mapping[str, Word]


def statements(text: str) -> Iterator[Statement]:
    """Reads the lines of a recipe.

    Raises:
        RecipeError: The text is of another format or version, or a line is damaged.
    """
    # not splitlines(): a file name may hold one of the other characters that it takes for the end of a line
    lines = [line.strip() for line in text.removeprefix("\ufeff").strip().split("\n")]
    if lines[0] != VERSION:
        raise RecipeError(
            "This is no recipe of sd-mecha that is understood",
            found=lines[0][:80] or "an empty text",
            wanted=VERSION,
        )
    for number, line in enumerate(lines[1:], 2):
        if not line or line.startswith("#"):
            continue
        try:
            yield _statement(number, line)
        except ValueError as error:
            raise damaged(number, str(error)) from error


def damaged(line: int, found: str) -> RecipeError:
    """What to raise for a line that sd-mecha would not understand either."""
    return RecipeError("A line of the recipe is damaged", found=f"line {line}: {found}")


def _statement(number: int, line: str) -> Statement:
    plain: list[Word] = []
    named: dict[str, Word] = {}
    for name, text, quoted in _words(line):
        word = text if quoted else _word(text)
        if name:
            named[name] = word
        else:
            plain.append(word)
    command = plain[0] if plain else ""
    if not isinstance(command, str):
        raise ValueError(f"{line[:40]} starts with no command")  # noqa: TRY004 - of a text, not of a type
    return Statement(number, command, tuple(plain[1:]), named)


def _words(line: str) -> Iterator[tuple[str, str, bool]]:
    """Name, or an empty text; value; whether it stood in quotes."""
    word: list[str] = []
    name: str | None = None  # inside of quotes: what stood before them
    escaped = False
    for letter in line:
        if escaped:
            word.append(letter)
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"' and name is None:
            name, word = "".join(word), []
            if name and not name.endswith("="):
                raise ValueError(f"a quote stands inside the word {name[:40]}")
        elif letter == '"':
            yield (name or "")[:-1], "".join(word), True
            name, word = None, []
        elif letter.isspace() and name is None:
            yield from _plain("".join(word))
            word = []
        else:
            word.append(letter)
    if name is not None or escaped:
        raise ValueError("a quote is not closed" if name is not None else "it ends in a backslash")
    yield from _plain("".join(word))


def _plain(word: str) -> Iterator[tuple[str, str, bool]]:
    if word:
        name, equals, value = word.partition("=")
        yield (name, value, False) if equals else ("", word, False)


def _word(text: str) -> Word:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text.startswith("&"):
        if not text[1:].isdecimal() or len(text) > len("&123456789"):
            raise ValueError(f"{text[:40]} names no line")
        return Reference(int(text[1:]))
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no finite number")
    return number
