"""Whether the default search asks what it asked through ``skopt.Optimizer``, and what either way of asking costs.

    python -m tools.bench_ask [--seeds 3] [--images 640] [--partners 1 2 3]

At first the default built a ``skopt.Optimizer`` for each ask, put its own regressor, space and handling of
duplicates into it and took the best point that it found. Journals made that way are resumed by today's search, which
looks for the same point itself. Here searches are played, and each question is put to both.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from lib_rimo.search import default, run_search
from lib_rimo.search.acquisition import STARTS, Box, UpperBound, suggest
from lib_rimo.search.history import Floats
from lib_rimo.search.landscape import Landscape
from lib_rimo.search.posterior import Posterior

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # skopt 0.10 and scikit-learn deprecate things at each other's import
    from skopt import Optimizer
    from skopt.learning import GaussianProcessRegressor
    from skopt.space import Real, Space

KINDS = ("small", "large", "mixed", "sparse")
GROUPS, POOL = 9, 200


class Regressor(GaussianProcessRegressor):  # type: ignore[misc]
    """The search's own model under the name of skopt's."""

    def __init__(self, bound: UpperBound) -> None:
        super().__init__(optimizer=None)
        self.bound = bound

    def fit(self, X: Floats, y: Sequence[float]) -> Regressor:  # noqa: N803, ARG002 (scikit-learn's names)
        """Everything that is told is in the bound already."""
        return self

    def predict(self, X: Floats, **wanted: bool) -> Any:  # noqa: N803
        """Mean and standard deviation, with their gradients where these are wanted."""
        bound, points = self.bound, np.asarray(X)
        k = bound.variance * bound.kernel(points @ bound.lift + bound.offset, bound.met)
        solved = k @ bound.inverse
        mean, sd = -(k @ bound.pull), np.sqrt(np.maximum(bound.variance - (solved * k).sum(1), 1e-12))
        if not wanted.get("return_mean_grad"):
            return mean, sd
        place = points[0] @ bound.lift + bound.offset
        slope = (bound.variance * bound.kernel.gradient(place, bound.met) @ bound.lift.T).T
        return mean, sd, -(slope @ bound.pull), -(slope @ solved[0]) / sd[0]


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


def through_skopt(
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
    """``suggest`` as it was: one ask of a ``skopt.Optimizer`` that is told everything."""
    met = box.coordinates(posterior.table.weights)
    low, high = np.minimum(box.low, met.min(axis=0)), np.maximum(box.high, met.max(axis=0))
    span = high - low
    here = np.clip(box.coordinates(centre[None])[0], box.low, box.high)
    lowest = (np.maximum(here - half_width, box.low) - low) / span
    highest = (np.minimum(here + half_width, box.high) - low) / span
    best = np.argsort(-posterior.mean, kind="stable")[:STARTS]
    bound = UpperBound.of(posterior, box.offset + low @ box.lift, span[:, None] * box.lift, kappa)
    optimizer = Optimizer(
        [Real(float(a), float(b)) for a, b in zip(low, high, strict=True)],
        base_estimator=Regressor(bound),
        n_initial_points=1,
        acq_func="LCB",
        acq_func_kwargs={"kappa": kappa},
        acq_optimizer="lbfgs",
        acq_optimizer_kwargs={"n_points": n_points, "n_restarts_optimizer": n_restarts},
        avoid_duplicates=False,
        model_queue_size=1,
        random_state=chance,
    )
    starts = np.clip((met[best] - low) / span, lowest, highest)
    optimizer.space = Region(optimizer.space.dimensions, lowest, highest, starts)
    optimizer.tell(met.tolist(), (-posterior.target).tolist())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The objective has been evaluated at point")
        asked = np.asarray(optimizer.ask(), dtype=np.float64)
    return box.weights(np.clip(asked, box.low, box.high))


class Asked(NamedTuple):
    """One question, put to both.

    Attributes:
        difference: Largest difference between two weights.
        own_s: Processor time of the search's own way.
        skopt_s: Processor time through skopt.
    """

    difference: float
    own_s: float
    skopt_s: float


def play(landscape: Landscape, seed: int, images: int) -> None:
    """A search by the default."""
    run_search(
        landscape.score,
        n_partners=landscape.shape[0],
        n_groups=landscape.shape[1],
        bounds=(landscape.kind.low, landscape.kind.high),
        budget_images=images,
        pool_size=POOL,
        seed=seed,
    )


def both_ways(search: Callable[[], object]) -> list[Asked]:
    """Every question that the default search asks while something is played, put to both."""
    asked: list[Asked] = []

    def both(posterior: Posterior, box: Box, **how: Any) -> Floats:
        state = how.pop("chance").get_state()
        weights, seconds = [], []
        for way in (suggest, through_skopt):
            chance = np.random.RandomState()
            chance.set_state(state)
            began = time.process_time()
            weights.append(way(posterior, box, chance=chance, **how))
            seconds.append(time.process_time() - began)
        asked.append(Asked(float(np.abs(weights[0] - weights[1]).max()), *seconds))
        return weights[0]

    with mock.patch.object(default, "suggest", both):
        search()
    return asked


def report(asked: Sequence[Asked]) -> str:
    """In words; proposals are rounded to four decimals before they are drawn."""
    differences = sorted(one.difference for one in asked)
    own, through = sum(one.own_s for one in asked), sum(one.skopt_s for one in asked)
    same = sum(difference < 5e-5 for difference in differences)
    return (
        f"{len(asked)} questions: {same} answered alike, largest difference {differences[-1]:.1e}, median "
        f"{differences[len(asked) // 2]:.1e}. Processor time {own:.2f} s, through skopt.Optimizer {through:.2f} s: "
        f"{through / own:.1f} times as much."
    )


def main() -> None:
    """Plays, compares and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--images", type=int, default=640)
    parser.add_argument("--partners", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    together = []
    for partners in options.partners:
        of_size = []
        for kind in KINDS:
            for seed in range(options.seeds):
                landscape = Landscape(kind, partners, GROUPS, seed, POOL)
                of_size += both_ways(partial(play, landscape, seed, options.images))
        print(f"{partners * GROUPS} weights: {report(of_size)}")
        together += of_size
    print(f"All: {report(together)}")


if __name__ == "__main__":
    main()
