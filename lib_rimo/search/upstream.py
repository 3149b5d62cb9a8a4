"""The search of ``rimochan/rimo_random_mix`` as it stands, so that a comparison is one switch.

Both scripts drive the package ``bayesian-optimization`` with its defaults: a Gaussian process with an isotropic
Matern 5/2 kernel, noise fixed at 1e-6, targets normalised, five restarts; upper confidence bound with 2.576 standard
deviations, tried on 10,000 random points of which the ten best are refined. Every trial draws the same 100 prompts,
and the result is the best trial as observed. Kept as it is, defects of the method included; those of the code
(UPSTREAM notes: partners drawn twice, crashes) have no place here.

Source: ``烙印剧城.py`` (theater) and ``ro_merge.py`` (ro) of that project, and the defaults of bayesian-optimization.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from lib_rimo.search.history import Floats, Incumbent, Observation, Proposal, Weights, freeze, images_of
from lib_rimo.search.problem import Problem
from lib_rimo.search.settings import SearchSettings

PROMPTS: Final = 100
KAPPA: Final = 2.576
RANDOM_POINTS: Final = 10_000
REFINED: Final = 10
ROOT5: Final = math.sqrt(5.0)


class UpstreamTheater:
    """Zero, 6 random recipes, 44 asks: 51 trials an epoch. Partner weights below zero cost 0.005 each per unit."""

    label = "As the original's Theater script"
    reason = "51 mixes, each on the same 100 prompts: 5,100 images in an epoch, or as many as there are."
    plans = False
    needs = ("sklearn",)

    def __init__(self, problem: Problem, _settings: SearchSettings) -> None:
        self.problem = problem

    # -- what differs between the two scripts --------------------------------------------------------------------

    def probes(self) -> list[Weights]:
        """Recipes tried first."""
        return [self.problem.zero()]

    def trials(self) -> tuple[int, int]:
        """Random trials after the probes, and asks after those."""
        return 6, 44

    def penalty(self, weights: Floats) -> float:
        """What is taken off the accuracy."""
        return -0.005 * float(np.minimum(weights, 0.0).sum())

    # -- what they share -----------------------------------------------------------------------------------------

    def ask(self, history: Sequence[Observation], pending: Sequence[Proposal] = ()) -> Proposal | None:
        """The next trial, or None after the last one or when the budget has no room for another.

        Upstream draws one after the other: while one is pending there is no next.
        """
        if pending:
            return None
        problem = self.problem
        problem.check(history)
        count = min(PROMPTS, problem.pool_size, problem.budget_images)
        probes, (initial, asks) = self.probes(), self.trials()
        at = len(history)
        if images_of(history) + count > problem.budget_images or at >= len(probes) + initial + asks:
            return None
        prompts = tuple(int(p) for p in problem.rotation()[:count])
        if at < len(probes):
            return Proposal(probes[at], prompts, "base" if at == 0 else "shared")
        chance = np.random.RandomState([problem.seed % 2**32, at])
        if at < len(probes) + initial:
            flat = chance.uniform(problem.low, problem.high)
        else:
            flat = self._suggest(history, chance)
        return Proposal(problem.matrix(flat), prompts, "blocks")

    def targets(self, history: Sequence[Observation]) -> Floats:
        """Accuracy less penalty, one per trial, shape ``(len(history),)``."""
        return np.array([float(np.mean(o.scores)) - self.penalty(np.array(o.weights)) for o in history])

    def leader(self, history: Sequence[Observation]) -> Incumbent:
        """The best trial as observed, among those inside the bounds; its interval knows nothing of the selection."""
        problem = self.problem
        flat = np.array([np.array(o.weights).reshape(-1) for o in history])
        inside = ((flat >= problem.low) & (flat <= problem.high)).all(axis=1)
        return Incumbent.observed(history, np.where(inside, self.targets(history), -np.inf))

    def _suggest(self, history: Sequence[Observation], chance: np.random.RandomState) -> Floats:
        low, high = self.problem.low, self.problem.high
        x = np.array([np.array(o.weights).reshape(-1) for o in history])
        return fit_bound(x, self.targets(history), chance).best(low, high, chance)


@dataclass(frozen=True, slots=True, eq=False)
class UpperBound:
    """The acquisition: mean plus ``KAPPA`` standard deviations of a Gaussian process, Matern 5/2, one length.

    scikit-learn fits it; what it predicts is written out here with its gradient, which the package takes by finite
    differences at some hundred times the cost.

    Attributes:
        x: Recipes told, shape ``(n, size)``.
        length: Correlation length.
        pull: Weights of the recipes in the mean, in normalised targets, shape ``(n,)``.
        inverse: Inverse covariance of the told targets, normalised, shape ``(n, n)``.
        level: Mean of the targets.
        scale: Their standard deviation.
    """

    x: Floats
    length: float
    pull: Floats
    inverse: Floats
    level: float
    scale: float

    def moments(self, points: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation at points ``(m, size)``."""
        k = matern(cdist(points, self.x) * (ROOT5 / self.length))
        variance = np.maximum(1.0 - ((k @ self.inverse) * k).sum(axis=1), 0.0)
        return k @ self.pull * self.scale + self.level, np.sqrt(variance) * self.scale

    def values(self, points: Floats) -> Floats:
        """The bound at points ``(m, size)``."""
        mean, sd = self.moments(points)
        return mean + KAPPA * sd

    def best(self, low: Floats, high: Floats, chance: np.random.RandomState) -> Floats:
        """Where the bound is highest: of random points and of the best ones refined, shape ``(size,)``."""
        tried = chance.uniform(low, high, size=(RANDOM_POINTS, len(low)))
        values = self.values(tried)
        order = np.argsort(-values, kind="stable")
        best, value = tried[order[0]], float(values[order[0]])
        box = list(zip(low, high, strict=True))
        for seed in tried[order[:REFINED]]:
            found = minimize(self.loss, seed, jac=True, method="L-BFGS-B", bounds=box)
            if found.success and -found.fun > value:
                best, value = np.asarray(found.x), -float(found.fun)
        return np.asarray(best, dtype=np.float64)

    def loss(self, point: Floats) -> tuple[float, Floats]:
        """Minus the bound and its gradient at one point ``(size,)``."""
        gap = point - self.x
        far = np.sqrt((gap * gap).sum(axis=1)) * (ROOT5 / self.length)
        k = matern(far)
        slope = -(5.0 / 3.0) / self.length**2 * ((1.0 + far) * np.exp(-far))[:, None] * gap
        solved = self.inverse @ k
        sd = math.sqrt(max(1.0 - float(k @ solved), 1e-18))
        value = float(k @ self.pull) + KAPPA * sd
        gradient = slope.T @ self.pull - KAPPA / sd * (slope.T @ solved)
        return -(value * self.scale + self.level), -gradient * self.scale


def fit_bound(x: Floats, targets: Floats, chance: np.random.RandomState) -> UpperBound:
    """Fits the process as the package does: noise 1e-6, normalised targets, five restarts of the length."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern

    process = GaussianProcessRegressor(
        kernel=Matern(nu=2.5), alpha=1e-6, normalize_y=True, n_restarts_optimizer=5, random_state=chance
    )
    with warnings.catch_warnings():
        # A length at its bound, or a likelihood that is flat: upstream ignores both and goes on.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(x, targets)
    scale = float(targets.std()) or 1.0
    half = solve_triangular(process.L_, np.eye(len(x)), lower=True)
    pull = np.asarray(process.alpha_, dtype=np.float64).reshape(-1)
    return UpperBound(
        x, float(process.kernel_.length_scale), pull, half.T @ half, float(targets.mean()), scale
    )


class UpstreamRo(UpstreamTheater):
    """Zero, each partner alone at weight 1 (even outside the bounds), 2 random recipes per model, 100 asks.

    Negative weights cost 0.05 times their mean over all models, the base's included. Upstream weighs the mean by the
    groups' sizes and evens these out by factors of its own; with groups alike, as here, that is the plain mean.
    """

    label = "As the original's RO script"
    reason = (
        "Each partner whole first, even outside the range; then 100 and more mixes on the same 100 prompts."
    )
    keeps_bounds = False

    def probes(self) -> list[Weights]:
        """Zero and the partners themselves."""
        shape = (self.problem.n_partners, self.problem.n_groups)
        out = [self.problem.zero()]
        for i in range(self.problem.n_partners):
            alone = np.zeros(shape)
            alone[i] = 1.0
            out.append(freeze(alone))
        return out

    def trials(self) -> tuple[int, int]:
        """Random trials: two per model. Asks: 100, the script's default."""
        return 2 * (1 + self.problem.n_partners), 100

    def penalty(self, weights: Floats) -> float:
        """What is taken off the accuracy."""
        everyone = np.vstack([1.0 - weights.sum(axis=0), weights])
        return -0.05 * float(np.minimum(everyone, 0.0).mean())


def matern(r: Floats) -> Floats:
    """Matern 5/2 of distances in units of the length, times the root of 5."""
    out: Floats = (1.0 + r + r * r / 3.0) * np.exp(-r)
    return out
