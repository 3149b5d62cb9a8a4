"""A model family: what its files are told by, how its tensors are named, and what it wants to be drawn with.

All of it is data: one file for each family (``data/families/*.json``), whose fields are the attributes below.
``family_file`` reads such a file, ``families`` knows all that there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Literal

UNET = "unet"
"""The component that denoises, whatever its topology: chains of blocks belong to it unless they say otherwise."""

BLOCK = "{block}"
"""Stands for a block's number in the keys of a chain."""

Side = Literal["down", "middle", "up", "beside"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key belongs.

    Attributes:
        component: ``unet``, ``text``, ``text2``, ``vae``, or another that a family has.
        chain: The chain of blocks that it is in, such as ``input_blocks``; empty outside the chains.
        block: Its number within the chain; -1 outside the chains.
    """

    component: str
    chain: str = ""
    block: int = -1


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a model.

    Attributes:
        keys: What its tensors' names begin with; several where programs spell it differently.
        label: In words; of the component with the chains, what is in none of them.
    """

    keys: tuple[str, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Blocks that data flows through one after another. A family lists its chains in that order.

    Attributes:
        name: Partitions divide it by this name. Families whose networks are alike name their chains alike.
        keys: What its tensors' names begin with, ``{block}`` for the number.
        label: A block of it in words, such as ``input``.
        group: What the names of its block groups begin with, such as ``in`` of ``in0-6``.
        side: Where a drawing of the network has it.
        component: That it is in.
    """

    name: str
    keys: tuple[str, ...]
    label: str
    group: str
    side: Side
    component: str = UNET


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that a file of the family has, or lacks; what is left out is not asked.

    Attributes:
        has: Some tensor's name begins with one of these.
        lacks: No tensor's name begins with any of these.
        tensor: There is a tensor of this name, ``*`` for any letters, and the highest rank of such tensors is ``rank``.
        rank: Number of dimensions.
        unlike: Turns the condition on ``tensor`` round.
        chain: This chain has as many blocks as ``blocks`` says.
        blocks: Such as ``12-`` or ``0-11``.
    """

    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    tensor: str = ""
    rank: int = 0
    unlike: bool = False
    chain: str = ""
    blocks: str = "1-"

    @property
    def counts(self) -> bool:
        """Whether it is a mark: something that the file has. What a file lacks says little of what it is."""
        return bool(self.has or self.chain or (self.tensor and not self.unlike))


@dataclass(frozen=True, slots=True)
class Marks:
    """What a file is recognised by.

    Attributes:
        always: All of these hold.
        one_of: And all of at least one of these lists.
    """

    always: tuple[Condition, ...]
    one_of: tuple[tuple[Condition, ...], ...] = ((),)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the network predicts.

    Attributes:
        usual: ``epsilon`` or ``v``, where a file says nothing; None where nobody can know.
        marks: Tensor whose being there says so -> ``v``, or ``edm v`` (on another scale of noise).
        zero_snr: Tensors whose being there says that it was trained down to no signal at all.
    """

    usual: str | None = None
    marks: Mapping[str, str] = field(default_factory=dict)
    zero_snr: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edges:
    """The first and the last layer of the network, which tell how many channels it takes and gives."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Latent:
    """What the network works on: pictures of ``channels`` channels, ``scale`` times smaller each way."""

    channels: int
    scale: int


@dataclass(frozen=True, slots=True)
class TextWindow:
    """How much text an encoder reads at once: ``tokens``, of which ``ends`` mark its begin and end.

    Longer prompts take several windows, at most ``most`` of them; None is for as many as it takes.
    """

    tokens: int
    ends: int = 2
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a model is drawn with where nothing else is said; sizes in pixels."""

    width: int
    height: int
    steps: int
    cfg: float
    sampler: str


@dataclass(frozen=True, slots=True)
class GroupWords:
    """A block group that partitions have in common, in words: in a table, and as something to choose."""

    title: str
    choice: str


@dataclass(frozen=True, slots=True)
class Division:
    """How a partition divides what only this family has: as in the partitions' files."""

    blocks: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    components: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DiffusersPipeline:
    """How diffusers draws it.

    Attributes:
        pipeline: Name of the class, which has to take a single file.
        options: What it is made with; parts that draw nothing are named, so that they are not looked for.
        open_clip: Where text encoders in OpenCLIP's spelling stand.
    """

    pipeline: str
    options: Mapping[str, Any] = field(default_factory=dict)
    open_clip: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Family:
    """A model family.

    Attributes:
        name: As in messages and files.
        title: For people.
        marks: What its files are recognised by.
        components: Its parts by name.
        chains: Of blocks, in the order of the data flow.
        blocks: Chain -> how many blocks a usual model has.
        latent: What it works on.
        text: What its text encoders read at once.
        drawing: What it is drawn with.
        groups: Block groups in words.
        buffers: Regular expressions of names that are never merged: copies, counters, schedules.
        renamed: Beginnings of names as other programs write them, and as they are here.
        other_weights: Further beginnings of names that are weights; what begins otherwise is a schedule or the like.
        prediction: What it predicts.
        edges: Its outermost layers, which tell an inpainting model; None if there are none.
        partitions: Partition -> how it divides chains and components that it does not know.
        diffusers: How diffusers draws it; None if it does not.
        names: Its name in other places: ``modelspec`` (the standard for metadata), ``sd-mecha``.
        block_lists: Whether programs with lists of block weights (BASE, IN00, ...) know it.
    """

    name: str
    title: str
    marks: Marks
    components: Mapping[str, Component]
    chains: tuple[Chain, ...]
    blocks: Mapping[str, int]
    latent: Latent
    text: TextWindow
    drawing: Drawing
    groups: Mapping[str, GroupWords] = field(default_factory=dict)
    buffers: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    other_weights: tuple[str, ...] = ()
    prediction: Prediction = Prediction()
    edges: Edges | None = None
    partitions: Mapping[str, Division] = field(default_factory=dict)
    diffusers: DiffusersPipeline | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    block_lists: bool = False
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The fields as they stand in the file, for families that are like this one."""

    @cached_property
    def _spelling(self) -> tuple[re.Pattern[str], Mapping[str, Place]]:
        """One expression for all beginnings, the longest first within chains and components; its names -> places."""
        places: dict[str, Place] = {}
        forms: list[str] = []
        chains = [(keys, Place(chain.component, chain.name)) for chain in self.chains for keys in chain.keys]
        parts = [(keys, Place(name)) for name, part in self.components.items() for keys in part.keys]
        for found in (chains, parts):
            for keys, place in sorted(found, key=lambda pair: -len(pair[0])):
                name = f"p{len(forms)}"
                before, number, after = keys.partition(BLOCK)
                block = rf"(?P<b{len(forms)}>\d{{1,6}})" if number else ""
                forms.append(f"(?P<{name}>{re.escape(before)}{block}{re.escape(after)})")
                places[name] = place
        return re.compile("|".join(forms)), MappingProxyType(places)

    @cached_property
    def _buffers(self) -> re.Pattern[str]:
        return re.compile("|".join(self.buffers) or "(?!)")

    def claim(self, key: str) -> tuple[int, Place] | None:
        """Whether a key is spelt as this family's: how many letters tell so, and its place, buffer or not."""
        pattern, places = self._spelling
        found = pattern.match(key)
        if found is None:
            return None
        name = found.lastgroup or ""
        place = places[name]
        if not place.chain:
            return found.end(), place
        number = found.groupdict().get(f"b{name[1:]}")
        return found.end(), Place(place.component, place.chain, int(number or 0))

    def place_of(self, key: str) -> Place | None:
        """Where a key belongs in this family, or None if it is never merged."""
        return _place(self, key)

    def is_buffer(self, key: str) -> bool:
        """Whether a name is one of those that are never merged."""
        return self._buffers.search(key) is not None

    def chain(self, name: str) -> Chain | None:
        """The chain of a name."""
        return next((chain for chain in self.chains if chain.name == name), None)

    def parts(self, *starts: str) -> tuple[str, ...]:
        """What the names of all tensors begin with in components whose names begin so; in all without ``starts``."""
        return tuple(
            k for name, c in self.components.items() if name.startswith(starts or "") for k in c.keys
        )

    def weights(self) -> tuple[str, ...]:
        """What every weight's name begins with, merged or not."""
        return (*self.parts(), *self.other_weights)


@lru_cache(maxsize=1 << 16)
def _place(family: Family, key: str) -> Place | None:
    found = family.claim(key)
    return None if found is None or family.is_buffer(key) else found[1]
