"""A recipe of ours by the blocks of block-weighted merges, as other programs name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lib_rimo.errors import RecipeError
from lib_rimo.merging.checkpoints.architecture import recognise
from lib_rimo.merging.checkpoints.keys import Place, place_of
from lib_rimo.merging.interop.linear import BASE, MIDDLE, REST, SDXL_BLOCKS, TEXT2, VAE, block_names
from lib_rimo.merging.mix.partition import CHAINS, Partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources

_STEMS = dict(zip(CHAINS, ("IN", "M", "OUT"), strict=True))
_COMPONENTS = {"text": BASE, "text2": TEXT2, "vae": VAE}


@dataclass(frozen=True, slots=True)
class Blocks:
    """A recipe by blocks.

    Attributes:
        names: The blocks in the order of a list of weights.
        weights: Of each used partner: block or part -> weight; parts that the base lacks are left out.
    """

    names: tuple[str, ...]
    weights: tuple[Mapping[str, float], ...]

    @property
    def is_sdxl(self) -> bool:
        """Whether the list is SDXL's."""
        return len(self.names) == len(block_names(SDXL_BLOCKS))

    def listed(self, partner: int) -> list[float]:
        """One weight per block."""
        return [self.weights[partner].get(name, 0.0) for name in self.names]

    def other(self, partner: int, part: str, *followed: str) -> bool:
        """Whether a part's weight is another than those of the blocks that it would follow."""
        of = self.weights[partner]
        return part in of and any(of[part] != of.get(block, 0.0) for block in followed)

    def flat(self, partner: int, lowest: float, highest: float) -> float | None:
        """The one weight of all blocks and parts, if there is one in this range."""
        weight, *others = set(self.weights[partner].values())
        return weight if not others and lowest <= weight <= highest else None


def by_block(recipe: Recipe, sources: Sources, partition: Partition, program: str) -> Blocks:
    """A recipe's weights by block.

    Args:
        recipe: Ours, a weighted sum.
        sources: The base must be at hand.
        partition: The block groups of the recipe.
        program: Whose blocks, for error texts.

    Raises:
        RecipeError: The family has other blocks, or the recipe is its base.
        CheckpointError: The base is missing.
    """
    base = sources.open(recipe.base)
    found = recognise(base)
    if not found.family.block_lists:
        raise cannot_express(program, f"a model of the family {found.family.title}", "SD1, SD2 or SDXL")
    columns = [i for i, partner in enumerate(recipe.partners) if partner in recipe.used_partners()]
    if not columns:
        raise RecipeError("There is nothing to export", found="a recipe that is its base", wanted="a mix")
    rows: dict[str, tuple[float, ...]] = {}
    for key in base:
        place, group = place_of(key), partition.group_of(key)
        if place is not None and base.dtype(key).is_floating_point:
            rows[block_of(place)] = recipe.row(group) if group is not None else (0.0,) * len(recipe.partners)
    weights = tuple({block: row[i] for block, row in rows.items()} for i in columns)
    return Blocks(block_names(found.input_blocks), weights)


def block_of(place: Place) -> str:
    """The block or part of a tensor."""
    if not place.chain:
        return _COMPONENTS.get(place.component, REST)
    stem = _STEMS[place.chain]
    return MIDDLE if stem == "M" else f"{stem}{place.block:02}"


def sum_of(recipe: Recipe, program: str) -> Recipe:
    """The weighted sum that a recipe is.

    Raises:
        RecipeError: A method of it is not linear.
    """
    mix = recipe.as_sum()
    if mix is None:
        steps = (step.method for step in recipe.steps() if step.as_sum() is None)
        raise RecipeError(
            f"{program} cannot express this recipe",
            found=f"a mix by {', '.join(dict.fromkeys(steps))}",
            wanted="a method that is linear in the models, such as the weighted sum",
            fix="Save the checkpoint, and mix the saved file there",
        )
    return mix


def cannot_express(program: str, found: str, wanted: str) -> RecipeError:
    """What to raise where a recipe is beyond a program."""
    return RecipeError(
        f"{program} cannot express this recipe",
        found=found,
        wanted=wanted,
        fix="Export it for another program: sd-mecha takes any weighted sum",
    )
