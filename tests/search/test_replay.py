"""The search is a function of history and seed: resuming is replaying."""

from __future__ import annotations

import numpy as np
import pytest

from lib_rimo.search import STRATEGIES, Observation, Strategy, make_strategy, run_search
from tests.search.landscape import POOL, Bowl

BUDGET = {"default": 300, "random": 160, "upstream-theater": 9 * POOL, "upstream-ro": 11 * POOL}
"""Enough for every stage of a strategy: the upstream ones ask their model twice."""


def fresh(strategy: str, budget: int, seed: int = 4) -> Strategy:
    """A strategy object without a past."""
    return make_strategy(
        strategy,
        n_partners=2,
        n_groups=3,
        bounds=(-0.2, 0.6),
        budget_images=budget,
        pool_size=POOL,
        seed=seed,
    )


def play(strategy: str, budget: int, seed: int = 4) -> list[Observation]:
    """A whole search by one object."""
    result = run_search(
        Bowl(7).score,
        n_partners=2,
        n_groups=3,
        bounds=(-0.2, 0.6),
        budget_images=budget,
        pool_size=POOL,
        seed=seed,
        strategy=strategy,
    )
    return list(result.history)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_prefix_gives_the_next_ask(strategy: str) -> None:
    """A fresh object that is shown any prefix asks what the first object asked, and ends where it ended."""
    history = play(strategy, BUDGET[strategy])
    for at, observation in enumerate(history):
        proposal = fresh(strategy, BUDGET[strategy]).ask(history[:at])
        assert proposal is not None
        assert proposal.answered(observation.scores) == observation
    assert fresh(strategy, BUDGET[strategy]).ask(history) is None


def test_one_object_may_be_asked_in_any_order() -> None:
    """What an object was asked before does not change its answers: its cache is only a cache."""
    history = play("default", 300)
    used = fresh("default", 300)
    used.leader(history)
    for at in (len(history) - 1, 3, len(history) // 2, 10, len(history) // 2):
        assert used.ask(history[:at]) == fresh("default", 300).ask(history[:at])
        assert used.leader(history[: at + 1]) == fresh("default", 300).leader(history[: at + 1])


def test_same_seed_same_search_other_seed_another() -> None:
    """Equal seeds ask equally, other seeds draw other prompts."""
    first = play("default", 160)
    assert first == play("default", 160)
    assert first[0].prompt_ids != play("default", 160, seed=5)[0].prompt_ids


def test_goes_on_with_a_larger_budget() -> None:
    """A finished search goes on from its history when it is given more pictures."""
    history = play("default", 240)
    assert fresh("default", 240).ask(history) is None
    more = fresh("default", 480)
    bowl = Bowl(7)
    before = more.leader(history)
    while (proposal := more.ask(history)) is not None:
        scores = bowl.score(np.array(proposal.weights), np.array(proposal.prompt_ids, dtype=np.intp))
        history.append(proposal.answered(scores))
    assert 470 < sum(len(o.prompt_ids) for o in history) <= 480
    after = more.leader(history)
    assert after.sd < before.sd


def test_prompts_rotate_evenly() -> None:
    """Every prompt of the pool is drawn about equally often."""
    history = play("default", 400)
    count = np.bincount([p for o in history for p in o.prompt_ids], minlength=POOL)
    assert count.max() - count.min() <= 4
