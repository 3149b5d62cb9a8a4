"""What the program says: a template and the values in its places.

A ``Said`` is the English text to whoever prints, joins or compares it. Other languages have a template of their own
and fill in the same values, so that no text is ever taken apart, and a name in it stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_PLACE = re.compile(r"\{(\d)\}")


class Said(str):
    """A text that was put together; see ``say``.

    Attributes:
        template: With numbered places, ``{1} of {2} images``.
        values: What stands in them. Those that are ``Said`` themselves are words, all others are names and numbers.
    """

    __slots__ = ("template", "values")
    template: str
    values: tuple[object, ...]


def say(template: str, *values: object) -> Said:
    """A text with values in its places; without values, words that stand where a name could."""
    said = Said(fill(template, values))
    said.template, said.values = template, values
    return said


def fill(template: str, values: tuple[object, ...], tell: Callable[[object], str] = str) -> str:
    """A template with its places filled in.

    Args:
        template: Places are ``{1}`` to ``{9}``.
        values: For the places.
        tell: Makes a value a text.
    """
    if not values:
        return template
    return _PLACE.sub(lambda place: tell(values[int(place[1]) - 1]), template)


def joined(separator: str, *parts: str) -> Said:
    """Texts one after the other; those that are no ``Said`` are words."""
    places = separator.join(f"{{{i}}}" for i in range(1, len(parts) + 1))
    return say(places, *(words(part) for part in parts))


def sentences(*parts: str) -> Said:
    """Sentences one after the other, each with its full stop."""
    closed = [say("{1}.", words(part)) for part in parts]
    return closed[0] if len(closed) == 1 else joined(" ", *closed)


def words(text: str) -> Said:
    """A text as it was put together, or as it is."""
    return text if isinstance(text, Said) else say(text)


def to_json(value: Any) -> Any:
    """JSON in which every ``Said`` is ``{"text", "template", "values"}``; texts without places stay texts."""
    if isinstance(value, Said):
        values = [to_json(one) if isinstance(one, Said | int | float) else str(one) for one in value.values]
        return {"text": str(value), "template": value.template, "values": values}
    if isinstance(value, Mapping):
        return {name: to_json(one) for name, one in value.items()}
    return [to_json(one) for one in value] if isinstance(value, list | tuple) else value


def from_json(value: Any) -> Any:
    """What ``to_json`` wrote; everything else stays as it is."""
    if isinstance(value, Mapping):
        if value.keys() == {"text", "template", "values"}:
            return say(str(value["template"]), *(from_json(one) for one in value["values"]))
        return {name: from_json(one) for name, one in value.items()}
    return [from_json(one) for one in value] if isinstance(value, list) else value


def all_said(value: Any) -> dict[str, Any]:
    """Every ``Said`` with places in a value, by its text."""
    if isinstance(value, Said):
        return {str(value): value} if value.values else {}
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return {text: said for part in parts for text, said in all_said(part).items()}
