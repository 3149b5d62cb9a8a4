"""Partitions: which block group each checkpoint key belongs to. The groups are data (``data/*.json``).

A range such as ``"8-"`` is open at its end, so a model with more blocks than the author of a partition thought of
is merged all the same; upstream's newest scripts end with an error there.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.errors import RecipeError
from lib_rimo.merging.checkpoints.keys import FAMILIES, UNET, Place, place_of, read_data

PARTITIONS = ("theater", "ro", "mbw", "coarse", "global")
"""The partitions that come with the program."""

USUAL_BLOCKS = 12
"""Input (and output) blocks of SD1 and SD2, which have the most; only for listing groups without a model at hand."""

_COMPONENTS = ("rest", "text", "text2", "vae")
_ORDER = (*FAMILIES, *_COMPONENTS)
_ENTRIES = ("name", "title", "blocks", "components", "frozen", "about")


@dataclass(frozen=True, slots=True)
class _Range:
    first: int
    last: int | None
    group: str

    def holds(self, block: int) -> bool:
        return self.first <= block and (self.last is None or block <= self.last)

    @property
    def text(self) -> str:
        """As the data files write it."""
        if self.first == self.last:
            return str(self.first)
        return f"{self.first}-" + ("" if self.last is None else str(self.last))


@dataclass(frozen=True, slots=True)
class Partition:
    """Splits a checkpoint into block groups.

    Attributes:
        name: As a recipe names it.
        title: For people.
        groups: Every group that a usual model can have, in the order of the model's data flow; a model may lack
            some, and where each block is a group of its own it may have more (``groups_present`` tells).
        frozen_by_default: The groups that a search leaves alone unless asked.
    """

    name: str
    title: str
    groups: tuple[str, ...]
    frozen_by_default: frozenset[str]
    _ranges: Mapping[str, tuple[_Range, ...]]
    _parts: Mapping[str, str | None]

    def group_of(self, key: str) -> str | None:
        """The group of a checkpoint key, or None for a key that is never merged."""
        place = place_of(key)
        return None if place is None else self._group(place)

    def may_have(self, group: str) -> bool:
        """Whether a model could have this group: one of ``groups``, or a further block where each is its own."""
        spans = (span for spans in self._ranges.values() for span in spans)
        forms = (re.escape(span.group).replace(r"\{block\}", r"\d{2,}") for span in spans)
        return group in self.groups or any(re.fullmatch(form, group) for form in forms)

    def groups_present(self, keys: Iterable[str]) -> tuple[str, ...]:
        """The groups that at least one of ``keys`` belongs to, in the order of the model's data flow."""
        first: dict[str, tuple[int, int]] = {}
        for key in keys:
            place = place_of(key)
            group = None if place is None else self._group(place)
            if place is None or group is None:
                continue
            rank = (_ORDER.index(_part(place)), place.block)
            first[group] = min(first.get(group, rank), rank)
        return tuple(sorted(first, key=lambda group: first[group]))

    def to_json(self) -> dict[str, Any]:
        """The form of the data files; ``partition_from_json`` gives the equal partition back."""
        return {
            "name": self.name,
            "title": self.title,
            "blocks": {f: [[span.text, span.group] for span in spans] for f, spans in self._ranges.items()},
            "components": dict(self._parts),
            "frozen": sorted(self.frozen_by_default),
        }

    def _group(self, place: Place) -> str | None:
        for span in self._ranges.get(place.family, ()):
            if span.holds(place.block):
                return span.group.replace("{block}", f"{place.block:02d}")
        return self._parts[_part(place) if not place.family else "rest"]


def _part(place: Place) -> str:
    return place.family or ("rest" if place.component == UNET else place.component)


def load_partition(name_or_path: str | Path) -> Partition:
    """Loads a partition that comes with the program, or a file of the same form.

    Args:
        name_or_path: One of ``PARTITIONS``, or the path of a ``.json`` file.

    Raises:
        RecipeError: There is no such partition, or the file does not describe one.
    """
    if str(name_or_path) in PARTITIONS:
        return _build(read_data(f"{name_or_path}.json"), str(name_or_path))
    path = Path(name_or_path)
    if path.suffix != ".json":
        raise RecipeError(
            "There is no such partition",
            found=name_or_path,
            wanted=f"{', '.join(PARTITIONS)} or a .json file",
        )
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RecipeError(f"The partition {path.name} cannot be read", found=str(error)) from error
    partition = partition_from_json(data, path.name)
    if partition.name in PARTITIONS:
        raise RecipeError(
            f"The partition {path.name} has the name of one that comes with the program",
            found=partition.name,
            fix='Give it another "name"',
        )
    return partition


def partition_from_json(data: object, where: str) -> Partition:
    """Reads a partition from its plain form.

    Args:
        data: The form of the data files.
        where: For error texts.

    Raises:
        RecipeError: The data does not describe a partition.
    """
    try:
        if not isinstance(data, Mapping):
            raise TypeError("no JSON object")
        return _build(data, where)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecipeError(
            f"The partition {where} is incomplete",
            found=f"{type(error).__name__}: {error}",
            wanted="the form of the partitions that come with the program (lib_rimo/merging/data)",
        ) from error


def _build(data: Mapping[str, Any], where: str) -> Partition:
    blocks = data["blocks"]
    _refuse_unknown(data, _ENTRIES, "an entry that no partition has", where)
    _refuse_unknown(blocks, FAMILIES, "a chain of blocks that no model has", where)
    _refuse_unknown(data["components"], _COMPONENTS, "a component that no model has", where)
    ranges = {family: tuple(_range(span, where) for span in blocks.get(family, ())) for family in FAMILIES}
    parts = {part: _group_name(data["components"].get(part)) for part in _COMPONENTS}
    groups: dict[str, None] = {}
    for family in FAMILIES:
        for span in ranges[family]:
            count = USUAL_BLOCKS if "{block}" in span.group else 1
            for block in range(span.first, span.first + count):
                groups[span.group.replace("{block}", f"{block:02d}")] = None
    for group in parts.values():
        if group is not None:
            groups[group] = None
    if not groups:
        raise ValueError("no group at all")
    frozen = frozenset(str(g) for g in data.get("frozen", ()))
    if not frozen <= set(groups):
        raise ValueError(f"frozen groups that do not exist: {sorted(frozen - set(groups))}")
    name = data["name"]
    if not isinstance(name, str) or not name.strip():
        raise ValueError("a name was wanted")
    return Partition(name, str(data.get("title", name)), tuple(groups), frozen, ranges, parts)


def _refuse_unknown(found: Mapping[str, Any], known: Collection[str], what: str, where: str) -> None:
    """A misspelt name would leave a part of the network out of the search, or let one in, without a word."""
    for name in found:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            raise RecipeError(
                f"The partition {where} names {what}",
                found=name,
                wanted=f"one of {', '.join(known)}",
                fix=f"Write {close[0]}" if close else "Correct or remove it",
            )


def _range(span: object, where: str) -> _Range:
    if not isinstance(span, list) or len(span) != len(("blocks", "group")):
        raise ValueError(f"a pair of blocks and group was wanted in {where}, found {span!r}")
    blocks, group = span
    first, dash, last = str(blocks).partition("-")
    low = int(first)
    high = (int(last) if last else None) if dash else low
    if low < 0 or (high is not None and high < low):
        raise ValueError(f"blocks {blocks!r} are reversed")
    name = _group_name(group)
    if name is None:
        raise ValueError("blocks without a group")
    return _Range(low, high, name)


def _group_name(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"a group name was wanted, found {value!r}")
    return value
