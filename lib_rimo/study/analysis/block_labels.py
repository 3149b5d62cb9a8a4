"""Where in the network a block group lies, and what it is called: for tables, lists and a drawing.

All words come from the families' files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib_rimo.errors import RimoError
from lib_rimo.merging.checkpoints.architecture import family_of
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.merging.checkpoints.families import families
from lib_rimo.merging.checkpoints.family import BLOCK, Family, Side
from lib_rimo.merging.mix.partition import PARTITIONS, Partition, partition_label


@dataclass(frozen=True, slots=True)
class Network:
    """What a drawing of a model's network shows.

    Attributes:
        family: The model's.
        blocks: Chain -> how many blocks the model has.
    """

    family: Family
    blocks: Mapping[str, int]


@dataclass(slots=True)
class _Members:
    blocks: dict[Side, list[int]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    @property
    def side(self) -> Side:
        """Where a drawing has it; what has blocks on both ways stands beside them."""
        ways = {side for side in self.blocks if side in ("down", "up")}
        return "beside" if len(ways) > 1 else next(iter([*ways, *self.blocks]), "beside")


@dataclass(frozen=True, slots=True)
class Title:
    """What a block group is called: a text with ``{1}`` for a value, and the values."""

    template: str
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Title:
        """Reads what ``plain`` gave."""
        return cls(str(data["template"]), tuple(data["values"]))

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return {"text": str(self), "template": self.template, "values": list(self.values)}

    def __str__(self) -> str:
        said = self.template
        for number, value in enumerate(self.values, 1):
            said = said.replace(f"{{{number}}}", value)
        return said


def usual_network() -> Network:
    """What is drawn where nothing is known of a model."""
    return Network(families()[0], families()[0].blocks)


def network_of(path: Path | None) -> Network:
    """How many blocks a checkpoint's network has: 12 each way in SD1 and SD2, 9 in SDXL.

    Only the header of a ``.safetensors`` file is worth looking at for that; others, and files that are gone, are
    taken for the usual.
    """
    if path is None or path.suffix != ".safetensors":
        return usual_network()
    family = family_of(path)
    counts: dict[str, int] = {}
    try:
        with open_checkpoint(path) as checkpoint:
            for place in map(family.place_of, checkpoint):
                if place is not None and place.chain:
                    counts[place.chain] = max(counts.get(place.chain, 0), place.block + 1)
    except (RimoError, OSError):
        return usual_network()
    if not counts:
        return usual_network()
    ways = [chain.name for chain in family.chains if chain.side in ("down", "up")]
    if len(ways) == 2:  # there and back: as many each way
        counts |= dict.fromkeys(ways, max(counts.get(name, 0) for name in ways))
    return Network(family, counts)


def parts_of(
    groups: Iterable[str], partition: Partition, network: Network | None = None
) -> dict[str, dict[str, Any]]:
    """What block groups consist of.

    Args:
        groups: Their names.
        partition: That they are of.
        network: Of the model; None for the usual one.

    Returns:
        By name: ``title`` (``text``, and its ``template`` and ``values``, such as ``input {1}`` and ``0-6``), ``part``
        (such as ``input 0-6``), ``label`` (the same as a title), ``side`` of the drawing (``down``, ``middle``, ``up``
        or ``beside``), ``input`` and ``output`` (the numbers of its blocks on the ways down and up) and ``middle``
        (whether it has the middle block).
    """
    network = network or usual_network()
    members = _members(partition, network)
    return {group: _plain(group, members.get(group, _Members()), network.family) for group in groups}


def title_of(group: str, family: Family | None = None) -> Title:
    """What a block group is called: ``in0-6`` is "input 0-6", with a proper dash.

    Args:
        group: Its name.
        family: Whose words are looked up first; then come all others'.
    """
    for one in (*([family] if family else []), *families()):
        if group in one.groups:
            return Title(one.groups[group].title)
        for chain in one.chains:
            if found := re.fullmatch(rf"{re.escape(chain.group)}_?([\d+-]*)", group):
                numbers = found[1].replace("-", "\N{EN DASH}")
                return Title(f"{chain.label} {{1}}", (numbers,)) if numbers else Title(chain.label)
    return Title(group)


def group_choices() -> dict[str, str]:
    """The groups that partitions have in common, by name, in words for a list to choose from."""
    choices: dict[str, str] = {}
    for family in families():
        for name, words in family.groups.items():
            choices.setdefault(name, words.choice)
    return choices


def partition_choices() -> dict[str, str]:
    """The partitions that come with the program, by name, in words for a list to choose from."""
    return {name: partition_label(name) for name in PARTITIONS}


def _plain(group: str, found: _Members, family: Family) -> dict[str, Any]:
    text = ", ".join(found.words) or group
    return {
        "title": title_of(group, family).plain(),
        "label": text[:1].upper() + text[1:],
        "part": text,
        "side": found.side,
        "input": found.blocks.get("down", []),
        "output": found.blocks.get("up", []),
        "middle": "middle" in found.blocks,
    }


def _members(partition: Partition, network: Network) -> dict[str, _Members]:
    out: dict[str, _Members] = {}
    for chain in network.family.chains:
        here: dict[str, list[int]] = {}
        for block in range(network.blocks.get(chain.name, 0)):
            key = chain.keys[0].replace(BLOCK, str(block)) + "0.weight"
            here.setdefault(partition.group_of(key) or "", []).append(block)
        for group, blocks in here.items():
            of = out.setdefault(group, _Members())
            of.blocks.setdefault(chain.side, []).extend(blocks)
            of.words.append(chain.label if chain.side == "middle" else f"{chain.label} {_span(blocks)}")
    for component in network.family.components.values():
        for group in dict.fromkeys(partition.group_of(start + "x") or "" for start in component.keys):
            out.setdefault(group, _Members()).words.append(component.label)
    return out


def _span(blocks: Sequence[int]) -> str:
    """``0-6`` for a run of numbers, else the numbers."""
    if len(blocks) > 1 and list(blocks) == list(range(blocks[0], blocks[-1] + 1)):
        return f"{blocks[0]}-{blocks[-1]}"
    return " ".join(str(block) for block in blocks)
