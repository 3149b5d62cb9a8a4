"""Whole searches on landscapes with a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.errors import SettingsError
from lib_rimo.search import STRATEGIES, ScoreError, SearchResult, SearchSettings, run_search
from lib_rimo.search.history import Floats, Ints
from tests.search.landscape import POOL, Bowl

QUICK = SearchSettings(n_points=40, n_restarts=1, fit_iterations=2)


def search(bowl: Bowl, budget: int, seed: int, strategy: str = "default") -> SearchResult:
    """A search of the bowl with the defaults."""
    return run_search(
        bowl.score,
        n_partners=2,
        n_groups=3,
        bounds=(-0.2, 0.6),
        budget_images=budget,
        pool_size=POOL,
        seed=seed,
        strategy=strategy,
    )


def flat(weights: Floats, ids: Ints) -> Floats:
    """A landscape on which nothing matters."""
    return np.full(len(ids), 0.5)


def test_beats_the_trivial_recipes() -> None:
    """Block-wise search ends above the uniform average and small equal weights, and near the top, on every seed."""
    shares = []
    for seed in range(4):
        bowl = Bowl(seed)
        found = bowl.truth(search(bowl, 500, seed).weights)
        shares.append((found - 0.5) / bowl.height)
        for equal in (0.1, 0.2, 1 / 3):
            assert found > bowl.truth(np.full((2, 3), equal))
    assert float(np.median(shares)) > 0.85


def test_truth_lies_in_the_interval() -> None:
    """The gain's interval holds the true gain on most seeds, and is narrower than the gain itself."""
    hits = 0
    for seed in range(8):
        bowl = Bowl(100 + seed)
        result = search(bowl, 240, seed)
        truth = bowl.truth(result.weights) - 0.5
        hits += result.leader.gain_low <= truth <= result.leader.gain_high
        assert result.leader.gain_high - result.leader.gain_low < 0.15
        assert result.low <= result.accuracy <= result.high
    assert hits >= 6


def test_base_is_kept_when_nothing_beats_it() -> None:
    """Where every change hurts, the zero recipe is returned, with no gain claimed."""

    def hurts(weights: Floats, ids: Ints) -> Floats:
        ease = np.random.default_rng(5).normal(0.7, 0.1, POOL)[ids]
        return np.asarray(np.clip(ease - 0.5 * np.abs(weights).sum(), 0.0, 1.0))

    result = run_search(
        hurts, n_partners=2, n_groups=3, bounds=(-0.2, 0.6), budget_images=240, pool_size=POOL, seed=0
    )
    assert not result.weights.any()
    assert result.leader.gain == result.leader.gain_low == result.leader.gain_high == 0.0


def test_constant_scores_end_with_the_base() -> None:
    """A landscape without any difference is searched to the end without a warning, and the base stays."""
    result = run_search(
        flat, n_partners=1, n_groups=2, bounds=(0, 1), budget_images=160, pool_size=20, seed=3
    )
    assert not result.weights.any()
    assert result.accuracy == pytest.approx(0.5, abs=0.01)


@settings(max_examples=12, deadline=None)
@given(
    n_partners=st.integers(1, 3),
    n_groups=st.integers(1, 3),
    budget=st.integers(24, 260),
    pool=st.integers(8, 60),
    low=st.floats(-0.5, 0.2),
    span=st.floats(0.05, 1.0),
    strategy=st.sampled_from(STRATEGIES.names()),
    seed=st.integers(0, 5),
)
def test_budget_bounds_and_zero_first(
    n_partners: int, n_groups: int, budget: int, pool: int, low: float, span: float, strategy: str, seed: int
) -> None:
    """No search overdraws its budget, repeats a prompt, leaves its bounds or starts with a recipe other than zero."""
    result = run_search(
        lambda w, ids: 0.5 + 0.001 * (ids % 7),
        n_partners=n_partners,
        n_groups=n_groups,
        bounds=(low, low + span),
        budget_images=budget,
        pool_size=pool,
        seed=seed,
        strategy=strategy,
        settings=QUICK,
    )
    assert result.images == sum(len(o.prompt_ids) for o in result.history) <= budget
    assert not np.array(result.history[0].weights).any()
    assert result.history[0].stage == "base"
    for o in result.history:
        assert len(set(o.prompt_ids)) == len(o.prompt_ids) > 0
        assert all(0 <= p < pool for p in o.prompt_ids)
    for o in result.history[1:]:
        free = not STRATEGIES[strategy].keeps_bounds
        inside = np.logical_and(np.array(o.weights) >= low, np.array(o.weights) <= low + span).all()
        assert free or inside or not np.array(o.weights).any()


def test_most_of_the_budget_is_used() -> None:
    """A search stops because the budget is spent, not before, and ends without a trial of a picture or two."""
    bowl = Bowl(0)
    for budget in (50, 133):
        result = search(bowl, budget, 0)
        assert result.images > budget - 8
        assert min(len(o.prompt_ids) for o in result.history) >= 4


def test_frozen_weights_stay() -> None:
    """A weight whose bounds are equal never moves from them, a single free weight is enough to search."""
    bounds = np.zeros((2, 3, 2))
    bounds[1, 2] = (-0.2, 0.6)
    bounds[0, 1] = 0.1
    bowl = Bowl(1)
    result = run_search(
        bowl.score, n_partners=2, n_groups=3, bounds=bounds, budget_images=240, pool_size=POOL, seed=0
    )
    for o in result.history[1:]:
        w = np.array(o.weights)
        assert w[0, 1] == 0.1 or not w.any()
        w[1, 2] = w[0, 1] = 0.0
        assert not w.any()


def test_recipes_beside_the_bounds_are_learnt_from() -> None:
    """Where one weight is fixed above zero and others hardly move, the base and the first recipes lie beside them."""
    bounds = np.tile((-0.2, 0.6), (2, 3, 1))
    bounds[0, 1] = 0.3
    bounds[:, 2] = (0.0, 0.05)
    bowl = Bowl(5)
    result = run_search(
        bowl.score, n_partners=2, n_groups=3, bounds=bounds, budget_images=640, pool_size=POOL, seed=0
    )
    asked = np.array([observation.weights for observation in result.history[1:]])
    assert (asked[:, 0, 1] == 0.3).all()
    assert ((asked[:, :, 2] >= 0) & (asked[:, :, 2] <= 0.05)).all()
    assert len({observation.weights for observation in result.history}) > 8


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("ties", {"ties": [[0, 0, 0]]}),
        ("bounds", {"ties": np.zeros((2, 3), int), "bounds": [[0, 0.1]] * 3 + [[0.2, 0.3]] * 3}),
        ("bounds", {"bounds": (0.5, 0.1)}),
        ("bounds", {"bounds": (0.2, 0.2)}),
        ("bounds", {"bounds": (0.0, float("nan"))}),
        ("bounds", {"bounds": [(0, 1), (0, 1)]}),
        ("budget_images", {"budget_images": 0}),
        ("budget_images", {"budget_images": 10}),
        ("pool_size", {"pool_size": 3}),
        ("n_partners", {"n_partners": 0}),
        ("n_groups", {"n_groups": 0}),
        ("seed", {"seed": -1}),
        ("strategy", {"strategy": "best"}),
    ],
)
def test_bad_input_is_named(field: str, change: dict[str, object]) -> None:
    """Every argument out of range is refused before a picture is drawn, by an error that names it."""
    arguments: dict[str, object] = {
        "n_partners": 2,
        "n_groups": 3,
        "bounds": (0.0, 1.0),
        "budget_images": 100,
        "pool_size": 50,
        "seed": 0,
    }

    def never(weights: Floats, ids: Ints) -> Floats:
        raise AssertionError("a picture was drawn")

    with pytest.raises(SettingsError) as caught:
        run_search(never, **{**arguments, **change})  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize("scores", [np.zeros(3), np.full(8, 1.5), np.full(8, np.nan), np.zeros((8, 1))])
def test_bad_scores_are_refused(scores: Floats) -> None:
    """A score function that returns too few scores, or no scores, is told so."""
    with pytest.raises(ScoreError) as caught:
        run_search(
            lambda w, ids: scores,
            n_partners=1,
            n_groups=1,
            bounds=(0, 1),
            budget_images=24,
            pool_size=8,
            seed=0,
        )
    assert caught.value.result is None


@pytest.mark.parametrize("strategy", STRATEGIES.names())
@pytest.mark.parametrize("how", ["raises", "nan"])
def test_a_failure_keeps_what_was_found(strategy: str, how: str) -> None:
    """When drawing fails in the middle, the error names the trial and carries the best of the trials before."""
    bowl = Bowl(2)
    calls = 0

    def breaks(weights: Floats, ids: Ints) -> Floats:
        nonlocal calls
        calls += 1
        if calls < 5:
            return bowl.score(weights, ids)
        if how == "raises":
            raise MemoryError("out of memory")
        return np.full(len(ids), np.nan)

    with pytest.raises(ScoreError, match="trial 5") as caught:
        run_search(
            breaks,
            n_partners=2,
            n_groups=3,
            bounds=(-0.2, 0.6),
            budget_images=900,
            pool_size=POOL,
            seed=0,
            strategy=strategy,
        )
    result = caught.value.result
    assert result is not None
    assert len(result.history) == 4
    assert result.weights.tolist() in [np.array(o.weights).tolist() for o in result.history]


def test_every_recipe_worthless_ends_with_the_base() -> None:
    """Where every mix scores nothing, the search ends on its own, inside its budget, with the base."""

    def garbage(weights: Floats, ids: Ints) -> Floats:
        return np.zeros(len(ids)) if weights.any() else np.full(len(ids), 0.6)

    result = run_search(
        garbage, n_partners=3, n_groups=2, bounds=(0.0, 1.0), budget_images=200, pool_size=40, seed=1
    )
    assert not result.weights.any()
    assert result.images <= 200


def test_one_partner_in_one_group() -> None:
    """The smallest problem there is, a single weight, is searched like any other."""
    bowl = Bowl(3, 1, 1)
    result = run_search(
        bowl.score, n_partners=1, n_groups=1, bounds=(-0.2, 0.6), budget_images=160, pool_size=POOL, seed=0
    )
    assert bowl.truth(result.weights) > 0.5
