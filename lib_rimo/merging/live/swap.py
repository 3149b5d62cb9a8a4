"""Merged weights into a running model and the user's own back, in place and bit for bit.

Only tensors whose mixture differs from what is live are written. Before a tensor is touched for the first time, the
live one is compared with the base's file; where they agree, the file (which stays open) is the backup and no memory is
needed. Where they do not, a copy is kept, up to a limit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import torch

from lib_rimo.errors import HostError, RecipeError
from lib_rimo.merging.checkpoints.header import TensorSpec
from lib_rimo.merging.live.restore_source import RestoreSource, find_restore_source
from lib_rimo.merging.live.sink import LiveSink, distinct
from lib_rimo.merging.live.weights import LiveWeights
from lib_rimo.merging.mix.kernel import Workspace
from lib_rimo.merging.mix.merge import KeyPlan, Mixture, Plan, merge_key
from lib_rimo.merging.mix.parallel import run_over
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sources import Sources

BACKUP_LIMIT_BYTES = 1 << 30
"""Copies of live tensors that differ from the base's file. A few (embeddings that a host keeps in another type) are
normal; a whole model of them means that the live model is not the base."""

_OWN: Mixture = ()
"""The user's own."""
_UNKNOWN: Mixture = (("", (), ()),)
"""Of a tensor that was being written when something failed; equal to no target, so the next swap writes it."""


@dataclass(frozen=True, slots=True)
class SwapReport:
    """What a swap wrote.

    Attributes:
        groups: Block groups with at least one written tensor.
        keys: Written checkpoint keys.
        bytes: Bytes written into the live model.
        absent: Keys that should have changed but that the live model does not have (and so does not use).
        lacking: Partner's file name -> keys that it lacks; there its share went to the base.
    """

    groups: tuple[str, ...]
    keys: tuple[str, ...]
    bytes: int
    absent: tuple[str, ...]
    lacking: Mapping[str, tuple[str, ...]]


class Swapper:
    """Keeps account of what is live. Calls must not overlap with generation; the caller holds the host.

    Args:
        sources: Open files; they must stay open until the model is restored.
        partition: The partition that all recipes are of.
        frozen: Groups that must not be touched; a recipe that weighs one is refused.
        save_dtype: Number type that merged tensors are rounded to before they are rounded to the live type, so
            that the preview equals the saved file; None keeps each tensor's type in the base's file.
        threads: Threads to use; None for as many as torch uses.
        backup_limit_bytes: Memory for live tensors that differ from the base's file.
        check: Called for each tensor that is compared with the base's file for the first time, which reads the whole
            file. What it raises ends the swap before anything was written.
    """

    def __init__(
        self,
        sources: Sources,
        partition: Partition,
        *,
        frozen: Collection[str] = frozenset(),
        save_dtype: torch.dtype | None = None,
        threads: int | None = None,
        backup_limit_bytes: int = BACKUP_LIMIT_BYTES,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._sources = sources
        self._partition = partition
        self._frozen = frozenset(frozen)
        self._save_dtype = save_dtype
        self._threads = threads
        self._limit = backup_limit_bytes
        self._check = check
        self._lock = threading.Lock()
        self._base: Source | None = None
        self._now: dict[str, Mixture] = {}
        self._origins: dict[str, RestoreSource] = {}

    @property
    def original(self) -> bool:
        """Whether every live tensor is the user's own."""
        return not self._now

    def swap(self, recipe: Recipe, live: LiveWeights) -> SwapReport:
        """Makes the live model the recipe's.

        Args:
            recipe: What to mix; its base must be the model that is loaded.
            live: The live tensors, looked up afresh.

        Raises:
            RecipeError: The recipe does not fit the partition, weighs a frozen group, or has another base than
                the one that is mixed now.
            HostError: The live model cannot take the recipe. Raised before anything is written.
        """
        with self._lock:
            if self._now and self._base != recipe.base:
                raise RecipeError(
                    "Another base is live", found=recipe.base.name, fix="Restore the model first"
                )
            if forbidden := self._frozen & set(recipe.groups()):
                raise RecipeError("The recipe weighs frozen groups", found=", ".join(sorted(forbidden)))
            plan = Plan(recipe, self._sources, self._partition, self._save_dtype)
            if not self._now:
                self._base, self._origins = recipe.base, {}
            todo: list[tuple[KeyPlan, Mixture]] = []
            absent: list[str] = []
            for item in plan.plans():
                target = item.mixture
                if target == self._now.get(item.key, _OWN):
                    continue
                if _present(item.key, live):
                    todo.append((item, target))
                elif item.key in self._now:
                    raise _lost(item.key)
                else:
                    absent.append(item.key)
            _refuse_empty_groups(recipe, absent, plan, live)
            self._learn([item for item, _ in todo], plan, live)
            return self._write(todo, live, plan, tuple(absent))

    def restore(self, live: LiveWeights) -> SwapReport:
        """Puts the user's own weights back, bit for bit. May be repeated after an error.

        Args:
            live: The live tensors, looked up afresh.

        Raises:
            HostError: The live model lost a tensor that was swapped. Raised before anything is written.
        """
        with self._lock:
            if self._base is None or not self._now:
                return SwapReport((), (), 0, (), {})
            plan = Plan(
                Recipe.zero(self._base, self._partition.name),
                self._sources,
                self._partition,
                self._save_dtype,
            )
            todo = [(plan.plan(key), _OWN) for key in self._now]
            for item, _ in todo:
                if not _present(item.key, live):
                    raise _lost(item.key)
            return self._write(todo, live, plan, ())

    def forget(self) -> None:
        """The host loaded the model anew: what is live now is taken for the user's own."""
        with self._lock:
            self._now, self._origins = {}, {}

    def _learn(self, items: Iterable[KeyPlan], plan: Plan, live: LiveWeights) -> None:
        """Finds out how each tensor can be restored, before any is written."""
        new = [item for item in items if item.key not in self._origins]
        found: dict[str, RestoreSource | None] = {}

        def look(item: KeyPlan, _: Workspace) -> None:
            self._check()
            found[item.key] = find_restore_source(
                item.key, plan.base.tensor(item.key), distinct(live.slots[item.key])
            )

        run_over(new, look, threads=self._threads)
        different = [key for key, origin in found.items() if origin is None]
        size_bytes = sum(_live_bytes(key, live) for key in different)
        kept = sum(origin.size_bytes for origin in self._origins.values())
        if size_bytes + kept > self._limit:
            raise HostError(
                f"The live model is not {plan.base.name} as it lies on disk",
                found=f"{len(different)} of {len(new)} tensors differ, the first is {different[0]}",
                wanted="a freshly loaded base without other changes",
                fix="Load the base again",
            )
        for item in new:
            origin = found[item.key]
            self._origins[item.key] = (
                RestoreSource.copy_of(distinct(live.slots[item.key])) if origin is None else origin
            )

    def _write(
        self, todo: list[tuple[KeyPlan, Mixture]], live: LiveWeights, plan: Plan, absent: tuple[str, ...]
    ) -> SwapReport:
        through = {i.key: o.through for i, _ in todo if (o := self._origins[i.key]).through is not None}
        sink = LiveSink(live, through)

        def write(job: tuple[KeyPlan, Mixture], workspace: Workspace) -> None:
            item, target = job
            origin = self._origins[item.key]
            if target == _OWN and origin.backup is not None:
                origin.write_back(distinct(live.slots[item.key]))
            elif target == _OWN:
                spec = TensorSpec(plan.base.dtype(item.key), item.spec.shape)
                merge_key(KeyPlan(item.key, item.group, spec, plan.base), sink, workspace)
            else:
                merge_key(item, sink, workspace)

        for item, _ in todo:
            self._now[item.key] = _UNKNOWN
        run_over(sorted(todo, key=lambda job: -job[0].spec.numel), write, threads=self._threads)
        for item, target in todo:
            self._now[item.key] = target
            if target == _OWN:
                del self._now[item.key]
        if not self._now:
            self._origins = {}  # others may change the model from here on: look again before the next touch
        keys = tuple(item.key for item, _ in todo)
        written = {item.group for item, _ in todo}
        return SwapReport(
            tuple(g for g in self._partition.groups_present(plan.groups) if g in written),
            keys,
            sum(_live_bytes(key, live) for key in keys),
            absent,
            {name: tuple(lacks) for name, lacks in plan.lacking.items()},
        )


def _present(key: str, live: LiveWeights) -> bool:
    if key in live.refused:
        raise HostError(
            f"The live model's {key} cannot be swapped", found=live.refused[key], fix="Freeze its block group"
        )
    return bool(live.slots.get(key))


def _live_bytes(key: str, live: LiveWeights) -> int:
    return sum(s.tensor.numel() * s.tensor.element_size() for s in distinct(live.slots[key]))


def _lost(key: str) -> HostError:
    return HostError("The live model lost a tensor that was swapped", found=key, fix="Load the base again")


def _refuse_empty_groups(recipe: Recipe, absent: list[str], plan: Plan, live: LiveWeights) -> None:
    """A group of which the model has nothing would look searched while nothing happens."""
    alive, mixed = {plan.groups.get(key) for key in live.slots}, recipe.groups()
    lost = {group for key in absent if (group := plan.groups[key]) in mixed and group not in alive}
    if lost:
        raise HostError(
            "The live model has no tensor of a block group",
            found=", ".join(sorted(group for group in lost if group)),
            wanted="tensors named like the checkpoint's",
            fix="Freeze the group",
        )
