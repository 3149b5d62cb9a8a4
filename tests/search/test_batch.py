"""Several trials at once."""

from __future__ import annotations

import numpy as np
import pytest

from lib_rimo.search import Observation, Proposal, Strategy, ask_batch, make_strategy
from lib_rimo.search.history import tabulate
from lib_rimo.search.posterior import condition, expected, prior
from tests.search.landscape import POOL, Bowl


def default(budget: int) -> Strategy:
    """For the bowl."""
    return make_strategy(
        "default", n_partners=2, n_groups=3, bounds=(-0.2, 0.6), budget_images=budget, pool_size=POOL, seed=1
    )


def answered(bowl: Bowl, proposal: Proposal) -> Observation:
    """The proposal, drawn."""
    return proposal.answered(bowl.score(np.array(proposal.weights), np.array(proposal.prompt_ids)))


def test_batches_of_four_find_nearly_as_much() -> None:
    """On a bowl, four at a time end near the top as well."""
    shares = []
    for seed in range(2):
        bowl, search, history = Bowl(seed), default(500), []
        while batch := ask_batch(search, history, 4):
            history += [answered(bowl, p) for p in batch]
        shares.append((bowl.truth(np.array(search.leader(history).weights)) - 0.5) / bowl.height)
    assert min(shares) > 0.75


def test_pending_recipes_are_not_asked_again() -> None:
    """A fresh ask beside pending ones is another recipe, and a pure function of both."""
    bowl, search, history = Bowl(0), default(400), []
    for _ in range(12):
        proposal = search.ask(history)
        assert proposal is not None
        history.append(answered(bowl, proposal))
    first = search.ask(history)
    assert first is not None
    second = search.ask(history, [first])
    assert second is not None
    assert second.weights != first.weights
    assert second == default(400).ask(history, [first])


def test_expected_scores_are_those_of_the_full_model() -> None:
    """At a recipe that was met, on prompts that it met many noiseless pictures of, its scores come back."""
    bowl = Bowl(0)
    rng = np.random.default_rng(0)
    history = []
    for at in range(12):
        weights = np.zeros((2, 3)) if at == 0 else rng.uniform(0, 0.4, (2, 3)).round(3)
        ids = np.arange(20)
        scores = tuple((bowl.score(weights, ids)).tolist())
        history.append(Observation(tuple(map(tuple, weights.tolist())), tuple(ids.tolist()), scores))
    table = tabulate(history, 6)
    hyper = prior(6, (0.3, 0.3, 0.4))._replace(noise_sd=1e-4)
    known = condition(table, hyper, 3)
    for o in (history[0], history[5]):
        found = expected(known, np.array(o.weights).reshape(-1), o.prompt_ids)
        np.testing.assert_allclose(found, o.scores, atol=3e-3)
    far = expected(known, np.zeros(6), [63])
    assert far[0] == pytest.approx(known.mean[0], abs=3e-3)
