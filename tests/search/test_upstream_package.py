"""Our upstream strategies against the package that upstream calls; skipped where it is not installed."""

from __future__ import annotations

import numpy as np
import pytest

from lib_rimo.search import Observation, make_strategy
from lib_rimo.search.history import Floats, freeze
from lib_rimo.search.landscape import Landscape
from lib_rimo.search.upstream import UpstreamTheater, fit_bound

bayes_opt = pytest.importorskip("bayes_opt", reason="bayesian-optimization is not installed")

SHAPE = (2, 3)
BOUNDS = (-0.12, 0.5)


def history(seed: int, trials: int = 24) -> list[Observation]:
    """Random recipes of a landscape on the same 100 prompts, the zero recipe first."""
    landscape = Landscape("small", *SHAPE, seed, 120)
    rng = np.random.default_rng(seed)
    out = []
    for at in range(trials):
        weights = np.zeros(SHAPE) if at == 0 else rng.uniform(*BOUNDS, size=SHAPE)
        scores = landscape.score(weights, np.arange(100))
        out.append(Observation(freeze(weights), tuple(range(100)), tuple(scores.tolist())))
    return out


def strategy(seed: int) -> UpstreamTheater:
    """Ours."""
    made = make_strategy(
        "upstream-theater",
        n_partners=SHAPE[0],
        n_groups=SHAPE[1],
        bounds=BOUNDS,
        budget_images=10_000,
        pool_size=120,
        seed=seed,
    )
    assert isinstance(made, UpstreamTheater)
    return made


def package(x: Floats, targets: Floats, seed: int):
    """The package, told the same trials."""
    names = [f"w{i}" for i in range(x.shape[1])]
    optimizer = bayes_opt.BayesianOptimization(
        f=None, pbounds=dict.fromkeys(names, BOUNDS), random_state=seed, verbose=0
    )
    for row, target in zip(x, targets, strict=True):
        optimizer.register(dict(zip(names, row.tolist(), strict=True)), float(target))
    return optimizer


@pytest.mark.filterwarnings(
    "ignore"
)  # of scikit-learn, about lengths at their bounds; upstream ignores them too
@pytest.mark.parametrize("seed", range(4))
def test_same_process_and_as_good_an_ask(seed: int) -> None:
    """Given the same trials, length, mean and spread agree, and our ask is worth as much to the package as its own."""
    observations, ours = history(seed), strategy(seed)
    x = np.array([np.array(o.weights).reshape(-1) for o in observations])
    targets = ours.targets(observations)
    theirs = package(x, targets, seed)
    suggested = np.array(list(theirs.suggest().values()))
    # The likelihood has a second top at no length at all, where some restarts of either end: compare like with like.
    length = float(theirs._gp.kernel_.length_scale)
    fits = [fit_bound(x, targets, np.random.RandomState([seed, i])) for i in range(6)]
    bound = min(fits, key=lambda fit: abs(fit.length - length))
    assert bound.length == pytest.approx(length, rel=1e-2)
    points = np.random.default_rng(seed).uniform(*BOUNDS, size=(50, x.shape[1]))
    mean, sd = theirs._gp.predict(points, return_std=True)
    np.testing.assert_allclose(bound.moments(points)[0], mean, atol=1e-3)
    np.testing.assert_allclose(bound.moments(points)[1], sd, atol=1e-3)
    asked = bound.best(ours.problem.low, ours.problem.high, np.random.RandomState(seed))
    value, best = bound.values(np.stack([asked, suggested]))
    assert value == pytest.approx(best, abs=0.05 * float(targets.std()))
