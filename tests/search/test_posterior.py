"""The model of recipes and prompts against the same model written out in full."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from lib_rimo.errors import SettingsError
from lib_rimo.search.history import Floats, Observation, freeze, tabulate
from lib_rimo.search.kernel import Kernel, distances
from lib_rimo.search.posterior import (
    LEVEL_SD,
    NUGGET_SD,
    Fit,
    Hyper,
    condition,
    evidence_and_slope,
    fit_hyper,
    kernel_of,
    log_evidence,
)

HYPER = Hyper(0.1, 0.6, 0.15, 0.08, 0.5, 0.07, (0.4, 0.35, 0.25), (1.2, 0.7, 1.0))
KERNEL = kernel_of(HYPER, 3)
TASTE = Kernel(3, (1.0, 0.0, 0.0), HYPER.taste_length)
FIT = Fit((0.3, 0.3, 0.4), share_sd=1.0, relevance_sd=0.5, iterations=30)


def history(seed: int = 0) -> list[Observation]:
    """Seven recipes of 2 x 3 weights on overlapping prompts, one of them met twice."""
    rng = np.random.default_rng(seed)
    recipes = [np.zeros((2, 3)), *rng.uniform(-0.1, 0.5, size=(6, 2, 3))]
    out = []
    for i, w in enumerate([*recipes, recipes[3]]):
        prompts = rng.permutation(12)[: 5 + i % 3]
        scores = tuple(rng.uniform(0.2, 0.9, size=len(prompts)))
        out.append(Observation(freeze(w), tuple(prompts), scores, "blocks"))
    return out


def dense(observations: list[Observation]) -> tuple[Floats, Floats, Floats]:
    """Pictures as a vector, its covariance, and the covariance with each recipe's expected score."""
    table = tabulate(observations, 6)
    pictures: dict[tuple[int, int], float] = {}
    for o in observations:
        for p, s in zip(o.prompt_ids, o.scores, strict=True):
            pictures.setdefault((table.find(o.weights), p), s)
    corr, taste = KERNEL(table.weights, table.weights), TASTE(table.weights, table.weights)
    prior = LEVEL_SD**2 + HYPER.gain_sd**2 * corr + NUGGET_SD**2 * np.eye(len(corr))
    of = np.array([i for i, _ in pictures])
    prompt = np.array([p for _, p in pictures])
    same = prompt[:, None] == prompt[None, :]
    cov = prior[np.ix_(of, of)]
    cov = cov + same * (HYPER.prompt_sd**2 + HYPER.taste_sd**2 * taste[np.ix_(of, of)])
    cov = cov + HYPER.noise_sd**2 * np.eye(len(of))
    return np.array(list(pictures.values())), cov, prior[:, of]


def test_posterior_is_that_of_all_pictures() -> None:
    """Summing up prompt by prompt loses nothing: mean and covariance are those of the full Gaussian."""
    observations = history()
    table = tabulate(observations, 6)
    scores, cov, cross = dense(observations)
    known = condition(table, HYPER, 3)
    corr = KERNEL(table.weights, table.weights)
    prior = LEVEL_SD**2 + HYPER.gain_sd**2 * corr + NUGGET_SD**2 * np.eye(len(corr))
    np.testing.assert_allclose(known.mean, cross @ np.linalg.solve(cov, scores), atol=1e-9)
    np.testing.assert_allclose(known.cov, prior - cross @ np.linalg.solve(cov, cross.T), atol=1e-9)


def test_evidence_differs_from_the_density_by_a_constant() -> None:
    """The evidence orders scales as the density of the pictures does."""
    observations = history()
    scores, cov, _ = dense(observations)
    exact = multivariate_normal.logpdf(scores, np.zeros(len(scores)), cov)
    constant = -0.5 * len(scores) * np.log(2 * np.pi)
    assert evidence(HYPER) == pytest.approx(exact - constant, abs=1e-6)


def evidence(hyper: Hyper) -> float:
    """Log evidence of the history above."""
    table = tabulate(history(), 6)
    return log_evidence(table, hyper, kernel_of(hyper, 3))


def test_slope_of_the_evidence_is_its_slope() -> None:
    """The evidence's derivatives in every scale, share and relevance agree with finite differences."""
    table = tabulate(history(), 6)
    slope = evidence_and_slope(table, distances(table.weights, table.weights, 3), HYPER, KERNEL)[1]
    at = np.array([*np.log(HYPER[:6]), *HYPER.shares, *np.log(HYPER.relevance)])

    def there(point: Floats) -> float:
        shares = (float(point[6]), float(point[7]), float(point[8]))
        return evidence(Hyper(*np.exp(point[:6]).tolist(), shares, tuple(np.exp(point[9:]).tolist())))

    step = 1e-5 * np.eye(len(at))
    np.testing.assert_allclose(
        slope, [(there(at + d) - there(at - d)) / 2e-5 for d in step], rtol=1e-5, atol=1e-5
    )


def test_fitted_scales_are_more_probable_than_where_they_started() -> None:
    """The fit climbs, and recovers the noise of many noisy pictures."""
    rng = np.random.default_rng(1)
    ease = rng.normal(0, 0.15, 60)
    observations = []
    for i in range(24):
        w = np.zeros((2, 3)) if i == 0 else rng.uniform(0, 0.4, size=(2, 3))
        prompts = rng.permutation(60)[:16]
        scores = np.clip(0.5 + ease[prompts] + 0.02 * rng.standard_normal(16), 0, 1)
        observations.append(Observation(freeze(w), tuple(prompts), tuple(scores)))
    fitted = fit_hyper(tabulate(observations, 6), 6, 3, FIT)
    assert 0.10 < fitted.prompt_sd < 0.25
    assert np.hypot(fitted.noise_sd, fitted.taste_sd) < 0.05


def test_gradient_is_the_slope() -> None:
    """The kernel's gradient agrees with finite differences."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 0.3, 6), rng.normal(0, 0.3, (5, 6))
    step = 1e-6 * np.eye(6)
    slope = [(KERNEL((a + d)[None], b)[0] - KERNEL((a - d)[None], b)[0]) / 2e-6 for d in step]
    np.testing.assert_allclose(KERNEL.gradient(a, b), np.array(slope).T, atol=1e-8)


def test_correlation_is_one_at_no_distance_and_falls() -> None:
    """A recipe is like itself, and less like others the farther they are."""
    line = np.linspace(0, 1, 5)[:, None] * np.ones(6)
    corr = KERNEL(line[:1], line)[0]
    assert corr[0] == pytest.approx(1.0)
    assert (np.diff(corr) < 0).all()


def test_a_repeated_picture_counts_once() -> None:
    """Drawing the same picture again costs images and teaches nothing."""
    once = history()
    table, again = tabulate(once, 6), tabulate([*once, once[2]], 6)
    assert again.images == table.images + len(once[2].scores)
    np.testing.assert_array_equal(condition(table, HYPER, 3).mean, condition(again, HYPER, 3).mean)


@pytest.mark.parametrize(
    ("prompts", "scores", "stage"),
    [
        ((0, 1), (0.5,), "base"),
        ((0,), (1.5,), "base"),
        ((0,), (float("nan"),), "base"),
        ((0,), (0.5,), "new"),
    ],
)
def test_a_bad_observation_is_refused(
    prompts: tuple[int, ...], scores: tuple[float, ...], stage: str
) -> None:
    """An observation has a score in [0, 1] for each prompt and a known stage."""
    with pytest.raises(SettingsError):
        Observation(((0.0,),), prompts, scores, stage)
