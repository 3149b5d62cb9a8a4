"""Random recipes: what a search has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lib_rimo.search.default import DefaultStrategy
from lib_rimo.search.history import Observation, Weights


class RandomStrategy(DefaultStrategy):
    """Uniform recipes in a shrunken box, read by the same model as the default's; in the end the leaders once more."""

    label = "Random mixes"
    reason = "In half of the range of weights, read by the same model. What any other search has to beat."
    polishes = False

    def _next(self, history: Sequence[Observation], full: int) -> tuple[Weights, str, int]:
        problem = self.problem
        rng = np.random.default_rng([problem.seed, 3, len(history)])
        shrunk = self.settings.random_shrink * rng.uniform(problem.low, problem.high)
        return problem.matrix(shrunk), "blocks", full
