"""Checkpoints that are computed when they are read: a recipe in the place of a file.

A recipe may name such a checkpoint as its base or a partner, so a mix of a mix needs no file for the one inside, and
the swap, the saving and the search treat what is computed like what lies on the disk.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.header import TensorSpec
from lib_rimo.merging.mix.kernel import Workspace
from lib_rimo.merging.mix.merge import Plan, fill
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.ancestry import ANCESTRY_KEY, RECIPE_KEY, ancestry_json, tree_of
from lib_rimo.merging.saving.options import SaveOptions


class Derived(Checkpoint):
    """A checkpoint without a file. Tensors are computed anew each time they are asked for, and not kept.

    Args:
        name: In the place of a file name.
        fingerprint: Of what it is computed from.
        metadata: What a file of it would say about itself.
        names: Its tensors.
    """

    is_computed = True

    def __init__(
        self, name: str, fingerprint: str, metadata: Mapping[str, str], names: Iterable[str]
    ) -> None:
        super().__init__(Path(name), metadata, fingerprint, names)
        self.name = name  # a name with a slash in it is no path

    def close(self) -> None:
        """Nothing is held; the checkpoints that it is computed from belong to their ``Sources``."""


class MixedCheckpoint(Derived):
    """A recipe's result, tensor for tensor the bits that its file would hold.

    Args:
        plan: The recipe with its open files, in the number type of the file.
        name: In the place of a file name.
        fingerprint: By which recipes name it; that of the file that it stands for, or the recipe's own digest.
        metadata: What its file says about itself.
        form: Which tensors its file has.
    """

    def __init__(
        self,
        plan: Plan,
        name: str,
        fingerprint: str,
        metadata: Mapping[str, str],
        form: SaveOptions,
    ) -> None:
        super().__init__(name, fingerprint, metadata, [key for key in plan.groups if form.keeps(key)])
        self._plan = plan
        self._own = threading.local()
        for _ in plan.plans():  # tells what is lacking
            pass
        self.left_out = {name: tuple(keys) for name, keys in plan.lacking.items()}

    def _spec(self, stored: str) -> TensorSpec:
        return self._plan.plan(stored).spec

    def _tensor(self, stored: str) -> torch.Tensor:
        item = self._plan.plan(stored)
        if item.is_base and item.spec == self._plan.base.spec(stored):
            return self._plan.base.tensor(stored)
        workspace: Workspace | None = getattr(self._own, "workspace", None)
        if workspace is None:
            workspace = self._own.workspace = Workspace()
        flat = torch.empty(item.spec.numel, dtype=item.spec.dtype)
        fill(item, flat, workspace)
        return flat.view(item.spec.shape)


def mix_source(
    recipe: Recipe, sources: Sources, partition: Partition, name: str, form: SaveOptions | None = None
) -> Source:
    """A recipe as a checkpoint that other recipes and methods can name, without a file.

    Args:
        recipe: What it is mixed from.
        sources: Open files; the computed checkpoint is added to them.
        partition: The block groups of the recipe.
        name: In the place of a file name.
        form: How it would be saved, which decides the rounding; None for the base's number types.

    Raises:
        RecipeError: Recipe and partition do not fit together.
        CheckpointError: A file is missing.
    """
    form = form or SaveOptions()
    checkpoints = sources.open_all(recipe)
    ancestry = ancestry_json(recipe, partition, form, tree_of(checkpoints), checkpoints[0], name)
    texts = {RECIPE_KEY: recipe.to_text(), ANCESTRY_KEY: json.dumps(ancestry, sort_keys=True)}
    plan = Plan(recipe, sources, partition, form.dtype)
    return sources.add(MixedCheckpoint(plan, name, _digest(recipe, partition, form), texts, form))


def _digest(recipe: Recipe, partition: Partition, form: SaveOptions) -> str:
    told = {"recipe": recipe.to_json(), "partition": partition.to_json(), "form": form.to_json()}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
