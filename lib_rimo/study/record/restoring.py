"""Plain values back to the dataclasses that they were, by this program or by another version of it.

What is missing gets its default, what is not known is left out, and no range is looked at.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar, cast

T = TypeVar("T")


def restored(cls: type[T], data: object) -> T:
    """A dataclass from what ``dataclasses.asdict`` made of it, with JSON in between.

    Raises:
        TypeError: The data is something else, or lacks a field without a default.
    """
    if not isinstance(data, Mapping):
        raise TypeError(cls.__name__, data)
    return cls(
        **{
            name: _value(hint, data[name])
            for name, hint in _hints(cast("Hashable", cls)).items()
            if name in data
        }
    )


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _value(hint: Any, value: Any) -> Any:
    """A value as its annotation has it: dataclasses, tuples and mappings are made, numbers and texts are kept."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if value is None:
        return None
    if isinstance(hint, types.UnionType):
        return _value(next(part for part in parts if part is not types.NoneType), value)
    if origin is tuple:
        inner = [parts[0]] * len(value) if parts[-1] is Ellipsis else parts
        return tuple(_value(part, item) for part, item in zip(inner, value, strict=True))
    if origin is Mapping:
        return {str(name): _value(parts[1], item) for name, item in value.items()}
    return restored(hint, value) if isinstance(hint, type) and dataclasses.is_dataclass(hint) else value
