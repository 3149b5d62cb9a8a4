"""Reads a family's data file. Whatever is wrong in it is named with its field: ``marks.always.2.rank``."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lib_rimo.errors import PluginError
from lib_rimo.merging.checkpoints.family import BLOCK, Condition, Family

LIKE = "like"
"""The field that names another family; fields that the file leaves out are that one's."""

Field = tuple[str, ...]
"""The way to a field, outermost first."""

Fault = tuple[Field, object, str]
"""Where, what was found there, and what was wanted."""


def family_from_text(text: str, where: str, known: Mapping[str, Family]) -> Family:
    """Reads a family from the text of its file.

    Args:
        text: JSON.
        where: Name of the file, for error texts.
        known: Families that it may be like.

    Raises:
        PluginError: The text does not describe a family; it names file and field.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PluginError(f"The family file {where} cannot be read", found=str(error)) from error
    return family_from_json(data, where, known)


def family_from_json(data: object, where: str, known: Mapping[str, Family]) -> Family:
    """Reads a family from the plain form of its file; see ``family_from_text``."""
    if not isinstance(data, Mapping):
        raise _wrong(where, (), data, "a JSON object")
    whole = dict(data)
    other = whole.pop(LIKE, None)
    if other is not None:
        if other not in known:
            raise _wrong(where, (LIKE,), other, f"one of {', '.join(known)}")
        whole = {**known[other].data, **whole}
    whole.pop("about", None)
    family = _read(Family, whole, where, ())
    assert isinstance(family, Family)
    _check(family, where)
    return dataclasses.replace(family, data=whole)


def _read(kind: Any, value: Any, where: str, at: Field) -> Any:
    """A value of the file as an attribute of this type."""
    origin, inside = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, UnionType):
        if value is None and NoneType in inside:
            return None
        return _read(next(one for one in inside if one is not NoneType), value, where, at)
    if origin is Literal:
        if value not in inside:
            raise _wrong(where, at, value, f"one of {', '.join(inside)}")
        return value
    if dataclasses.is_dataclass(kind):
        return _read_object(kind, value, where, at)
    if origin is tuple:
        many = len(inside) == 2 and inside[1] is Ellipsis
        if not isinstance(value, list | tuple) or not (many or len(value) == len(inside)):
            raise _wrong(where, at, value, "a list" if many else f"a list of {len(inside)}")
        kinds = [inside[0]] * len(value) if many else inside
        return tuple(
            _read(k, v, where, (*at, str(i))) for i, (k, v) in enumerate(zip(kinds, value, strict=True))
        )
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(where, at, value, "an object")
        return {str(name): _read(inside[1], v, where, (*at, str(name))) for name, v in value.items()}
    return _read_plain(kind, value, where, at)


def _read_plain(kind: Any, value: Any, where: str, at: Field) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is float and is_number:
        return float(value)
    if kind is int and is_number and value == int(value):
        return int(value)
    if kind in (str, bool) and isinstance(value, kind):
        return value
    raise _wrong(
        where, at, value, {str: "a text", bool: "true or false", int: "a whole number"}.get(kind, "a number")
    )


def _read_object(kind: Any, value: Any, where: str, at: Field) -> Any:
    if not isinstance(value, Mapping):
        raise _wrong(where, at, value, "an object")
    fields = {
        f.name: f for f in dataclasses.fields(kind) if f.repr
    }  # what is not shown is no field of the file
    hints = get_type_hints(kind)
    for name in value:
        if name not in fields:
            close = difflib.get_close_matches(str(name), fields, n=1)
            raise _wrong(where, (*at, str(name)), name, f"{close[0]}" if close else ", ".join(fields))
    for name, f in fields.items():
        is_needed = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if is_needed and name not in value:
            raise _wrong(where, (*at, name), "nothing", "this field")
    return kind(**{name: _read(hints[name], v, where, (*at, str(name))) for name, v in value.items()})


def _check(family: Family, where: str) -> None:
    """What types do not say.

    Raises:
        PluginError: Something contradicts itself; the text names the field.
    """
    for faults in (_of_names, _of_numbers, _of_marks):
        for at, found, wanted in faults(family):
            raise _wrong(where, at, found, wanted)


def _of_names(family: Family) -> Iterator[Fault]:
    chains = [chain.name for chain in family.chains]
    yield from (((f,), "nothing", "a name") for f in ("name", "title") if not getattr(family, f).strip())
    for i, chain in enumerate(family.chains):
        at = ("chains", str(i))
        if chains.count(chain.name) > 1:
            yield (*at, "name"), chain.name, "a name of its own"
        if chain.component not in family.components:
            yield (*at, "component"), chain.component, ", ".join(family.components)
        for keys in chain.keys or ("",):
            if keys.count(BLOCK) > 1 or not keys.replace(BLOCK, ""):
                yield (*at, "keys"), keys, f"a beginning of names, {BLOCK} in it once or never"
    for name, component in family.components.items():
        if not component.keys or not all(component.keys):
            yield ("components", name, "keys"), list(component.keys), "beginnings of names"
    for i, buffer in enumerate(family.buffers):
        try:
            re.compile(buffer)
        except re.error as error:
            yield ("buffers", str(i)), f"{buffer}: {error}", "a regular expression"


def _of_numbers(family: Family) -> Iterator[Fault]:
    chains = [chain.name for chain in family.chains]
    yield from ((("blocks", n), "nothing", "a number of blocks") for n in chains if n not in family.blocks)
    for name, count in family.blocks.items():
        if name not in chains or count < 1:
            yield ("blocks", name), count, f"at least 1, for one of {', '.join(chains)}"
    for section, names in (("latent", ("channels", "scale")), ("text", ("tokens",)), ("drawing", ("steps",))):
        for name in names:
            if (value := getattr(getattr(family, section), name)) < 1:
                yield (section, name), value, "at least 1"
    for name in ("width", "height"):
        if (side := getattr(family.drawing, name)) < 1 or side % family.latent.scale:
            yield ("drawing", name), side, f"a multiple of {family.latent.scale}"


def _of_marks(family: Family) -> Iterator[Fault]:
    chains = [chain.name for chain in family.chains]
    every: list[tuple[Field, Condition]] = [
        (("marks", "always", str(i)), condition) for i, condition in enumerate(family.marks.always)
    ]
    for n, listed in enumerate(family.marks.one_of):
        every += [(("marks", "one_of", str(n), str(i)), condition) for i, condition in enumerate(listed)]
    for at, condition in every:
        if condition.chain and condition.chain not in chains:
            yield (*at, "chain"), condition.chain, ", ".join(chains)
        if not re.fullmatch(r"\d+(-\d*)?", condition.blocks):
            yield (*at, "blocks"), condition.blocks, "such as 12- or 0-11"
        if condition.tensor.count("*") > 1:
            yield (*at, "tensor"), condition.tensor, "one * or none"
        if not (condition.has or condition.lacks or condition.tensor or condition.chain):
            yield at, "nothing", "has, lacks, tensor or chain"
    if not any(condition.counts for _, condition in every):
        yield ("marks",), "nothing that a file has", "has, tensor or chain"


def _wrong(where: str, at: Field, found: object, wanted: str) -> PluginError:
    field = ".".join(at)
    return PluginError(
        f"The family file {where} is wrong" + (f" in {field}" if field else ""), found=found, wanted=wanted
    )
