"""A recipe, its open files and a partition, turned into merged tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from lib_rimo.errors import RecipeError
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.header import TensorSpec
from lib_rimo.merging.mix.kernel import WeightedSum, float32_weight
from lib_rimo.merging.mix.parallel import run_over
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sink import Sink
from lib_rimo.merging.mix.sources import Sources, source_of

WeightedTerm = tuple[Checkpoint, float]


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """How one tensor comes about.

    Attributes:
        key: Its name.
        group: Its block group, None for a key that is never merged.
        spec: Shape of the result, and the number type it is rounded to.
        terms: Sources with weights other than zero, the base first; just the base with weight one where the
            tensor is the base's.
        is_base: Whether the tensor is the base's, but for rounding to another number type.
    """

    key: str
    group: str | None
    spec: TensorSpec
    terms: tuple[WeightedTerm, ...]
    is_base: bool


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge did.

    Attributes:
        keys: Tensors given to the sink.
        mixed: How many of them are not simply the base's.
        size_bytes: Their bytes.
        lacking: Partner's file name -> keys that it should have been mixed into but lacks (or has in another shape
            or as integers); there its share went to the base.
    """

    keys: int
    mixed: int
    size_bytes: int
    lacking: Mapping[str, tuple[str, ...]]


class Plan:
    """All tensors of a recipe, planned key by key; nothing is read until a tensor is asked for.

    Args:
        recipe: What to mix.
        sources: Open files.
        partition: The partition that the recipe's groups are of.
        save_dtype: Number type to round merged floating tensors to; None keeps each tensor's type in the base.

    Raises:
        RecipeError: The recipe is for another partition or has groups that the base has no tensor of.
        CheckpointError: A file is missing.
    """

    def __init__(
        self, recipe: Recipe, sources: Sources, partition: Partition, save_dtype: torch.dtype | None = None
    ) -> None:
        if recipe.partition != partition.name:
            raise RecipeError(
                "The recipe is for another partition", found=recipe.partition, wanted=partition.name
            )
        if save_dtype is not None and not save_dtype.is_floating_point:
            raise RecipeError(
                "Merged tensors cannot be whole numbers", found=save_dtype, wanted="a float type"
            )
        self.recipe = recipe
        self.base = sources.open(recipe.base)
        used = set(recipe.used_partners())
        self.partners: tuple[Checkpoint | None, ...] = tuple(
            sources.open(partner) if partner in used else None for partner in recipe.partners
        )
        self.groups = {key: partition.group_of(key) for key in self.base}
        self._save_dtype = save_dtype
        self.lacking: dict[str, dict[str, None]] = {}  # a set that keeps its order
        unknown = set(recipe.weights) - {g for g in self.groups.values() if g is not None}
        if unknown:
            raise RecipeError(
                "The recipe weighs groups that the base does not have",
                found=", ".join(sorted(unknown)),
                wanted=", ".join(partition.groups_present(self.base.keys())),
            )

    def plans(self, groups: Collection[str] | None = None) -> Iterator[KeyPlan]:
        """Plans tensors.

        Args:
            groups: Only tensors of these groups; None for every tensor of the base, never-merged ones included.
        """
        for key, group in self.groups.items():
            if groups is None or group in groups:
                yield self.plan(key)

    def plan(self, key: str) -> KeyPlan:
        """Plans one tensor of the base."""
        spec, group = self.base.spec(key), self.groups[key]
        alone = ((self.base, 1.0),)
        if group is None or not spec.dtype.is_floating_point:
            return KeyPlan(key, group, spec, alone, True)
        target = TensorSpec(self._save_dtype or spec.dtype, spec.shape)
        terms: list[WeightedTerm] = []
        for partner, weight in zip(self.partners, self.recipe.row(group), strict=True):
            if partner is None or float32_weight(weight) == 0.0:
                continue
            if not _has(partner, key, spec):
                self.lacking.setdefault(partner.name, {})[key] = None
                continue
            terms.append((partner, weight))
        # The base has whatever the partners that have this key leave; fsum, so that .3 + .7 leaves nothing.
        rest = 1.0 - math.fsum(weight for _, weight in terms)
        if not terms:
            return KeyPlan(key, group, target, alone, True)
        own = ((self.base, rest),) if float32_weight(rest) != 0.0 else ()
        return KeyPlan(key, group, target, (*own, *terms), False)


def _has(partner: Checkpoint, key: str, spec: TensorSpec) -> bool:
    return key in partner and partner.shape(key) == spec.shape and partner.dtype(key).is_floating_point


def merge_key(
    plan: KeyPlan,
    sink: Sink,
    blender: WeightedSum,
    check: Callable[[KeyPlan, torch.Tensor], None] | None = None,
) -> None:
    """Merges one tensor into a sink; ``check`` sees it before the sink gets it."""
    flat = sink.place(plan.key, plan.spec)
    blender.blend(flat, [(source.tensor(plan.key).reshape(-1), weight) for source, weight in plan.terms])
    if check is not None:
        check(plan, flat)
    sink.put(plan.key, plan.spec, flat)


def merge_into(
    recipe: Recipe,
    sources: Sources,
    partition: Partition,
    sink: Sink,
    groups: Collection[str] | None = None,
    *,
    save_dtype: torch.dtype | None = None,
    threads: int | None = None,
) -> MergeReport:
    """Merges a recipe into a sink.

    Args:
        recipe: What to mix.
        sources: Open files.
        partition: The partition that the recipe's groups are of.
        sink: Takes the tensors.
        groups: Only tensors of these groups; None for every tensor of the base.
        save_dtype: Number type to round merged floating tensors to; None keeps each tensor's type in the base.
        threads: Threads to use; None for as many as torch uses.

    Raises:
        RecipeError: Recipe and partition do not fit together.
        CheckpointError: A file is missing.
    """
    plan = Plan(recipe, sources, partition, save_dtype)
    plans = [item for item in plan.plans(groups) if sink.accepts(item.key)]
    return run_plans(plans, sink, plan.lacking, threads=threads)


def run_plans(
    plans: Sequence[KeyPlan],
    sink: Sink,
    lacking: Mapping[str, Iterable[str]],
    *,
    check: Callable[[KeyPlan, torch.Tensor], None] | None = None,
    threads: int | None = None,
) -> MergeReport:
    """Merges planned tensors into a sink, the largest first so that the threads end together.

    Args:
        plans: The tensors.
        sink: Takes them.
        lacking: Partner's file name -> keys that it lacks, for the report.
        check: Sees each tensor before the sink gets it; what it raises ends the merge.
        threads: Threads to use; None for as many as torch uses.
    """
    sink.begin({item.key: item.spec for item in plans})
    order = sorted(plans, key=lambda item: -item.spec.numel)
    run_over(order, lambda item, blender: merge_key(item, sink, blender, check), threads=threads)
    return MergeReport(
        len(plans),
        sum(not item.is_base for item in plans),
        sum(item.spec.size_bytes for item in plans),
        {name: tuple(keys) for name, keys in lacking.items()},
    )


__all__ = [
    "KeyPlan",
    "MergeReport",
    "Plan",
    "Source",
    "Sources",
    "merge_into",
    "merge_key",
    "run_plans",
    "source_of",
]
