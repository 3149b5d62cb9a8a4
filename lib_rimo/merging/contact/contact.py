"""Contact fusion: an accurate but distorted checkpoint takes its shape from another, by a difference of low rank.

    result[k] = kept[k] + (nearest matrix of rank r[g(k)] to donor[k] - kept[k])        for matrices
    result[k] = donor[k], kept[k] or their mean                                         for vectors

Source: upstream's contact fusion (rank 4, vectors from the donor). Convolutions count as matrices of ``(out, rest)``.

The result is a checkpoint without a file (``Derived``): a recipe of weight one on it shows it in a live model, saves it
or lets it be measured by whatever works with recipes. One tensor is in memory at a time, and the factors if asked.
"""

from __future__ import annotations

import json
import threading

import torch

from lib_rimo.errors import CheckpointError, RecipeError
from lib_rimo.merging.checkpoints.architecture import check_same
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.header import TensorSpec
from lib_rimo.merging.contact.contact_spec import SKETCH, ContactSpec, sketch_size
from lib_rimo.merging.contact.low_rank import Factors, decompose
from lib_rimo.merging.mix.parallel import one_torch_thread
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.ancestry import ANCESTRY_KEY, FORMAT, tree_of
from lib_rimo.merging.saving.derived import Derived
from lib_rimo.said import say

CONTACT_KEY = "rimo_contact"
MATRIX = 2
"""Dimensions from which a tensor counts as a matrix."""
KEEP_RANK = 64
"""Components kept per matrix when factors are kept: the ranks that share one sketch."""


class ContactFactors:
    """The decomposed differences of two checkpoints, computed when first asked for.

    Args:
        kept: The checkpoint that is repaired.
        donor: The checkpoint that it is repaired by.
        device: Where to decompose; None takes a CUDA card if there is one. Another device gives other last bits.
        limit_bytes: Memory for factors that are kept for the next rank; beyond it they are computed again. A whole
            SD1.5 takes about 0.6 GB.
    """

    def __init__(
        self,
        kept: Checkpoint,
        donor: Checkpoint,
        *,
        device: str | torch.device | None = None,
        limit_bytes: int = 0,
    ) -> None:
        self.kept = kept
        self.donor = donor
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._limit = limit_bytes
        self._known: dict[str, Factors] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def fuse(self, key: str, rank: int) -> torch.Tensor:
        """A matrix of the kept checkpoint plus the difference of this rank, in float32 (or float64), on the CPU."""
        with torch.inference_mode(), one_torch_thread():
            ours = self._matrix(self.kept, key)
            if rank == 0:
                fused = ours
            elif rank >= min(ours.shape):
                fused = self._matrix(self.donor, key)
            else:
                fused = self._factors(key, sketch_size(rank), ours).added_to(ours, rank)
            return fused.reshape(self.kept.shape(key)).cpu()

    def captured(self, key: str, rank: int) -> tuple[float, float]:
        """Sum of squares of the approximation of a rank, and of the whole difference."""
        with torch.inference_mode(), one_torch_thread():
            factors = self._factors(key, sketch_size(rank), None)
        if rank >= min(factors.left.shape[1], factors.right.shape[1]):
            return factors.total, factors.total
        return min(float(factors.energies[:rank].sum()), factors.total), factors.total

    def _factors(self, key: str, sketch: int, ours: torch.Tensor | None) -> Factors:
        if sketch == SKETCH and (known := self._known.get(key)) is not None:
            return known
        start = self._matrix(self.kept, key) if ours is None else ours
        theirs = self._matrix(self.donor, key)
        for checkpoint, matrix in ((self.kept, start), (self.donor, theirs)):
            if not torch.isfinite(matrix).all():
                raise CheckpointError(
                    say("{1} holds numbers that are not finite", checkpoint.name),
                    found=say("NaN or infinity in {1}", key),
                    wanted="a healthy checkpoint",
                    fix="Leave it out, or repair it",
                )
        found = decompose(theirs - start, sketch, key)
        if sketch == SKETCH and self._limit:
            small = found.cut(KEEP_RANK)
            with self._lock:
                if self._bytes + small.size_bytes <= self._limit and key not in self._known:
                    self._known[key] = small
                    self._bytes += small.size_bytes
        return found

    def _matrix(self, checkpoint: Checkpoint, key: str) -> torch.Tensor:
        tensor = checkpoint.tensor(key)
        wide = torch.float64 if self.kept.dtype(key) == torch.float64 else torch.float32
        return tensor.to(self.device, wide).reshape(tensor.shape[0], -1)


class ContactCheckpoint(Derived):
    """The result of a contact fusion; nothing is computed until a tensor is asked for.

    Args:
        spec: What to fuse.
        factors: Of the two checkpoints; share one between several ranks.
        partition: The partition that the ranks are of.
        mix_predictions: Whether one of the two may predict v and the other epsilon.

    Raises:
        RecipeError: The ranks are of another partition, or of groups that the kept checkpoint does not have.
        ArchitectureError: The two are not of one family.
    """

    def __init__(
        self,
        spec: ContactSpec,
        factors: ContactFactors,
        partition: Partition,
        *,
        mix_predictions: bool = False,
    ) -> None:
        kept, donor = factors.kept, factors.donor
        if spec.partition != partition.name:
            raise RecipeError(
                "The ranks are for another partition", found=spec.partition, wanted=partition.name
            )
        check_same(kept, donor, mix_predictions=mix_predictions)
        present = partition.groups_present(kept.keys())
        if unknown := set(spec.ranks) - set(present):
            raise RecipeError(
                "A rank is given for a block group that the checkpoint does not have",
                found=", ".join(sorted(unknown)),
                wanted=", ".join(present),
            )
        self.spec_of = spec
        self._factors = factors
        self._partition = partition
        self._ranks: dict[str, int] = {}
        left = []
        for key in kept:
            group = partition.group_of(key)
            if group is None or group not in spec.ranks or not kept.dtype(key).is_floating_point:
                continue
            if key in donor and donor.shape(key) == kept.shape(key) and donor.dtype(key).is_floating_point:
                self._ranks[key] = spec.ranks[group]
            else:
                left.append(key)
        self.left_out = {donor.name: tuple(left)} if left else {}
        super().__init__(spec.name, spec.fingerprint(), _texts(spec, kept, donor, partition), kept.keys())

    def captured(self) -> dict[str, float]:
        """Share of the difference that the ranks take over: block group -> share of its sum of squares."""
        return {group: part / whole if whole else 1.0 for group, (part, whole) in self._energies().items()}

    def captured_in_all(self) -> float:
        """The same over all chosen groups together."""
        energies = self._energies().values()
        whole = sum(whole for _, whole in energies)
        return sum(part for part, _ in energies) / whole if whole else 1.0

    def _energies(self) -> dict[str, tuple[float, float]]:
        out: dict[str, tuple[float, float]] = {}
        for key, rank in self._ranks.items():
            if len(self.shape(key)) < MATRIX:
                continue
            group = str(self._partition.group_of(key))
            found, before = self._factors.captured(key, rank), out.get(group, (0.0, 0.0))
            out[group] = (before[0] + found[0], before[1] + found[1])
        return out

    def _spec(self, stored: str) -> TensorSpec:
        spec = self._factors.kept.spec(stored)
        if stored not in self._ranks or spec.dtype == torch.float64:
            return spec
        return TensorSpec(torch.float32, spec.shape)  # rounded once, by whoever writes it

    def _tensor(self, stored: str) -> torch.Tensor:
        kept, donor = self._factors.kept, self._factors.donor
        rank = self._ranks.get(stored)
        if rank is None:
            return kept.tensor(stored)
        spec = self._spec(stored)
        if len(spec.shape) >= MATRIX:
            return self._factors.fuse(stored, rank)
        ours = kept.tensor(stored).to(spec.dtype)
        if self.spec_of.vectors == "kept":
            return ours
        theirs = donor.tensor(stored).to(spec.dtype)
        return theirs if self.spec_of.vectors == "donor" else (ours + theirs) / 2


def contact_recipe(
    sources: Sources,
    partition: Partition,
    spec: ContactSpec,
    *,
    base: Source | None = None,
    factors: ContactFactors | None = None,
    device: str | torch.device | None = None,
    mix_predictions: bool = False,
) -> Recipe:
    """A contact fusion as a recipe, for whatever takes recipes: swap, saving, measuring.

    Args:
        sources: Open files; the computed checkpoint is added to them.
        partition: The partition that the ranks are of.
        spec: What to fuse. ``spec.kept`` may be a mix that has no file (``derived.mix_source``).
        base: The checkpoint that is live; None for ``spec.kept`` itself.
        factors: To share between several ranks of the same two checkpoints.
        device: Where to decompose, if no factors are given; None takes a CUDA card if there is one.
        mix_predictions: Whether one of the two may predict v and the other epsilon.

    Raises:
        RecipeError: Ranks and partition do not fit together.
        ArchitectureError: The checkpoints are not of one family.
        CheckpointError: A file is missing.
    """
    kept, donor = sources.open(spec.kept), sources.open(spec.donor)
    factors = factors or ContactFactors(kept, donor, device=device)
    computed = ContactCheckpoint(spec, factors, partition, mix_predictions=mix_predictions)
    source = sources.add(computed)
    start = base or spec.kept
    groups = set(spec.ranks)
    if start.fingerprint != spec.kept.fingerprint:
        made = tree_of([kept])[kept.fingerprint].recipe
        present = set(partition.groups_present(kept.keys()))
        of_this_base = made is not None and made.base == start and made.partition == partition.name
        groups |= set(made.groups()) if made is not None and of_this_base else present
    return Recipe(start, (source,), partition.name, dict.fromkeys(groups, (1.0,)))


def _texts(spec: ContactSpec, kept: Checkpoint, donor: Checkpoint, partition: Partition) -> dict[str, str]:
    """What a file of the result would say about its origin."""
    nodes = {fingerprint: node.to_json() for fingerprint, node in tree_of([kept, donor]).items()}
    ancestry = {
        "format": FORMAT,
        "name": spec.name,
        "partition": partition.to_json(),
        "checkpoints": nodes,
    }
    return {CONTACT_KEY: json.dumps(spec.to_json()), ANCESTRY_KEY: json.dumps(ancestry)}
