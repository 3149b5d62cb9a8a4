"""A search strategy made outside of the program: random steps from the best mix so far, smaller and smaller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lib_rimo.search import Incumbent, Observation, Problem, Proposal, SearchSettings


class Steps:
    """One step from the best mix as observed, each on the same prompts."""

    label = "Random steps"
    reason = "From the best mix so far; each step is a little smaller than the one before."

    def __init__(self, problem: Problem, settings: SearchSettings) -> None:
        self.problem = problem
        self.prompts = tuple(int(p) for p in problem.rotation()[: settings.prompts_per_trial])

    def ask(self, history: Sequence[Observation], pending: Sequence[Proposal] = ()) -> Proposal | None:
        """The base first, then a step, until no further trial fits into the budget."""
        drawn = [*history, *pending]
        count = min(len(self.prompts), self.problem.budget_images)
        if sum(len(one.prompt_ids) for one in drawn) + count > self.problem.budget_images:
            return None
        if not drawn:
            return Proposal(self.problem.zero(), self.prompts[:count], "base")
        chance = np.random.default_rng([self.problem.seed, len(drawn)])
        here = np.array(self.leader(history).weights if history else self.problem.zero()).reshape(-1)
        reach = 0.3 * 0.95 ** len(drawn) * (self.problem.high - self.problem.low)
        step = self.problem.matrix(here + reach * chance.standard_normal(self.problem.size))
        return Proposal(step, self.prompts[:count], "blocks")

    def leader(self, history: Sequence[Observation]) -> Incumbent:
        """The best mix as observed."""
        return Incumbent.observed(history, [float(np.mean(one.scores)) for one in history])
