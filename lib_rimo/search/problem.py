"""What is searched: the shape of a recipe, its bounds, the prompt pool, the budget and the seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lib_rimo.errors import SettingsError
from lib_rimo.search.history import Floats, Ints, Observation, Weights, freeze, images_of

LEAST_BUDGET = 24
"""Fewer pictures tell nothing: about one base and two recipes at eight prompts each."""
LEAST_POOL = 8
"""Fewer prompts cannot tell recipes apart."""

Bounds = tuple[float, float] | Sequence[Sequence[float]] | npt.NDArray[np.float64]
Ties = Sequence[Sequence[int]] | npt.NDArray[np.intp]
"""One label per weight, ``(n_partners, n_groups)``; weights of one label are always equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One epoch's search problem.

    Attributes:
        n_partners: Partners.
        n_groups: Block groups.
        low: Lower bounds, flattened, shape ``(n_partners * n_groups,)``.
        high: Upper bounds; equal to ``low`` where a weight is frozen.
        budget_images: Pictures that may be drawn in all.
        pool_size: Prompts in the epoch's pool.
        seed: Of everything drawn by chance.
        labels: Weights of one label are equal, shape ``(n_partners * n_groups,)``.
    """

    n_partners: int
    n_groups: int
    low: Floats
    high: Floats
    budget_images: int
    pool_size: int
    seed: int
    labels: Ints

    @classmethod
    def create(
        cls,
        *,
        n_partners: int,
        n_groups: int,
        bounds: Bounds,
        budget_images: int,
        pool_size: int,
        seed: int,
        ties: Ties | None = None,
    ) -> Problem:
        """Checks and flattens.

        Args:
            n_partners: At least one.
            n_groups: At least one.
            bounds: One ``(low, high)`` for all weights, or an array of shape ``(n_partners * n_groups, 2)`` or
                ``(n_partners, n_groups, 2)``.
            budget_images: At least ``LEAST_BUDGET``.
            pool_size: At least ``LEAST_POOL``.
            seed: Not negative.
            ties: Which weights are searched as one; none if absent. Equal labels over a partner's row search one
                global weight for it.

        Raises:
            SettingsError: One of them is out of range; the error names it.
        """
        for name, value, least in (
            ("n_partners", n_partners, 1),
            ("n_groups", n_groups, 1),
            ("budget_images", budget_images, LEAST_BUDGET),
            ("pool_size", pool_size, LEAST_POOL),
            ("seed", seed, 0),
        ):
            if isinstance(value, bool) or int(value) != value or value < least:
                raise SettingsError(name, f"{name} is out of range", found=value, wanted=f"at least {least}")
        size = n_partners * n_groups
        pairs = np.asarray(bounds, dtype=np.float64)
        if pairs.shape not in ((2,), (size, 2), (n_partners, n_groups, 2)):
            raise SettingsError(
                "bounds",
                "The bounds do not fit the recipe",
                found=f"shape {pairs.shape}",
                wanted=f"a pair, or {n_partners} x {n_groups} pairs",
            )
        pairs = np.broadcast_to(pairs.reshape(-1, 2), (size, 2))
        if not np.isfinite(pairs).all() or (pairs[:, 0] > pairs[:, 1]).any():
            bad = pairs[~(np.isfinite(pairs).all(axis=1) & (pairs[:, 0] <= pairs[:, 1]))][0]
            raise SettingsError(
                "bounds",
                "A lower bound lies above its upper bound"
                if np.isfinite(bad).all()
                else "A bound is not a number",
                found=f"({bad[0]:g}, {bad[1]:g})",
                wanted="low <= high",
                fix="Exchange the two",
            )
        labels = _labels(ties, n_partners, n_groups)
        low, high = _common(pairs[:, 0], pairs[:, 1], labels)
        if (low == high).all():
            raise SettingsError(
                "bounds",
                "Every weight is frozen, there is nothing to search",
                found="low = high everywhere",
                wanted="low < high for at least one weight",
            )
        return cls(n_partners, n_groups, low, high, int(budget_images), int(pool_size), int(seed), labels)

    @property
    def size(self) -> int:
        """Number of weights, frozen ones included."""
        return self.n_partners * self.n_groups

    @property
    def free(self) -> npt.NDArray[np.bool_]:
        """Which weights are not frozen, shape ``(size,)``."""
        return self.high > self.low

    def zero(self) -> Weights:
        """The base itself."""
        return freeze(np.zeros((self.n_partners, self.n_groups)))

    def matrix(self, flat: Floats) -> Weights:
        """Weights of a flat vector, inside the bounds, four decimals (what a journal and a person can read).

        Tied weights take their mean.
        """
        tied: Floats = (np.bincount(self.labels, flat) / np.bincount(self.labels))[self.labels]
        inside: Floats = np.clip(np.round(np.clip(tied, self.low, self.high), 4), self.low, self.high)
        return freeze(inside.reshape(self.n_partners, self.n_groups))

    def check(self, history: Sequence[Observation]) -> None:
        """Refuses a history of another problem.

        Raises:
            SettingsError: Weights of another shape, or prompts that the pool does not have.
        """
        for o in history:
            if len(o.weights) != self.n_partners or any(len(row) != self.n_groups for row in o.weights):
                raise SettingsError(
                    "history",
                    "The history is of another search",
                    found=f"{len(o.weights)} x {len(o.weights[0]) if o.weights else 0} weights",
                    wanted=f"{self.n_partners} x {self.n_groups}",
                )
            if o.prompt_ids and not 0 <= min(o.prompt_ids) <= max(o.prompt_ids) < self.pool_size:
                raise SettingsError(
                    "history",
                    "The history names prompts that the pool does not have",
                    found=max(o.prompt_ids),
                    wanted=f"0 .. {self.pool_size - 1}",
                )
            if not all(map(math.isfinite, (w for row in o.weights for w in row))):
                raise SettingsError(
                    "history", "The history has a weight that is not a number", found=o.weights
                )

    def rotation(self) -> Ints:
        """The pool in the order in which prompts are used, shape ``(pool_size,)``."""
        return np.random.default_rng([self.seed, 1]).permutation(self.pool_size).astype(np.intp)

    def next_prompts(
        self, history: Sequence[Observation], count: int, seen: frozenset[int] = frozenset()
    ) -> tuple[int, ...]:
        """The next prompts in rotation, so that each is used about equally often.

        Args:
            history: What was drawn so far; sets where the rotation stands.
            count: How many are wanted.
            seen: Prompts to skip: those that the recipe met.

        Returns:
            Up to ``count`` ids, fewer where the pool has no more that are new to the recipe.
        """
        order = np.roll(self.rotation(), -(images_of(history) % self.pool_size))
        fresh = [int(p) for p in order if int(p) not in seen]
        return tuple(fresh[:count])


def _labels(ties: Ties | None, n_partners: int, n_groups: int) -> Ints:
    """Labels 0, 1, 2 ... of all weights, flattened."""
    if ties is None:
        return np.arange(n_partners * n_groups, dtype=np.intp)
    given = np.asarray(ties)
    if given.shape != (n_partners, n_groups):
        raise SettingsError(
            "ties",
            "The ties do not fit the recipe",
            found=f"shape {given.shape}",
            wanted=f"{n_partners} x {n_groups} labels",
        )
    labels: Ints = np.unique(given, return_inverse=True)[1].reshape(-1).astype(np.intp)
    return labels


def _common(low: Floats, high: Floats, labels: Ints) -> tuple[Floats, Floats]:
    """Bounds that tied weights share."""
    count = int(labels.max()) + 1
    lows, highs = np.full(count, -np.inf), np.full(count, np.inf)
    np.maximum.at(lows, labels, low)
    np.minimum.at(highs, labels, high)
    if (lows > highs).any():
        bad = int(np.argmax(lows > highs))
        raise SettingsError(
            "bounds",
            "Tied weights have no value in common",
            found=f"at least {lows[bad]:g} and at most {highs[bad]:g}",
            wanted="bounds that overlap",
            fix="Untie them, or widen their bounds",
        )
    return lows[labels], highs[labels]
