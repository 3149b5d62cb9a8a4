"""Upstream's own search does what its scripts do."""

from __future__ import annotations

import numpy as np
import pytest

from lib_rimo.search import Observation, Strategy, make_strategy
from lib_rimo.search.history import Floats

BIG = 1_000_000


def strategy(name: str, n_partners: int, n_groups: int, bounds: tuple[float, float]) -> Strategy:
    """An upstream strategy with more budget than it can use."""
    return make_strategy(
        name,
        n_partners=n_partners,
        n_groups=n_groups,
        bounds=bounds,
        budget_images=BIG,
        pool_size=150,
        seed=1,
    )


def trials(search: Strategy, count: int) -> list[Observation]:
    """The first trials, scored by how near they are to 0.2."""
    history: list[Observation] = []
    while len(history) < count and (proposal := search.ask(history)) is not None:
        score = 0.8 - min(0.5, float(np.abs(np.array(proposal.weights) - 0.2).mean()))
        history.append(proposal.answered([score] * len(proposal.prompt_ids)))
    return history


def test_theater_is_51_trials_of_the_same_100_prompts() -> None:
    """Zero, 6 random, 44 asks, each on the same 100 prompts; then the epoch ends."""
    search = strategy("upstream-theater", 1, 2, (-0.12, 0.5))
    history = trials(search, 60)
    assert len(history) == 51
    assert {o.prompt_ids for o in history} == {history[0].prompt_ids}
    assert len(history[0].prompt_ids) == 100
    assert not np.array(history[0].weights).any()
    assert search.ask(history) is None
    assert np.abs(np.array(search.leader(history).weights) - 0.2).max() < 0.05


def test_ro_probes_each_partner_even_outside_the_bounds() -> None:
    """Zero, each partner alone at weight one, two random per model; a probe outside the bounds cannot win."""
    search = strategy("upstream-ro", 3, 2, (-0.3, 0.8))
    history: list[Observation] = []
    for at in range(13):
        proposal = search.ask(history)
        assert proposal is not None
        history.append(proposal.answered([0.9 if at == 2 else 0.5] * 100))
    assert [np.array(o.weights).sum(axis=1).tolist() for o in history[:4]] == [
        [0, 0, 0],
        [2, 0, 0],
        [0, 2, 0],
        [0, 0, 2],
    ]
    random = np.array([o.weights for o in history[4:12]])
    assert len({o.weights for o in history[4:12]}) == 8
    assert random.min() >= -0.3
    assert random.max() <= 0.8
    assert search.leader(history).index != 2


@pytest.mark.parametrize(
    ("name", "weights", "penalty"),
    [
        ("upstream-theater", [[0.5, -0.1]], 0.0005),
        ("upstream-theater", [[1.5, 0.2]], 0.0),  # a negative base is free
        ("upstream-ro", [[1.5, 0.2]], 0.05 * 0.5 / 4),
        ("upstream-ro", [[0.5, -0.1]], 0.05 * 0.1 / 4),
    ],
)
def test_penalty_of_negative_weights(name: str, weights: list[list[float]], penalty: float) -> None:
    """Each script takes off what it takes off, so that a tie is decided against negative weights."""
    search = strategy(name, 1, 2, (-2.0, 2.0))
    ids = tuple(range(4))
    zero = Observation(((0.0, 0.0),), ids, (0.5,) * 4, "base")

    def wins(lead: float) -> bool:
        score = (0.5 + lead,) * 4
        other = Observation(tuple(map(tuple, weights)), ids, score, "blocks")
        return search.leader([zero, other]).index == 1

    assert wins(penalty + 1e-5)
    assert not wins(penalty - 1e-5)


def test_asks_follow_the_upper_confidence_bound() -> None:
    """On a clear slope the asks go where the scores rise."""
    search = strategy("upstream-theater", 1, 1, (0.0, 1.0))

    def slope(weights: Floats) -> float:
        return 0.3 + 0.4 * float(weights[0, 0])

    history: list[Observation] = []
    for _ in range(12):
        proposal = search.ask(history)
        assert proposal is not None
        history.append(proposal.answered([slope(np.array(proposal.weights))] * 100))
    assert search.leader(history).weights[0][0] > 0.95
