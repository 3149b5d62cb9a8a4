"""A small landscape with a known truth, for the tests of the search."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lib_rimo.search.history import Floats

POOL = 64


class Bowl:
    """A quadratic bowl around an optimum that differs between groups; prompts differ in ease and in taste."""

    def __init__(self, seed: int, n_partners: int = 2, n_groups: int = 3, *, height: float = 0.15) -> None:
        rng = np.random.default_rng(seed)
        self.best = np.where(rng.uniform(size=(n_partners, n_groups)) < 0.5, 0.35, -0.05)
        self.height = height
        self.scale = float((self.best**2).sum())
        self.ease = 0.12 * rng.standard_normal(POOL)
        self.taste = 0.15 * rng.standard_normal((POOL, n_partners, n_groups))

    def truth(self, weights: Floats) -> float:
        """Expected score: 0.5 for the base, ``0.5 + height`` at best."""
        loss = float(((weights - self.best) ** 2).sum()) / self.scale
        return max(0.5 + self.height * (1.0 - loss), 0.0)

    def score(self, weights: Floats, prompt_ids: npt.NDArray[np.intp]) -> Floats:
        """Scores of pictures; the same picture always scores the same."""
        chance = np.random.default_rng(np.frombuffer(np.ascontiguousarray(weights).tobytes(), np.uint32))
        noise = 0.04 * chance.standard_normal(POOL)[prompt_ids]
        likes = (self.taste[prompt_ids] * weights).sum(axis=(1, 2))
        return np.asarray(np.clip(self.truth(weights) + self.ease[prompt_ids] + likes + noise, 0.0, 1.0))
