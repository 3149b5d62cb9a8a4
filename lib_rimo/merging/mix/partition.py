"""Partitions: which block group each checkpoint key belongs to. The groups are data (``data/*.json``).

A range such as ``"8-"`` is open at its end, so a model with more blocks than the author of a partition thought of
is merged all the same; upstream's newest scripts end with an error there.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.errors import RecipeError
from lib_rimo.files import read_text
from lib_rimo.merging.checkpoints.families import chains, components, families, read_data, usual_blocks
from lib_rimo.merging.checkpoints.keys import UNET, Place, place_of

PARTITIONS = ("theater", "ro", "mbw", "coarse", "global")
"""The partitions that come with the program."""

CHAINS = ("input_blocks", "middle_block", "output_blocks")
REST = "rest"
"""What is in no chain of the component that has them."""
COMPONENTS = (REST, "text", "text2", "vae")
"""What every partition says something of; chains and components of families that have others may follow."""

_ENTRIES = ("name", "title", "label", "blocks", "components", "frozen", "about")


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
class _Added:
    """What families add for chains and components that only they have; no file of a mix repeats it."""

    ranges: Mapping[str, tuple[_Range, ...]]
    parts: Mapping[str, str | None]


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
    _added: _Added

    def group_of(self, key: str) -> str | None:
        """The group of a checkpoint key, or None for a key that is never merged."""
        place = place_of(key)
        return None if place is None else self._group(place)

    def may_have(self, group: str) -> bool:
        """Whether a model could have this group: one of ``groups``, or a further block where each is its own."""
        spans = (span for spans in {**self._ranges, **self._added.ranges}.values() for span in spans)
        forms = (re.escape(span.group).replace(r"\{block\}", r"\d{2,}") for span in spans)
        return group in self.groups or any(re.fullmatch(form, group) for form in forms)

    def groups_present(self, keys: Iterable[str]) -> tuple[str, ...]:
        """The groups that at least one of ``keys`` belongs to, in the order of the model's data flow."""
        first: dict[str, tuple[int, int]] = {}
        order = {part: i for i, part in enumerate((*_chains(), *_components()))}
        for key in keys:
            place = place_of(key)
            group = None if place is None else self._group(place)
            if place is None or group is None:
                continue
            rank = (order[_part(place)], place.block)
            first[group] = min(first.get(group, rank), rank)
        return tuple(sorted(first, key=lambda group: first[group]))

    def to_json(self) -> dict[str, Any]:
        """The form of the data files; ``partition_from_json`` gives the equal partition back."""
        return {
            "name": self.name,
            "title": self.title,
            "blocks": {c: [[span.text, span.group] for span in spans] for c, spans in self._ranges.items()},
            "components": dict(self._parts),
            "frozen": sorted(self.frozen_by_default),
        }

    def _group(self, place: Place) -> str | None:
        for span in self._ranges.get(place.chain) or self._added.ranges.get(place.chain, ()):
            if span.holds(place.block):
                return span.group.replace("{block}", f"{place.block:02d}")
        part = REST if place.chain or place.component == UNET else place.component
        return self._parts[part] if part in self._parts else self._added.parts.get(part)


def _part(place: Place) -> str:
    return place.chain or (REST if place.component == UNET else place.component)


def _chains() -> tuple[str, ...]:
    return tuple(dict.fromkeys((*CHAINS, *chains())))


def _components() -> tuple[str, ...]:
    return tuple(dict.fromkeys((*COMPONENTS, *(name for name in components() if name != UNET))))


def partition_label(name: str) -> str:
    """What a partition that comes with the program is called in a list."""
    return str(read_data(f"{name}.json")["label"])


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
        data = json.loads(read_text(path))
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
    blocks, named = data["blocks"], data["components"]
    _refuse_unknown(data, _ENTRIES, "an entry that no partition has", where)
    _refuse_unknown(blocks, _chains(), "a chain of blocks that no model has", where)
    _refuse_unknown(named, _components(), "a component that no model has", where)
    ranges = {
        chain: tuple(_range(span, where) for span in blocks.get(chain, ()))
        for chain in _chains()
        if chain in CHAINS or chain in blocks
    }
    parts = {
        part: _group_name(named.get(part)) for part in _components() if part in COMPONENTS or part in named
    }
    name = data["name"]
    if not isinstance(name, str) or not name.strip():
        raise ValueError("a name was wanted")
    added = _additions(name, ranges, parts, where)
    groups = _groups(ranges, parts)
    if not groups:
        raise ValueError("no group at all")
    frozen = frozenset(str(g) for g in data.get("frozen", ()))
    if not frozen <= set(groups):
        raise ValueError(f"frozen groups that do not exist: {sorted(frozen - set(groups))}")
    groups = tuple(dict.fromkeys((*groups, *_groups(added.ranges, added.parts))))
    return Partition(name, str(data.get("title", name)), groups, frozen, ranges, parts, added)


def _groups(ranges: Mapping[str, tuple[_Range, ...]], parts: Mapping[str, str | None]) -> tuple[str, ...]:
    """The groups of chains and components in order, as far as usual models have them."""
    groups: dict[str, None] = {}
    for chain, spans in ranges.items():
        for span in spans:
            count = usual_blocks(chain) if "{block}" in span.group else 1
            for block in range(span.first, span.first + count):
                groups[span.group.replace("{block}", f"{block:02d}")] = None
    groups.update({group: None for group in parts.values() if group is not None})
    return tuple(groups)


def _additions(name: str, ranges: Container[str], parts: Container[str], where: str) -> _Added:
    """What families say of their own chains and components for a partition that does not name them."""
    divisions = [family.partitions[name] for family in families() if name in family.partitions]
    return _Added(
        {
            chain: tuple(_range(list(span), where) for span in spans)
            for division in divisions
            for chain, spans in division.blocks.items()
            if chain not in ranges
        },
        {
            part: _group_name(group)
            for division in divisions
            for part, group in division.components.items()
            if part not in parts
        },
    )


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
