"""Plain values to typed settings and back, by the types of the fields; nested only in Python, flat everywhere else."""

from __future__ import annotations

import dataclasses
import logging
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

from lib_rimo.errors import RecipeError, SettingsError
from lib_rimo.said import say
from lib_rimo.study.settings.setting import ABOUT, Setting

log = logging.getLogger("rimo")

T = TypeVar("T")

LONGEST_SHOWN = 60
"""Characters of a text that is no recipe."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table.

    Attributes:
        name: Of the setting, the same in journals, bodies, presets and on the command line.
        part: The field of the settings that has it as one of its own; empty for a setting of the study itself.
        type: As annotated, without None.
        optional: Whether None is a value.
        default: Typed; None also where there is none.
        about: All else.
    """

    name: str
    part: str
    type: Any
    optional: bool
    default: Any
    about: Setting

    @property
    def items(self) -> Any:
        """Type of each value where there may be any number of them; None where there is one, or a pair."""
        parts = typing.get_args(self.type)
        return parts[0] if parts and parts[-1] is Ellipsis else None

    def of(self, settings: Any) -> Any:
        """Its value in some settings."""
        return getattr(getattr(settings, self.part) if self.part else settings, self.name)


_TABLES: dict[type, dict[str, Entry]] = {}


def table_of(kind: type) -> Mapping[str, Entry]:
    """The settings that a class of settings has, its parts' included, by name."""
    if kind not in _TABLES:
        _TABLES[kind] = _made(kind)
    return _TABLES[kind]


def _made(kind: type) -> dict[str, Entry]:
    hints, out = typing.get_type_hints(kind), {}
    for field in dataclasses.fields(kind):
        if (about := field.metadata.get(ABOUT)) is not None:
            options = typing.get_args(hints[field.name])
            optional = isinstance(hints[field.name], types.UnionType)
            wanted = next(o for o in options if o is not type(None)) if optional else hints[field.name]
            default = None if field.default is dataclasses.MISSING else field.default
            out[field.name] = Entry(field.name, "", wanted, optional, default, about)
        elif dataclasses.is_dataclass(hints[field.name]):
            for entry in table_of(hints[field.name]).values():
                out[entry.name] = dataclasses.replace(entry, part=field.name)
    return out


def read(kind: type[T], values: Mapping[str, Any], **besides: Any) -> T:
    """Makes settings of plain values (JSON, a form); numbers may come as text. Ranges are not looked at.

    Args:
        kind: A class of settings.
        values: By name. What is not there has its default.
        besides: Fields that are no settings.

    Raises:
        SettingsError: A name is unknown, or a value has the wrong kind; it carries the field.
    """
    table = table_of(kind)
    if unknown := sorted(set(values) - set(table)):
        raise SettingsError(unknown[0], "There is no such setting", found=", ".join(unknown))
    given: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        given.setdefault(table[name].part, {})[name] = _typed(table[name], value)
    own = given.pop("", {})
    hints = typing.get_type_hints(kind)
    return kind(**besides, **own, **{part: hints[part](**of) for part, of in given.items()})


def readable(kind: type, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of some plain values that ``read`` takes; the others are named in the log."""
    table, out = table_of(kind), {}
    for name, value in values.items():
        try:
            if name in table:
                _typed(table[name], value)
                out[name] = value
                continue
            told = "there is no such setting"
        except SettingsError as error:
            told = str(error)
        log.info("The recorded setting %s is left out: %s", name, told)
    return out


def plain(entry: Entry, settings: object) -> Any:
    """A setting as JSON has it; what has a text of its own has the empty one where there is nothing."""
    value = entry.of(settings)
    return "" if value is None and hasattr(entry.type, "from_text") else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "to_text"):
        return value.to_text()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _typed(entry: Entry, value: Any) -> Any:
    """Brings a plain value to the annotated type, or says what was wanted."""
    if value is None or value == "":
        if entry.optional:
            return None
        if entry.type is str:
            return ""
    try:
        return _as(entry.type, value)
    except SettingsError:
        raise
    except RecipeError as error:
        raise SettingsError(
            entry.name,
            say("{1} cannot be read", entry.name),
            found=shorten(value, LONGEST_SHOWN),
            wanted="the JSON of a recipe",
        ) from error
    except (TypeError, ValueError, OverflowError):
        raise SettingsError(
            entry.name,
            say("{1} has the wrong kind of value", entry.name),
            found=repr(value),
            wanted=_describe(entry.type),
        ) from None


def _as(wanted: Any, value: Any) -> Any:
    if hasattr(wanted, "from_text"):
        if isinstance(value, wanted):
            return value
        if not isinstance(value, str):
            raise TypeError(value)
        return wanted.from_text(value)
    if typing.get_origin(wanted) is tuple:
        parts = typing.get_args(wanted)
        items = [value] if isinstance(value, str | Path) else list(value)
        if parts[-1] is Ellipsis:
            return tuple(_as(parts[0], item) for item in items)
        if len(items) != len(parts):
            raise ValueError(f"{len(parts)} values were wanted")
        return tuple(_as(part, item) for part, item in zip(parts, items, strict=True))
    if wanted is bool:
        if not isinstance(value, bool):
            raise TypeError(value)
        return value
    if wanted is int:
        if isinstance(value, bool) or float(value) != int(float(value)):
            raise ValueError(value)
        return int(float(value))
    if wanted is float:
        return float(value)
    if wanted is Path:
        return Path(str(value)).expanduser()
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _describe(wanted: Any) -> str:
    if typing.get_origin(wanted) is tuple:
        parts = typing.get_args(wanted)
        if parts[-1] is Ellipsis:
            return f"a list of {_describe(parts[0])}"
        return f"{len(parts)} values"
    return {int: "a whole number", float: "a number", bool: "yes or no", Path: "a file or folder"}.get(
        wanted, "a text"
    )
