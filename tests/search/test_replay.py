"""The default search goes on from a history; ``test_strategies`` has what holds of every strategy."""

from __future__ import annotations

import numpy as np

from lib_rimo.search import Observation, Strategy, make_strategy, run_search
from tests.search.landscape import POOL, Bowl

PROBLEM = {"n_partners": 2, "n_groups": 3, "bounds": (-0.2, 0.6), "pool_size": POOL, "seed": 4}


def fresh(budget: int) -> Strategy:
    """The default search without a past."""
    return make_strategy("default", **PROBLEM, budget_images=budget)


def play(budget: int) -> list[Observation]:
    """A whole search."""
    return list(run_search(Bowl(7).score, **PROBLEM, budget_images=budget).history)


def test_goes_on_with_a_larger_budget() -> None:
    """A finished search goes on from its history when it is given more pictures."""
    history = play(240)
    assert fresh(240).ask(history) is None
    more = fresh(480)
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
    history = play(400)
    count = np.bincount([p for o in history for p in o.prompt_ids], minlength=POOL)
    assert count.max() - count.min() <= 4
