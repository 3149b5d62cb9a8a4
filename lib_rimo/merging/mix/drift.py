"""How far a mix has left its parents, per block group, before a single picture is drawn.

Notation
    p_i       parents, the base first; v_g(p) their numbers in block group g as one long vector
    M         the mix; v_g(M) = sum_i a_i v_g(p_i) with sum_i a_i = 1 where it is a weighted sum
    far_g     min_i |v_g(M) - v_g(p_i)|
    wide_g    max_ij |v_g(p_i) - v_g(p_j)|
    drift     far_g / wide_g of a group; sqrt(sum_g far_g^2 / sum_g wide_g^2) of the whole

The drift is 0 at a parent. Anywhere between n + 1 parents it is at most sqrt(n / (2 (n + 1))), less than .71 (Jung's
theorem: so large is, at most, the smallest ball around points of this width, and no point between them is farther from
all of them). A larger drift therefore proves that a mix was pushed past its parents. With the inner products of the
parents' differences, found once per set of parents by one pass over the files, the drift of a weighted sum is a handful
of multiplications. What another method makes lies anywhere: it is merged, and its distances are measured, by one more
pass over the files for each such recipe.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.mix.kernel import PIECE, Workspace, wide_type
from lib_rimo.merging.mix.merge import KeyPlan, Plan, fill
from lib_rimo.merging.mix.parallel import run_over
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sources import Sources

WHOLE = "all"
"""The row over all groups together."""

Floats = NDArray[np.float64]


class DriftMeter:
    """Drift of any recipe over the same files.

    Args:
        sources: Open files.
        parents: The base first, then the partners.
        partition: The block groups.
        threads: Threads to use; None for as many as torch uses.
    """

    def __init__(
        self,
        sources: Sources,
        parents: tuple[Source, ...],
        partition: Partition,
        *,
        threads: int | None = None,
    ) -> None:
        self._parents = parents
        self._partition = partition
        self._sources = sources
        self._threads = threads
        self._far: dict[str, dict[str, float]] = {}
        base, *others = (sources.open(source) for source in parents)
        of_key: dict[str, Floats] = {}

        def measure(key: str, _: Workspace) -> None:
            own = base.tensor(key).reshape(-1)
            gram = np.zeros((len(others), len(others)))
            having = [
                (i, other.tensor(key).reshape(-1)) for i, other in enumerate(others) if _has(other, key, base)
            ]
            for start in range(0, own.numel(), PIECE):
                piece = own[start : start + PIECE].double()
                away = [(i, (t[start : start + PIECE].double() - piece)) for i, t in having]
                for i, one in away:
                    for j, two in away:
                        gram[i, j] += float(torch.dot(one, two))
            of_key[key] = gram

        keys = [
            key for key in base if partition.group_of(key) is not None and base.dtype(key).is_floating_point
        ]
        run_over(sorted(keys, key=lambda key: -base.spec(key).numel), measure, threads=threads)
        # Summed in the file's order, whichever thread was first: the same last bits every time.
        self._grams = {
            group: np.sum([of_key[key] for key in keys if partition.group_of(key) == group], axis=0)
            for group in partition.groups_present(keys)
        }

    @property
    def limit(self) -> float:
        """The largest drift that a mix between the parents can have, in any group."""
        n_partners = len(self._parents) - 1
        return math.sqrt(n_partners / (2 * (n_partners + 1)))

    def drift(self, recipe: Recipe) -> dict[str, float]:
        """Block group -> drift; the whole model under ``WHOLE``.

        A group in which all parents are equal has drift 0.

        Raises:
            ValueError: The recipe has another base, another partition, or a partner that was not measured.
        """
        base, *partners = self._parents
        known = {partner.fingerprint for partner in partners}
        used = {partner.fingerprint for partner in recipe.used_partners()}
        if recipe.base != base or recipe.partition != self._partition.name or not used <= known:
            raise ValueError("the recipe is over other files or another partition")
        mix, out = recipe.as_sum(), {}
        measured = self._far_squares(recipe) if mix is None else {}
        far, wide = 0.0, 0.0
        for group, gram in self._grams.items():
            wide_square = _widest(gram)
            if mix is None:
                far_square = measured[group]
            else:
                weights = dict(zip((p.fingerprint for p in mix.partners), mix.row(group), strict=True))
                row = np.array([weights.get(p.fingerprint, 0.0) for p in partners])
                far_square = float(_squares(row, gram).min())
            out[group] = math.sqrt(far_square / wide_square) if wide_square > 0 else 0.0
            far, wide = far + far_square, wide + wide_square
        out[WHOLE] = math.sqrt(far / wide) if wide > 0 else 0.0
        return out

    def _far_squares(self, recipe: Recipe) -> dict[str, float]:
        """Block group -> square of the distance to the nearest parent, measured on the merged numbers."""
        known = self._far.get(digest := recipe.digest())
        if known is not None:
            return known
        plan = Plan(recipe, self._sources, self._partition)
        base, *others = (self._sources.open(source) for source in self._parents)
        of_key: dict[str, Floats] = {}

        def measure(item: KeyPlan, workspace: Workspace) -> None:
            merged = workspace.take("merged", item.spec.numel, wide_type(item.spec.dtype))
            fill(item, merged, workspace)
            # where a partner lacks the tensor, a mix that is this partner has the base's
            parents = [p if _has(p, item.key, base) else base for p in (base, *others)]
            squares = np.zeros(len(parents))
            for start in range(0, merged.numel(), PIECE):
                piece = merged[start : start + PIECE].double()
                for i, parent in enumerate(parents):
                    away = parent.tensor(item.key).reshape(-1)[start : start + PIECE].double() - piece
                    squares[i] += float(torch.dot(away, away))
            of_key[item.key] = squares

        plans = [p for p in plan.plans(tuple(self._grams)) if p.spec.dtype.is_floating_point]
        run_over(sorted(plans, key=lambda p: -p.spec.numel), measure, threads=self._threads)
        # Summed in the file's order, as above.
        found = {
            group: float(np.sum([of_key[p.key] for p in plans if p.group == group], axis=0).min())
            for group in self._grams
        }
        self._far[digest] = found
        return found


def _has(partner: Checkpoint, key: str, base: Checkpoint) -> bool:
    return key in partner and partner.shape(key) == base.shape(key) and partner.dtype(key).is_floating_point


def _squares(weights: Floats, gram: Floats) -> Floats:
    """Squares of the distances from the mix to each parent, ``(n_parents,)``."""
    away = weights - _corners(gram)
    squares: Floats = np.einsum("ij,jk,ik->i", away, gram, away)
    return np.maximum(squares, 0.0)


def _widest(gram: Floats) -> float:
    """Square of the largest distance between two parents."""
    corners = _corners(gram)
    between = corners[:, None, :] - corners[None, :, :]
    return float(np.einsum("abj,jk,abk->ab", between, gram, between).max())


def _corners(gram: Floats) -> Floats:
    """The parents as weights of the partners, ``(n_parents, n_partners)``."""
    return np.vstack([np.zeros(len(gram)), np.eye(len(gram))])
