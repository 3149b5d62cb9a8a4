"""Where the default search looks next: the top of an upper confidence bound on a piece of the space of weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from lib_rimo.search.history import Floats
from lib_rimo.search.kernel import Kernel
from lib_rimo.search.posterior import NUGGET_SD, Posterior, shrunken
from lib_rimo.search.problem import Problem

STARTS = 8
"""So many of the best recipes met are worth starting from."""
STEPS = 20
"""Quasi-Newton steps from each start: one that needs more ends at a bound or where others end too."""


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """Where the next recipe is looked for: an affine piece of the space of weights.

    Attributes:
        low: Lower bounds of the searched coordinates, shape ``(dims,)``.
        high: Upper bounds.
        lift: Zeros and ones, shape ``(dims, size)``: which weights follow which coordinate.
        offset: Weights that no coordinate moves, shape ``(size,)``.
    """

    low: Floats
    high: Floats
    lift: Floats
    offset: Floats

    @classmethod
    def of(cls, problem: Problem, *, shared: bool = False) -> Box:
        """All that a problem leaves free: one coordinate for each set of tied weights.

        Args:
            problem: With bounds and ties.
            shared: Whether a partner has one weight in all groups.
        """
        owner = np.repeat(np.eye(problem.n_partners), problem.n_groups, axis=1)
        tied = (problem.labels == np.arange(problem.labels.max() + 1)[:, None]).astype(np.float64)
        lift = (owner if shared else tied) * problem.free
        lift = lift[lift.any(axis=1)]
        low = np.array([problem.low[row > 0].min() for row in lift])
        high = np.array([problem.high[row > 0].max() for row in lift])
        return cls(low, high, lift, np.where(problem.free, 0.0, problem.low))

    def coordinates(self, weights: Floats) -> Floats:
        """Coordinates of recipes, shape ``(n, size)`` to ``(n, dims)``; means where they lie beside the piece."""
        out: Floats = (weights - self.offset) @ self.lift.T / self.lift.sum(axis=1)
        return out

    def weights(self, coordinates: Floats) -> Floats:
        """Inverse of ``coordinates`` on the piece."""
        out: Floats = coordinates @ self.lift + self.offset
        return out


@dataclass(frozen=True, slots=True, eq=False)
class UpperBound:
    """How good a recipe may be: its expected score, less the level, plus ``kappa`` standard deviations.

    Points are of the unit box that holds the piece and all recipes met, so that steps are alike in all directions.

    Attributes:
        kernel: Correlation of recipes.
        variance: Prior variance.
        met: Weights of the recipes met, shape ``(n, size)``; some may lie beside the piece.
        pull: Their weights in the mean, shape ``(n,)``.
        inverse: Inverse covariance of what is known of them, shape ``(n, n)``.
        offset: Weights at the lower corner of the unit box, shape ``(size,)``.
        lift: Weights per coordinate, shape ``(dims, size)``.
        kappa: Optimism.
    """

    kernel: Kernel
    variance: float
    met: Floats
    pull: Floats
    inverse: Floats
    offset: Floats
    lift: Floats
    kappa: float

    @classmethod
    def of(cls, known: Posterior, offset: Floats, lift: Floats, kappa: float) -> UpperBound:
        """Conditions the process on what the pictures say of the recipes met; see ``Posterior.target``."""
        m, met, variance = known.precision, known.table.weights, known.hyper.gain_sd**2
        shrunk, _ = shrunken(m, variance * known.kernel(met, met) + NUGGET_SD**2 * np.eye(len(met)))
        told = m @ known.target
        inverse = m - m @ shrunk @ m
        return cls(known.kernel, variance, met, told - m @ (shrunk @ told), inverse, offset, lift, kappa)

    def losses(self, points: Floats) -> Floats:
        """Minus the bound at points ``(n, dims)``, shape ``(n,)``."""
        return -self._bound(points)[0]

    def loss(self, point: Floats) -> tuple[float, Floats]:
        """Minus the bound and its gradient at one point ``(dims,)``."""
        bound, solved, sd = self._bound(point[None])
        slope = self.variance * self.kernel.gradient(point @ self.lift + self.offset, self.met) @ self.lift.T
        return -float(bound[0]), self.kappa * (slope.T @ solved[0] / sd[0]) - slope.T @ self.pull

    def _bound(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        k = self.variance * self.kernel(points @ self.lift + self.offset, self.met)
        solved = k @ self.inverse
        sd = np.sqrt(np.maximum(self.variance - (solved * k).sum(axis=1), 1e-12))
        return k @ self.pull + self.kappa * sd, solved, sd


def suggest(
    posterior: Posterior,
    box: Box,
    *,
    centre: Floats,
    half_width: float,
    kappa: float,
    n_points: int,
    n_restarts: int,
    chance: np.random.RandomState,
) -> Floats:
    """The recipe near the leader that may be best.

    Recipes beside the searched piece have the nearest place on it as a start; what is learnt from them is learnt where
    they are.

    Args:
        posterior: What is known.
        box: Where to look.
        centre: The leader's weights, shape ``(size,)``.
        half_width: Half the side of the region around it, in weights.
        kappa: Standard deviations of optimism.
        n_points: Random points that the bound is tried on.
        n_restarts: How many of the best are refined.
        chance: The only source of it.

    Returns:
        Weights of the next recipe, shape ``(size,)``.
    """
    met = box.coordinates(posterior.table.weights)
    low, high = np.minimum(box.low, met.min(axis=0)), np.maximum(box.high, met.max(axis=0))
    span = high - low
    here = np.clip(box.coordinates(centre[None])[0], box.low, box.high)
    lowest = (np.maximum(here - half_width, box.low) - low) / span
    highest = (np.minimum(here + half_width, box.high) - low) / span
    best = np.argsort(-posterior.mean, kind="stable")[:STARTS]
    starts = np.clip((met[best] - low) / span, lowest, highest)
    bound = UpperBound.of(posterior, box.offset + low @ box.lift, span[:, None] * box.lift, kappa)
    tried = _scattered(lowest, highest, starts, n_points, chance)
    tried = (
        low + span * tried - low
    ) / span  # there and back, as in recorded searches: a last bit can lead elsewhere
    edges = list(zip(lowest, highest, strict=True))
    found = [
        minimize(bound.loss, tried[at], jac=True, method="L-BFGS-B", bounds=edges, options={"maxiter": STEPS})
        for at in np.argsort(bound.losses(tried), kind="stable")[:n_restarts]
    ]
    asked = np.clip(min(found, key=lambda one: float(one.fun)).x, lowest, highest)
    return box.weights(np.clip(low + span * asked, box.low, box.high))


def _scattered(
    low: Floats, high: Floats, starts: Floats, count: int, chance: np.random.RandomState
) -> Floats:
    """Random points of the region, shape ``(count, dims)``: half uniform, half near points worth starting from."""
    uniform = chance.uniform(low, high, size=(count, len(low)))
    near = starts[chance.randint(len(starts), size=count)]
    step = 0.25 * (high - low) * chance.standard_normal((count, len(low)))
    mixed = np.where(np.arange(count)[:, None] % 2 == 0, uniform, near + step)
    return np.asarray(np.clip(mixed, low, high))
