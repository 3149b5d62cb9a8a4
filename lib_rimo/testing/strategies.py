"""What every search strategy has to keep to, as tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lib_rimo.search.history import Floats, Observation, Proposal, Weights, images_of
from lib_rimo.search.landscape import Landscape
from lib_rimo.search.settings import SearchSettings
from lib_rimo.search.strategy import STRATEGIES, Strategy, ask_batch, make_strategy

Score = Callable[[Floats, npt.NDArray[np.intp]], Floats]


class StrategyTestCase:
    """The laws of a search strategy. Subclass it in a test module, and name the strategy:

        class TestMine(StrategyTestCase):
            strategy = "my-name"

    Attributes:
        strategy: A name of ``STRATEGIES``.
        budget_images: Pictures of the searches that are played: enough for every stage, few enough to be quick.
        settings: Constants of the search; these make the default quick, and worse.
    """

    strategy: str
    budget_images: int = 300
    settings: SearchSettings = SearchSettings(n_points=40, n_restarts=1, fit_iterations=2)

    bounds = (-0.2, 0.6)
    shape = (2, 3)
    pool_size = 64

    _history: tuple[Observation, ...] | None = None

    def fresh(self, **changes: Any) -> Strategy:
        """A strategy without a past, for a problem of two partners and three groups unless it is changed."""
        problem = {
            "n_partners": self.shape[0],
            "n_groups": self.shape[1],
            "bounds": self.bounds,
            "budget_images": self.budget_images,
            "pool_size": self.pool_size,
            "seed": 4,
            "settings": self.settings,
        }
        return make_strategy(self.strategy, **{**problem, **changes})

    def play(self, score: Score | None = None, **changes: Any) -> list[Observation]:
        """A whole search by one object."""
        search = self.fresh(**changes)
        shape = changes.get("n_partners", self.shape[0]), changes.get("n_groups", self.shape[1])
        score = score or Landscape("mixed", *shape, 7, changes.get("pool_size", self.pool_size)).score
        history: list[Observation] = []
        while (proposal := search.ask(history)) is not None:
            history.append(answered(proposal, score))
        return history

    def history(self) -> Sequence[Observation]:
        """The search of the unchanged problem, played once for all tests of a class."""
        kept: tuple[Observation, ...] | None = type(self).__dict__.get("_history")
        if kept is None:
            kept = tuple(self.play())
            type(self)._history = kept
        return kept

    # -- a pure function of the history --------------------------------------------------------------------------

    def test_every_prefix_gives_the_next_ask(self) -> None:
        """A fresh object that is shown any prefix asks what the first object asked, and ends where it ended."""
        history = self.history()
        for at, observation in enumerate(history):
            proposal = self.fresh().ask(history[:at])
            assert proposal is not None
            assert proposal.answered(observation.scores) == observation
        assert self.fresh().ask(history) is None

    def test_one_object_may_be_asked_in_any_order(self) -> None:
        """What an object was asked before does not change its answers, and it changes nothing that it is shown."""
        history = list(self.history())
        used = self.fresh()
        used.leader(history)
        for at in (len(history) - 1, 3, len(history) // 2):
            assert used.ask(history[:at]) == self.fresh().ask(history[:at])
            assert used.leader(history[: at + 1]) == self.fresh().leader(history[: at + 1])
        assert history == list(self.history())

    def test_same_seed_same_search_other_seed_another(self) -> None:
        """Equal seeds ask equally, other seeds draw other prompts."""
        assert self.play() == list(self.history())
        other = self.fresh(seed=5).ask([])
        assert other is not None
        assert other.prompt_ids != self.history()[0].prompt_ids

    # -- what is drawn -------------------------------------------------------------------------------------------

    def test_the_base_comes_first_and_the_budget_is_kept(self) -> None:
        """The zero recipe is met first; no search overdraws, repeats a prompt in a trial, or leaves the pool."""
        for change in PROBLEMS:
            history = self.play(flat, **change)
            assert history, change
            assert not np.array(history[0].weights).any(), change
            assert history[0].stage == "base", change
            assert images_of(history) <= change.get("budget_images", self.budget_images), change
            for observation in history:
                ids = observation.prompt_ids
                assert len(set(ids)) == len(ids) > 0, change
                assert all(0 <= p < change.get("pool_size", self.pool_size) for p in ids), change

    def test_bounds_hold(self) -> None:
        """Nothing is asked outside the bounds but the zero recipe, unless the strategy says that it does not keep them.

        What leads lies inside in any case.
        """
        for change in PROBLEMS:
            low, high = change.get("bounds", self.bounds)
            history = self.play(flat, **change)
            if STRATEGIES[self.strategy].keeps_bounds:
                assert all(_inside(o.weights, low, high) for o in history[1:]), change
            search = self.fresh(**change)
            for at in range(1, len(history) + 1):
                assert _inside(search.leader(history[:at]).weights, low, high), change

    def test_frozen_weights_stay(self) -> None:
        """A weight whose bounds are equal never moves; a single free one is enough to search."""
        if not STRATEGIES[self.strategy].keeps_bounds:
            return
        bounds = np.zeros((*self.shape, 2))
        bounds[1, 2], bounds[0, 1] = self.bounds, 0.1
        history = self.play(bounds=bounds)
        assert len({o.weights for o in history}) > 2
        for weights in (np.array(o.weights) for o in history[1:]):
            assert weights[0, 1] == 0.1 or not weights.any()
            weights[1, 2] = weights[0, 1] = 0.0
            assert not weights.any()

    def test_tied_weights_are_equal(self) -> None:
        """Tied weights are the same in every recipe, and obey the bounds of all; a tied row is a global weight."""
        bounds = np.tile(self.bounds, (*self.shape, 1))
        bounds[1, 2] = (-0.1, 0.5)
        history = self.play(bounds=bounds, ties=[[0, 0, 0], [1, 2, 2]])
        assert len({o.weights for o in history}) > 4
        for weights in (np.array(o.weights) for o in history[1:]):
            assert len(set(weights[0])) == 1
            assert weights[1, 1] == weights[1, 2]
            if STRATEGIES[self.strategy].keeps_bounds:
                assert -0.1 <= weights[1, 1] <= 0.5 or not weights.any()

    # -- several at once -----------------------------------------------------------------------------------------

    def test_batches_spend_no_more_than_the_budget(self) -> None:
        """Trials that are being drawn count: batches of four end inside the budget, none has the same picture twice."""
        score = Landscape("mixed", *self.shape, 7, self.pool_size).score
        search = self.fresh()
        history: list[Observation] = []
        while batch := ask_batch(search, history, 4):
            pictures = [(p.weights, i) for p in batch for i in p.prompt_ids]
            assert len(set(pictures)) == len(pictures)
            history += [answered(p, score) for p in batch]
        assert self.budget_images * 2 / 3 < images_of(history) <= self.budget_images

    def test_an_ask_beside_others_is_a_function_of_both(self) -> None:
        """What is asked beside pending trials follows from history and pending alone; None is an answer too."""
        history = self.history()[: len(self.history()) // 2]
        first = self.fresh().ask(history)
        assert first is not None
        used = self.fresh()
        used.ask(history)
        second = used.ask(history, [first])
        assert second == self.fresh().ask(history, [first])
        assert second != first
        assert used.ask(history) == first, "what was pending is forgotten when it is withdrawn"

    # -- what is found -------------------------------------------------------------------------------------------

    def test_the_leader_is_legal_at_every_prefix(self) -> None:
        """At any time the leader is a recipe of the history with an estimate inside its interval."""
        history, search = self.history(), self.fresh()
        for at in range(1, len(history) + 1):
            known = history[:at]
            leader = search.leader(known)
            distinct = list(dict.fromkeys(o.weights for o in known))
            assert distinct[leader.index] == leader.weights
            numbers = (leader.mean, leader.sd, leader.low, leader.high, leader.gain, leader.gain_low)
            assert all(map(math.isfinite, numbers))
            assert leader.low <= leader.mean <= leader.high
            assert leader.gain_low <= leader.gain <= leader.gain_high
            if not np.array(leader.weights).any():
                assert leader.gain == 0.0

    def test_it_ends_where_nothing_differs(self) -> None:
        """Where every recipe scores the same, and where every mix scores nothing, it ends; there the base stays."""
        self.play(flat)
        worthless = self.play(_worthless)
        assert not np.array(self.fresh().leader(worthless).weights).any()


PROBLEMS: Sequence[dict[str, Any]] = (
    {},
    {"n_partners": 1, "n_groups": 1, "budget_images": 160},
    {"n_partners": 3, "n_groups": 1, "budget_images": 24, "pool_size": 8},
    {"n_partners": 1, "n_groups": 3, "budget_images": 97, "pool_size": 11, "bounds": (0.15, 0.4)},
    {
        "n_partners": 2,
        "n_groups": 2,
        "budget_images": 133,
        "pool_size": 200,
        "bounds": (-0.5, 1.5),
        "seed": 2**40,
    },
)
"""Small and awkward ones: one weight, hardly a budget, a pool that runs out, bounds without zero, a large seed."""


def answered(proposal: Proposal, score: Score) -> Observation:
    """A proposal, drawn on a landscape."""
    weights, prompts = np.array(proposal.weights), np.array(proposal.prompt_ids, dtype=np.intp)
    return proposal.answered(score(weights, prompts).tolist())


def flat(weights: Floats, prompt_ids: npt.NDArray[np.intp]) -> Floats:
    """A landscape on which recipes do not differ, only prompts."""
    return np.asarray(0.5 + 0.001 * (prompt_ids % 7) + 0.0 * weights.sum())


def _worthless(weights: Floats, prompt_ids: npt.NDArray[np.intp]) -> Floats:
    return np.full(len(prompt_ids), 0.0 if weights.any() else 0.6)


def _inside(weights: Weights, low: float, high: float) -> bool:
    flat = np.array(weights)
    return bool(((flat >= low) & (flat <= high)).all()) or not flat.any()
