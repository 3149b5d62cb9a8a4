"""A recipe, its open files and a partition, turned into merged tensors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from lib_rimo.errors import RecipeError
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.header import TensorSpec
from lib_rimo.merging.mix.kernel import Workspace, float32_weight, wide_type
from lib_rimo.merging.mix.method import MergeMethod, Value
from lib_rimo.merging.mix.methods import METHODS
from lib_rimo.merging.mix.parallel import run_over
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sink import Sink
from lib_rimo.merging.mix.sources import Sources, source_of

WeightedTerm = tuple[Checkpoint, float]


Mixture = tuple[tuple[str, tuple[tuple[str, Value], ...], tuple[tuple[str, float], ...]], ...]
"""What a tensor is computed from, step by step: the method, its options, fingerprint and weight of each partner.
Empty: the base's own."""


@dataclass(frozen=True, slots=True)
class KeyStep:
    """One step of a tensor.

    Attributes:
        name: Of the method.
        method: Computes it.
        options: All of the method's options.
        terms: The partners that take part, with their weights.
        copies: Whether the result is the one partner, bit for bit.
    """

    name: str
    method: MergeMethod
    options: Mapping[str, Value]
    terms: tuple[WeightedTerm, ...]
    copies: bool


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """How one tensor comes about.

    Attributes:
        key: Its name.
        group: Its block group, None for a key that is never merged.
        spec: Shape of the result, and the number type it is rounded to.
        base: The checkpoint that the first step begins with.
        steps: Each computed on what the one before it made; none where the tensor is the base's.
    """

    key: str
    group: str | None
    spec: TensorSpec
    base: Checkpoint
    steps: tuple[KeyStep, ...] = ()

    @property
    def is_base(self) -> bool:
        """Whether the tensor is the base's, but for rounding to another number type."""
        return not self.steps

    @property
    def mixture(self) -> Mixture:
        """Equal for tensors of one base that are computed in the same way from the same numbers."""
        return tuple(
            (
                "" if step.copies else step.name,
                tuple(step.options.items()),
                tuple((source.fingerprint, weight) for source, weight in step.terms),
            )
            for step in self.steps
        )

    def sources(self) -> tuple[Checkpoint, ...]:
        """The checkpoints that take part."""
        own = () if self.steps and self.steps[0].copies else (self.base,)
        return (*own, *(source for step in self.steps for source, _ in step.terms))


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
        self._steps = tuple(_OpenStep.of(step, sources) for step in recipe.steps() if step.weights)
        self.groups = {key: partition.group_of(key) for key in self.base}
        self._save_dtype = save_dtype
        self.lacking: dict[str, dict[str, None]] = {}  # a set that keeps its order
        unknown = set(recipe.groups()) - {g for g in self.groups.values() if g is not None}
        if unknown:
            raise RecipeError(
                "The recipe weighs groups that the base does not have",
                found=", ".join(sorted(unknown)),
                wanted=", ".join(partition.groups_present(self.base.keys())),
            )

    def partners(self) -> tuple[Checkpoint, ...]:
        """The checkpoints that are mixed into the base, in any of the steps."""
        found = {p.fingerprint: p for step in self._steps for p in step.partners if p is not None}
        return tuple(found.values())

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
        if group is None or not spec.dtype.is_floating_point:
            return KeyPlan(key, group, spec, self.base)
        target = TensorSpec(self._save_dtype or spec.dtype, spec.shape)
        steps: tuple[KeyStep, ...] = ()
        for step in self._steps:
            made = step.of_key(key, group, spec, self.lacking)
            if made is not None:
                steps = (made,) if made.copies else (*steps, made)
        return KeyPlan(key, group, target, self.base, steps)


@dataclass(frozen=True, slots=True)
class _OpenStep:
    """A step of a recipe with its open files."""

    recipe: Recipe
    method: MergeMethod
    options: Mapping[str, Value]
    partners: tuple[Checkpoint | None, ...]

    @classmethod
    def of(cls, step: Recipe, sources: Sources) -> _OpenStep:
        method = METHODS[step.method]
        for group, row in step.weights.items():
            method.check_row(step.method, group, row)
        used = set(step.used_partners())
        partners = tuple(sources.open(p) if p in used else None for p in step.partners)
        return cls(step, method, method.resolve(step.options), partners)

    def of_key(
        self, key: str, group: str, spec: TensorSpec, lacking: dict[str, dict[str, None]]
    ) -> KeyStep | None:
        """The step for one tensor; None where it leaves the tensor as it is."""
        row = self.recipe.row(group)
        if not any(row):
            return None
        fewest, reads_all = self.method.partners[0], "all" in self.method.needs
        terms: list[WeightedTerm] = []
        for partner, weight in zip(self.partners, row, strict=True):
            if partner is None or (float32_weight(weight) == 0.0 and not reads_all):
                continue
            if not _has(partner, key, spec):
                lacking.setdefault(partner.name, {})[key] = None
                continue
            terms.append((partner, weight))
        if not terms or len(terms) < fewest:
            return None
        copies = self.method.one_is_partner and len(terms) == 1 and terms[0][1] == 1.0
        return KeyStep(self.recipe.method, self.method, self.options, tuple(terms), copies)


def _has(partner: Checkpoint, key: str, spec: TensorSpec) -> bool:
    return key in partner and partner.shape(key) == spec.shape and partner.dtype(key).is_floating_point


def merge_key(
    plan: KeyPlan,
    sink: Sink,
    workspace: Workspace,
    check: Callable[[KeyPlan, torch.Tensor], None] | None = None,
) -> None:
    """Merges one tensor into a sink; ``check`` sees it before the sink gets it."""
    flat = sink.place(plan.key, plan.spec)
    fill(plan, flat, workspace)
    if check is not None:
        check(plan, flat)
    sink.put(plan.key, plan.spec, flat)


def fill(plan: KeyPlan, out: torch.Tensor, workspace: Workspace) -> None:
    """Computes one tensor.

    Args:
        plan: How it comes about.
        out: Where to, flat; its number type is what the result is rounded to. Between two steps nothing is rounded.
        workspace: The thread's.
    """
    key, numel = plan.key, out.numel()
    own: torch.Tensor | None = None
    for number, step in enumerate(plan.steps):
        is_last = number == len(plan.steps) - 1
        target = out if is_last else workspace.take(f"step {number % 2}", numel, wide_type(out.dtype))
        tensors = [source.tensor(key).reshape(-1) for source, _ in step.terms]
        if step.copies:
            target.copy_(tensors[0])
        else:
            start = plan.base.tensor(key).reshape(-1) if own is None else own
            weights = [weight for _, weight in step.terms]
            step.method.blend(
                target, start, tensors, weights, step.options, workspace, name=key, shape=plan.spec.shape
            )
        own = target
    if own is None:
        out.copy_(plan.base.tensor(key).reshape(-1))


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
    run_over(order, lambda item, workspace: merge_key(item, sink, workspace, check), threads=threads)
    return MergeReport(
        len(plans),
        sum(not item.is_base for item in plans),
        sum(item.spec.size_bytes for item in plans),
        {name: tuple(keys) for name, keys in lacking.items()},
    )


__all__ = [
    "KeyPlan",
    "MergeReport",
    "Mixture",
    "Plan",
    "Source",
    "Sources",
    "fill",
    "merge_into",
    "merge_key",
    "run_plans",
    "source_of",
]
