"""Our posterior in the shape that ``skopt.Optimizer`` works with. Imports skopt: import this module late."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lib_rimo.search.history import Floats
from lib_rimo.search.kernel import Kernel
from lib_rimo.search.posterior import NUGGET_SD, Posterior, shrunken

with warnings.catch_warnings():
    # skopt 0.10 and the scikit-learn it meets deprecate things at each other's import; none concerns us.
    warnings.simplefilter("ignore")
    from skopt import Optimizer
    from skopt.learning import GaussianProcessRegressor
    from skopt.space import Real, Space


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What the regressor does not learn itself.

    Attributes:
        kernel: Correlation of recipes.
        variance: Prior variance.
        told: Weights of the recipes met, shape ``(n, size)``; some may lie beside the piece that is searched.
        precision: Inverse noise covariance of the targets, shape ``(n, n)``.
        offset: Weights at the lower corner of the unit box, shape ``(size,)``.
        lift: Weights per unit-box coordinate, shape ``(dims, size)``.
    """

    kernel: Kernel
    variance: float
    told: Floats
    precision: Floats
    offset: Floats
    lift: Floats


class RecipeRegressor(GaussianProcessRegressor):  # type: ignore[misc]
    """A Gaussian process regressor whose noise is a full precision matrix and whose scales are given.

    Args:
        given: All that conditions it besides the targets.
    """

    def __init__(self, given: Given) -> None:
        super().__init__(optimizer=None)
        self.given = given

    def fit(self, X: Floats, y: Sequence[float]) -> RecipeRegressor:  # noqa: N803, ARG002 (scikit-learn's names)
        """Conditions on targets ``y`` (lower is better) of the recipes met; ``X`` are their places in the unit box."""
        given, m, w = self.given, self.given.precision, self.given.told
        shrunk, _ = shrunken(m, given.variance * given.kernel(w, w) + NUGGET_SD**2 * np.eye(len(w)))
        pull = m @ np.asarray(y, dtype=np.float64)
        self.X_train_ = w
        self.alpha_ = pull - m @ (shrunk @ pull)
        self.K_inv_ = m - m @ shrunk @ m
        return self

    def predict(
        self,
        X: Floats,  # noqa: N803
        return_std: bool = False,
        return_cov: bool = False,
        return_mean_grad: bool = False,
        return_std_grad: bool = False,
    ) -> Any:
        """Mean, and where asked for standard deviation and both gradients, at unit-box points."""
        if return_cov:
            raise NotImplementedError("the acquisition never asks for a covariance")
        given = self.given
        w = np.asarray(X) @ given.lift + given.offset
        k = given.variance * given.kernel(w, self.X_train_)
        mean = k @ self.alpha_
        if not return_std:
            return mean
        solved = k @ self.K_inv_
        std = np.sqrt(np.maximum(given.variance - (solved * k).sum(1), 1e-12))
        if not return_mean_grad:
            return mean, std
        slope = given.variance * given.kernel.gradient(w[0], self.X_train_) @ given.lift.T
        mean_grad = slope.T @ self.alpha_
        return (
            (mean, std, mean_grad, -(slope.T @ solved[0]) / std[0])
            if return_std_grad
            else (mean, std, mean_grad)
        )


class Region(Space):  # type: ignore[misc]
    """The whole box for what is told, a smaller one around the leader for what is asked."""

    def __init__(self, dimensions: Sequence[Real], low: Floats, high: Floats, starts: Floats) -> None:
        super().__init__(dimensions)
        self.low, self.high, self.starts = low, high, starts

    @property
    def transformed_bounds(self) -> list[tuple[float, float]]:
        """The smaller box in unit coordinates."""
        return [(float(a), float(b)) for a, b in zip(self.low, self.high, strict=True)]

    def rvs(self, n_samples: int = 1, random_state: Any = None) -> list[list[float]]:
        """Random points of the smaller box: half uniform, half near the points worth starting from."""
        dims = len(self.low)
        uniform = random_state.uniform(self.low, self.high, size=(n_samples, dims))
        near = self.starts[random_state.randint(len(self.starts), size=n_samples)]
        step = 0.25 * (self.high - self.low) * random_state.standard_normal((n_samples, dims))
        mixed = np.where(np.arange(n_samples)[:, None] % 2 == 0, uniform, near + step)
        return list(self.inverse_transform(np.clip(mixed, self.low, self.high)))


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

    def coordinates(self, weights: Floats) -> Floats:
        """Coordinates of recipes, shape ``(n, size)`` to ``(n, dims)``; means where they lie beside the piece."""
        out: Floats = (weights - self.offset) @ self.lift.T / self.lift.sum(axis=1)
        return out

    def weights(self, coordinates: Floats) -> Floats:
        """Inverse of ``coordinates`` on the piece."""
        out: Floats = coordinates @ self.lift + self.offset
        return out


def suggest(
    posterior: Posterior,
    box: Box,
    *,
    centre: Floats,
    half_width: float,
    kappa: float,
    n_points: int,
    n_restarts: int,
    random_state: np.random.RandomState,
) -> Floats:
    """One ask of a ``skopt.Optimizer`` that was told the history.

    Recipes beside the searched piece are told at the nearest place on it; what is learnt from them is learnt where they
    are (``Given.told``).

    Args:
        posterior: What is known.
        box: Where to look.
        centre: The leader's weights, shape ``(size,)``.
        half_width: Half the side of the region around it, in weights.
        kappa: Standard deviations of optimism of the lower confidence bound.
        n_points: Random points that the acquisition is tried on.
        n_restarts: How many of the best are refined.
        random_state: The only source of chance.

    Returns:
        Weights of the next recipe, shape ``(size,)``.
    """
    x = box.coordinates(posterior.table.weights)
    low, high = np.minimum(box.low, x.min(axis=0)), np.maximum(box.high, x.max(axis=0))
    span = high - low
    here = np.clip(box.coordinates(centre[None])[0], box.low, box.high)
    region_low = (np.maximum(here - half_width, box.low) - low) / span
    region_high = (np.minimum(here + half_width, box.high) - low) / span
    best = np.argsort(-posterior.mean, kind="stable")[:8]
    given = Given(
        posterior.kernel,
        posterior.hyper.gain_sd**2,
        posterior.table.weights,
        posterior.precision,
        box.offset + low @ box.lift,
        span[:, None] * box.lift,
    )
    optimizer = Optimizer(
        [Real(float(a), float(b)) for a, b in zip(low, high, strict=True)],
        base_estimator=RecipeRegressor(given),
        n_initial_points=1,
        acq_func="LCB",
        acq_func_kwargs={"kappa": kappa},
        acq_optimizer="lbfgs",
        acq_optimizer_kwargs={"n_points": n_points, "n_restarts_optimizer": n_restarts},
        avoid_duplicates=False,  # skopt would swap in a point from the whole box; a repeat is welcome here
        model_queue_size=1,
        random_state=random_state,
    )
    starts = np.clip((x[best] - low) / span, region_low, region_high)
    optimizer.space = Region(optimizer.space.dimensions, region_low, region_high, starts)
    optimizer.tell(x.tolist(), (-posterior.target).tolist())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The objective has been evaluated at point")
        asked = np.asarray(optimizer.ask(), dtype=np.float64)
    return box.weights(np.clip(asked, box.low, box.high))
