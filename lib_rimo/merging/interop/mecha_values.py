"""What stands for what in sd-mecha's recipes: mixes of models, numbers, and weights by block or by tensor.

Notation
    name     a block, ``ALL``, or a tensor; what is said of a tensor goes before what is said of its block, and that
             before ``ALL``
    number   a mix of one thing, ``NUMBER``, which is 1 in every tensor: so the same sums hold for weights and models
    whole    said of every tensor; sd-mecha leaves out of its result what nothing is said of
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from lib_rimo.errors import RecipeError
from lib_rimo.merging.checkpoints.keys import canonical_names, place_of
from lib_rimo.merging.interop.blocks import block_of
from lib_rimo.merging.interop.linear import (
    ALL,
    BASE,
    REST,
    SD1_BLOCKS,
    SDXL_BLOCKS,
    TEXT2,
    VAE,
    Shares,
    Weights,
    block_names,
    combined,
)

T = TypeVar("T")
NUMBER = ""
"""What numbers are shares of; no model has an empty name."""
SINGLE = "key"
"""The one name in the literal of a number."""
SD1_CONFIG, SDXL_CONFIG = "sd1-supermerger_blocks", "sdxl-supermerger_blocks"
EVERY_BLOCK = (*block_names(SD1_BLOCKS), TEXT2, VAE, REST)
"""Blocks and parts of the family that has the most."""
_LAST = {SD1_CONFIG: f"OUT{SD1_BLOCKS - 1:02}", SDXL_CONFIG: f"OUT{SDXL_BLOCKS - 1:02}"}
EMBEDDINGS_NOTE = (
    "The time embedding, and SDXL's label embedding, take the weights of the last output block; sd-mecha gives them "
    "those of BASE."
)


@dataclass(frozen=True, slots=True)
class Mix:
    """A sum of models, or a number.

    Attributes:
        shares: Name -> model -> share.
        head: The model that everything starts from; ``NUMBER`` for a number.
    """

    shares: Shares
    head: str

    @property
    def is_number(self) -> bool:
        """Whether it holds no model."""
        return self.head == NUMBER

    @property
    def is_whole(self) -> bool:
        """Whether it says something of every tensor."""
        return ALL in self.shares

    def weights(self) -> Weights:
        """A number's value by name."""
        return {name: row.get(NUMBER, 0.0) for name, row in self.shares.items()}

    def only(self, blocks: frozenset[str]) -> Mix:
        """What it says of some blocks."""
        rows = {name: row for name, row in self.shares.items() if name != ALL and _block(name) in blocks}
        if ALL in self.shares:
            rows = {**{block: self.shares[ALL] for block in EVERY_BLOCK if block in blocks}, **rows}
        return Mix(rows, self.head)

    def meets(self, other: Mix) -> bool:
        """Whether both say something of one tensor."""
        return any(
            _at(self.shares, name) is not None and _at(other.shares, name) is not None
            for name in (*self.shares, *other.shares)
        )

    def filled(self, other: Mix) -> Mix:
        """What it says nothing of as in another mix."""
        rows: Shares = {}
        for name in (*self.shares, *other.shares):
            row = _at(self.shares, name)
            row = _at(other.shares, name) if row is None else row
            if row is not None:
                rows[name] = row
        return Mix(rows, self.head if self.is_whole else other.head)


class Remarks:
    """What is taken over differently."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}
        self._behind: dict[tuple[str, ...], None] = {}

    def add(self, text: str) -> None:
        """Tells something, once."""
        self._texts[text] = None

    def stands_behind(self, other: Mix) -> None:
        """Tells that a mix gives the tensors that models before it lack."""
        self._behind[tuple(dict.fromkeys(model for row in other.shares.values() for model in row))] = None

    def notes(self, head: str) -> tuple[str, ...]:
        """The texts, where everything starts from this model: what a model lacks stays here as that one has it."""
        behind = [
            f"Where a model lacks a tensor, sd-mecha takes it from {' and '.join(map(file_name, models))}; here it "
            f"stays as {file_name(head)} has it."
            for models in self._behind
            if models not in ((), (head,))
        ]
        return (*self._texts, *behind)


def file_name(path: str) -> str:
    """The end of a path of any system."""
    return path.replace("\\", "/").rpartition("/")[2]


def number(value: float) -> Mix:
    """The same number in every tensor."""
    return Mix({ALL: {NUMBER: value}}, NUMBER)


def mixed(head: str, *terms: tuple[Mix, Weights | float]) -> Mix:
    """A sum of mixes, each times a weight or times one weight by name.

    Both go by name: what one term says nothing of, the sum says nothing of.
    """
    tensors = dict.fromkeys(
        name
        for part, weight in terms
        for said in (part.shares, weight if isinstance(weight, Mapping) else {})
        for name in said
        if _is_tensor(name)
    )
    spread = [
        (_spread(part.shares, tensors), _spread(weight, tensors) if isinstance(weight, Mapping) else weight)
        for part, weight in terms
    ]
    return Mix(combined(*spread), head)


def from_names(named: Mapping[str, float], config: str | None, remarks: Remarks) -> Mix:
    """Numbers by name.

    Args:
        named: The literal: ``key`` and a number, or numbers by block or by tensor.
        config: What sd-mecha calls the names, where the recipe says it.
        remarks: Here goes what is taken over differently.

    Raises:
        RecipeError: The names are of no family that is known.
    """
    if set(named) == {SINGLE}:
        return number(named[SINGLE])
    weights = (
        _from_blocks(named, config, remarks)
        if named and set(named) <= {*EVERY_BLOCK}
        else _from_tensors(named)
    )
    return Mix({name: {NUMBER: weight} for name, weight in weights.items()}, NUMBER)


def _from_blocks(named: Mapping[str, float], config: str | None, remarks: Remarks) -> dict[str, float]:
    """Source: sd-mecha's conversions of block weights, which know neither a second text encoder nor ``REST``."""
    longer = [name for name in block_names(SD1_BLOCKS) if name not in block_names(SDXL_BLOCKS)]
    family = (
        config if config in _LAST else SD1_CONFIG if any(name in named for name in longer) else SDXL_CONFIG
    )
    known = block_names(SD1_BLOCKS) if family == SD1_CONFIG else (*block_names(SDXL_BLOCKS), VAE)
    for name in named:
        if name not in known:
            raise unsupported("a name among its weights", f"{name} of {family}", ", ".join(known))
    last = _LAST[family]
    follow = {TEXT2: BASE, REST: last} | ({} if config == SDXL_CONFIG else {VAE: BASE})
    if named.get(BASE) != named.get(last):
        remarks.add(EMBEDDINGS_NOTE)
    return {**{part: named[block] for part, block in follow.items() if block in named}, **named}


def _from_tensors(named: Mapping[str, float]) -> dict[str, float]:
    """What is never mixed here (EMA copies, schedules) is left out, whatever its weight."""
    weights = {new: named[old] for new, old in canonical_names(named).items() if place_of(new) is not None}
    strange = [name for name in named if name in {*EVERY_BLOCK, SINGLE}] if weights else [*named]
    if strange or not weights:
        raise unsupported(
            "the names of its weights",
            ", ".join(strange)[:80] or "none",
            f"{SINGLE}, blocks ({BASE}, IN00 ..) or tensors of a checkpoint",
        )
    return weights


def by_block(shares: Shares) -> tuple[Shares, dict[str, frozenset[str]]]:
    """Shares by block, where they were said of single tensors.

    Returns:
        The shares, and of every block that depends on it the tensors that they were said of.

    Raises:
        RecipeError: Tensors of one block differ.
    """
    rows = {name: row for name, row in shares.items() if not _is_tensor(name)}
    listed: dict[str, dict[str, dict[str, float]]] = {}
    for name in shares:
        if _is_tensor(name):
            listed.setdefault(_block(name), {})[name] = shares[name]
    named: dict[str, frozenset[str]] = {}
    for block, tensors in listed.items():
        (first, row), *others = tensors.items()
        for name, other in others:
            if other != row:
                raise RecipeError(
                    f"The recipe cannot be taken over because the tensors of block {block} have different weights",
                    found=f"{first} {_told(row)}; {name} {_told(other)}",
                    wanted="one weight for all tensors of a block",
                )
        if _at(shares, block) != row:
            named[block] = frozenset(tensors)
        rows[block] = row
    return rows, named


def unsupported(what: str, found: object, wanted: object) -> RecipeError:
    """What to raise for what sd-mecha can do and no recipe of ours can say."""
    return RecipeError(f"The recipe cannot be taken over because of {what}", found=found, wanted=wanted)


def _told(row: Mapping[str, float]) -> str:
    return " + ".join(f"{share:g} {model}" for model, share in row.items())


def _is_tensor(name: str) -> bool:
    return "." in name


def _block(name: str) -> str:
    place = place_of(name) if _is_tensor(name) else None
    return name if place is None else block_of(place)


def _at(said: Mapping[str, T], name: str) -> T | None:
    """What is said of a name, of its block, or of everything."""
    for where in (name, _block(name), ALL):
        if where in said:
            return said[where]
    return None


def _spread(said: Mapping[str, T], tensors: Iterable[str]) -> dict[str, T]:
    """The same, with tensors that it says something of told one by one."""
    found = {name: _at(said, name) for name in tensors}
    return {**said, **{name: value for name, value in found.items() if value is not None}}
