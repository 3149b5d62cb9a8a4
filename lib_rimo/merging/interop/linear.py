"""Recipes of other programs as linear combinations: what they mean, in blocks and shares.

SuperMerger, Model Mixer and sd-mecha each write recipes of their own. What is linear in the models' tensors, with one
weight per block, can be taken over; the rest is refused by name.

Notation
    block    BASE (text encoder), TEXT2 (SDXL's second one), IN00 .. IN11, M00, OUT00 .. OUT11, VAE, REST (what is
             outside the chains of blocks); ``ALL`` stands for every block that is not named
    share    of a model in a block; the shares of a block add up to 1, those of a difference to 0
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib_rimo.errors import RecipeError

ALL, BASE, TEXT2, MIDDLE, VAE, REST = "ALL", "BASE", "TEXT2", "M00", "VAE", "REST"
SD1_BLOCKS, SDXL_BLOCKS = 12, 9
"""Input blocks, and as many output blocks."""
MOST_APPENDED = 3
"""Weights that may follow those of the blocks."""
TOLERANCE = 1e-6
"""How far shares may add up to something other than 1."""

Weights = Mapping[str, float]
"""Block -> weight."""
Shares = dict[str, dict[str, float]]
"""Block -> model -> share."""


@dataclass(frozen=True, slots=True)
class LinearRecipe:
    """What another program's recipe means.

    Attributes:
        base: The model that everything starts from, as the recipe names it: a file name or a SHA-256.
        shares: Of every model in every block.
        names: SHA-256 -> file name, where the recipe came with a list.
        legacy: SHA-256 -> hash of the WebUI's first kind, where that list has it.
        maker: The program.
        notes: What was taken over differently, for the user.
        order: The models as the recipe lists them, where that is another order than that of the blocks.
        tensors: Block -> its tensors, where the recipe names them one by one; the base may have no others there.
        is_exact: Whether it names models by path, so that two paths are two files, and says of every tensor what
            becomes of it: the base may have none of which nothing is said.
        kept: Beginning of the names of tensors for which the weights of their block do not hold in the program -> what
            it does with them, and what is done here.
        is_half: Whether the program saved in half precision.
        sidecar: Whose configuration it put beside the result: a model, or an empty text for none; None where it did
            what is done here, taking the first model's.
    """

    base: str
    shares: Shares
    names: Mapping[str, str] = field(default_factory=dict)
    maker: str = ""
    notes: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    tensors: Mapping[str, frozenset[str]] = field(default_factory=dict)
    is_exact: bool = False
    legacy: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    is_half: bool = False
    sidecar: str | None = None

    def models(self) -> tuple[str, ...]:
        """Base first, then the others in the order in which they are listed or met."""
        used = dict.fromkeys(model for row in self.shares.values() for model in row)
        met = dict.fromkeys([*(model for model in self.order if model in used), *used])
        return (self.base, *(model for model in met if model != self.base))

    def share(self, block: str, model: str) -> float:
        """Of a model in a block."""
        return self.shares.get(block, self.shares.get(ALL, {})).get(model, 0.0)

    def says(self, block: str, tensor: str) -> bool:
        """Whether it says what becomes of a tensor of a block."""
        if block in self.tensors:
            return tensor in self.tensors[block]
        return block in self.shares or ALL in self.shares

    def check(self) -> LinearRecipe:
        """Makes sure that the shares of every block add up to 1.

        Raises:
            RecipeError: They do not.
        """
        for block, row in self.shares.items():
            if not all(map(math.isfinite, row.values())) or abs(sum(row.values()) - 1.0) > TOLERANCE:
                raise RecipeError(
                    f"The recipe is no mix: its shares do not add up to 1 in {block}",
                    found=", ".join(f"{name} {share:.3f}" for name, share in row.items()),
                )
        return self


def block_names(count: int) -> tuple[str, ...]:
    """BASE, the input blocks, the middle, the output blocks: the order of all block-weighted merges."""
    inputs = tuple(f"IN{i:02}" for i in range(count))
    return (BASE, *inputs, MIDDLE, *(f"OUT{i:02}" for i in range(count)))


def combined(*terms: tuple[Shares, Weights | float]) -> Shares:
    """A sum of shares, each times a weight or times one weight per block."""
    blocks = dict.fromkeys(
        [block for shares, _ in terms for block in shares]
        + [block for _, weight in terms if isinstance(weight, Mapping) for block in weight]
    )
    by_block = [weight for _, weight in terms if isinstance(weight, Mapping)]
    out: Shares = {}
    for block in blocks:
        if any(block not in named and ALL not in named for named in (*by_block, *(s for s, _ in terms))):
            continue  # "every other block" means none where all are named
        row: dict[str, float] = {}
        for shares, weight in terms:
            by = weight.get(block, weight.get(ALL, 0.0)) if isinstance(weight, Mapping) else weight
            for model, share in shares.get(block, shares.get(ALL, {})).items():
                row[model] = row.get(model, 0.0) + by * share
        out[block] = {model: share for model, share in row.items() if share}
    return out


def complement(weights: Weights) -> dict[str, float]:
    """One minus each weight."""
    return {block: 1.0 - weight for block, weight in weights.items()}


def alone(model: str) -> Shares:
    """A model by itself."""
    return {ALL: {model: 1.0}}


def block_weights(values: str | Sequence[Any], base: object) -> dict[str, float]:
    """One weight per block.

    Args:
        values: Of SD1 or of SDXL, as a list or a text. More may follow at the end: Model Mixer appends what is
            outside the blocks, SuperMerger a VAE's.
        base: The weight of BASE where a list leaves it out; None where it has it. A text has it always.

    Returns:
        The parts outside the blocks included, as SuperMerger has them.

    Raises:
        RecipeError: The list fits no family.
    """
    is_text = isinstance(values, str)
    listed = numbers(values)
    whole = listed if is_text or base is None else [float(str(base)), *listed]
    names = block_names(input_blocks(len(whole)))
    found = dict(zip(names, whole, strict=False))
    return {**found, TEXT2: found[BASE], VAE: found[BASE], REST: found[names[-1]]}


def numbers(values: str | Sequence[Any]) -> list[float]:
    """A list of numbers, or a text of them between commas."""
    return [float(value) for value in (values.split(",") if isinstance(values, str) else values)]


def input_blocks(length: int) -> int:
    """Input blocks of the family that a list of block weights of this length is for.

    Raises:
        RecipeError: There is none.
    """
    sizes = {len(block_names(count)): count for count in (SD1_BLOCKS, SDXL_BLOCKS)}
    for more in range(MOST_APPENDED + 1):
        if length - more in sizes:
            return sizes[length - more]
    raise RecipeError(
        "The list of block weights has an unknown length", found=length, wanted="26 (SD1) or 20 (SDXL)"
    )
