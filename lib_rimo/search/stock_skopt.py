"""Stock ``skopt.Optimizer`` with nothing replaced, so that a comparison is one switch.

As the package has it: ten recipes, the base and random ones; then a Gaussian process with a Matern 5/2 kernel, one
length per weight and fitted noise, hedging between three acquisition functions; a recipe that was met before becomes a
random one. Every trial draws the same prompts, as a function that is minimised would, and the result is the best trial
as observed. Weights that are tied are one dimension of its space, those that are frozen none.

The optimiser is told one observation after the other and asked after each, whether they are being made or come from a
journal: it draws chance at each step, so only this gives the same asks again.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from lib_rimo.search.acquisition import Box
from lib_rimo.search.history import Floats, Incumbent, Observation, Proposal, Weights, images_of
from lib_rimo.search.problem import Problem
from lib_rimo.search.settings import SearchSettings


class StockSkopt:
    """See the module. Args: the problem and the settings, of which the number of prompts per trial counts."""

    label = "scikit-optimize"
    reason = "Its optimizer as it comes, on the same prompts for every mix. Finds less with as many images."
    needs = ("skopt",)

    def __init__(self, problem: Problem, settings: SearchSettings) -> None:
        self.problem = problem
        self._count = min(settings.prompts_per_trial, problem.pool_size, problem.budget_images)
        self._box = Box.of(problem)
        self._told: tuple[Observation, ...] = ()
        self._optimizer: Any = None
        self._asked: Sequence[float] = ()

    def ask(self, history: Sequence[Observation], pending: Sequence[Proposal] = ()) -> Proposal | None:
        """The next trial; None when the budget has no room for another.

        What is being drawn counts as if it had scored like the best so far, which is skopt's own way.
        """
        problem = self.problem
        problem.check(history)
        if images_of(history) + sum(len(p.prompt_ids) for p in pending) + self._count > problem.budget_images:
            return None
        prompts = tuple(int(p) for p in problem.rotation()[: self._count])
        if not history and not pending:
            return Proposal(problem.zero(), prompts, "base")
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of recipes met before, and scikit-learn's of lengths at their bounds
            asked = self._beside(history, pending) if pending else self._after(history)
        return Proposal(problem.matrix(self._box.weights(np.asarray(asked))), prompts, "blocks")

    def leader(self, history: Sequence[Observation]) -> Incumbent:
        """The best trial as observed; its interval knows nothing of the selection."""
        return Incumbent.observed(history, [float(np.mean(o.scores)) for o in history])

    def _after(self, history: Sequence[Observation]) -> Sequence[float]:
        """Where the optimiser looks when it was told a history. What was told before is not told again."""
        known = len(self._told)
        if self._optimizer is None or self._told != tuple(history[:known]):
            self._told, self._optimizer = (), self._fresh([4])
        for observation in history[len(self._told) :]:
            if (place := self._place(observation.weights)) is not None:
                self._optimizer.tell(place, -float(np.mean(observation.scores)))
            self._asked = self._optimizer.ask()
            self._told += (observation,)
        return self._asked

    def _beside(self, history: Sequence[Observation], pending: Sequence[Proposal]) -> Sequence[float]:
        """Where a copy of it looks when it was told that ``pending`` are as good as the best."""
        optimizer = self._fresh([5, len(history), len(pending)])
        known = [(self._place(o.weights), -float(np.mean(o.scores))) for o in history]
        told = [(place, value) for place, value in known if place is not None]
        best = min((value for _, value in told), default=0.0)
        told += [(place, best) for p in pending if (place := self._place(p.weights)) is not None]
        if told:
            optimizer.tell([place for place, _ in told], [value for _, value in told])
        asked: Sequence[float] = optimizer.ask()
        return asked

    def _fresh(self, chance: list[int]) -> Any:
        from skopt import Optimizer
        from skopt.space import Real

        space = [
            Real(float(low), float(high)) for low, high in zip(self._box.low, self._box.high, strict=True)
        ]
        return Optimizer(
            space, "GP", random_state=np.random.RandomState([self.problem.seed % 2**32, *chance])
        )

    def _place(self, weights: Weights) -> list[float] | None:
        """Coordinates of a recipe; None where it lies beside the space that is searched."""
        flat = np.asarray(weights, dtype=np.float64).reshape(1, -1)
        place: Floats = self._box.coordinates(flat)
        inside = ((place >= self._box.low) & (place <= self._box.high)).all()
        there = np.allclose(self._box.weights(place), flat, rtol=0.0, atol=1e-9)
        return place[0].tolist() if inside and there else None
