"""Synthetic landscapes to try a search on: no models, exact truth, one number per kind of difficulty.

Notation
    w    weights, shape (n_partners, n_groups); flattened partner by partner
    w*   the optimum before the penalties
    f    noise-free expected accuracy; f(0) = 0.600, max f = 0.700

    f = 0.7 - 0.1 * loss(w) / loss(0), bent so that large losses saturate, times a cliff towards garbage
    loss = (w - w*)' Q (w - w*) + penalties on extrapolation in each group

A picture of prompt p scores f(w) + a_p + c_p(w) + e: a_p sd .15; c_p smooth in w, sd .08 between distant recipes; e the
seed's part, sd .06, 70 % smooth and 30 % chaotic in w; clipped and rounded to 1/32. Same prompt and same weights give
the same score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """What makes a landscape of one kind.

    Attributes:
        mean: Mean of the optimum's weights; divided by the root of the number of partners.
        spread: Their standard deviation between groups.
        zeros: Share of weights whose optimum is exactly zero.
        low: Lower bound of the search.
        high: Upper bound.
        dense: Whether the quadratic form couples everything with everything instead of neighbours.
        plateau: Whether the gain comes in steps rather than as a parabola.
    """

    mean: float
    spread: float
    zeros: float
    low: float
    high: float
    dense: bool = False
    plateau: bool = False


KINDS = {
    "small": Kind(0.16, 0.08, 0.25, -0.12, 0.5),
    "large": Kind(0.42, 0.12, 0.1, -0.3, 0.8),
    "mixed": Kind(0.0, 0.16, 0.1, -0.3, 0.5),
    "sparse": Kind(0.0, 0.3, 0.75, -0.3, 0.6),
    "dense": Kind(0.12, 0.12, 0.25, -0.12, 0.5, dense=True),
    "plateau": Kind(0.16, 0.1, 0.25, -0.12, 0.5, plateau=True),
}


class Landscape:
    """One landscape. Args: kind, shape, seed, and the size of the prompt pool."""

    def __init__(self, kind: str, n_partners: int, n_groups: int, seed: int, pool_size: int) -> None:
        self.kind = KINDS[kind]
        self.shape = (n_partners, n_groups)
        k, size = self.kind, n_partners * n_groups
        rng = np.random.default_rng([seed, sorted(KINDS).index(kind), n_partners, n_groups])
        best = k.mean / math.sqrt(n_partners) + k.spread * rng.standard_normal(size)
        best *= rng.uniform(size=size) >= k.zeros
        if k.zeros > 0.5:
            best = np.abs(best) * np.where(rng.uniform(size=size) < 0.8, 1, -0.5)
        self.best = np.clip(best, k.low + 0.02, k.high - 0.02)
        if not self.best.any():
            self.best[rng.integers(size)] = 0.3
        self.form = _dense(rng, size) if k.dense else _neighbours(rng, n_partners, n_groups)
        self.bowls = [(0.5 + 0.5 * rng.uniform(), rng.uniform(size=size) < 0.5) for _ in range(4)]
        waves = rng.standard_normal((24, size)) / 0.25
        self.waves, self.wave_phase = waves / math.sqrt(size) * 3.0, rng.uniform(0, 2 * np.pi, 24)
        self.zero_loss = 1.0
        self.zero_loss = float(self._loss(np.zeros(size)))
        self.least = self._least(rng)
        # prompts: random Fourier features, one set shared by all, so that taste is a smooth function of w
        self.ease = 0.15 * rng.standard_normal(pool_size)
        features = 64
        self.omega = rng.standard_normal((features, size)) / (0.22 * math.sqrt(size))
        self.phase = rng.uniform(0, 2 * np.pi, features)
        gain = np.array([0.08, 0.06 * math.sqrt(0.7)])
        self.taste = math.hypot(*gain) * rng.standard_normal((pool_size, features)) * math.sqrt(2 / features)
        self.salt = int(rng.integers(2**31))

    def _loss(self, w: Floats) -> Floats:
        """Loss relative to that of the base, shape ``(...)`` for weights ``(..., size)``."""
        gap = w - self.best
        quad = np.einsum("...i,ij,...j->...", gap, self.form, gap)
        if self.kind.plateau:
            base = self.best @ self.form @ self.best
            ratio = quad / base
            quad = base * (ratio + 0.25 * np.tanh(6 * (ratio - 0.5)) + 0.25 * math.tanh(3)) / 1.5
        cube = w.reshape(*w.shape[:-1], *self.shape)
        below = np.minimum(cube, 0.0) ** 2
        rest = np.minimum(1.0 - cube.sum(axis=-2), 0.0) ** 2
        scale = np.trace(self.form) / len(self.best)
        return np.asarray((quad + scale * (0.5 * below.sum((-2, -1)) + 2.0 * rest.sum(-1))) / self.zero_loss)

    def _least(self, rng: np.random.Generator) -> float:
        k = self.kind
        starts = [self.best, *rng.uniform(0, 0.3, size=(3, len(self.best)))]
        bounds = [(k.low, k.high)] * len(self.best)
        return min(
            float(minimize(lambda w: float(self._loss(w)), s, method="L-BFGS-B", bounds=bounds).fun)
            for s in starts
        )

    def truth(self, weights: Floats) -> Floats:
        """f, for weights of shape ``(..., n_partners, n_groups)``."""
        w = np.asarray(weights, dtype=np.float64)
        w = w.reshape(*w.shape[:-2], -1)
        loss = (self._loss(w) - self.least) / (1.0 - self.least)
        drop = 0.1 * loss
        drop = np.where(drop > 0.1, 0.1 + 0.5 * (1 - np.exp(-(drop - 0.1) / 0.5)), drop)
        ripple = 0.006 * np.cos(w @ self.waves.T + self.wave_phase).mean(-1) * math.sqrt(24 * 2) / 2
        far = np.sqrt((np.maximum(np.abs(w - 0.2) - 0.3, 0) ** 2).sum(-1) / w.shape[-1])
        cliff = 1.0 / (1.0 + np.exp((far - 0.25) / 0.03))
        return np.asarray(np.maximum((0.7 - drop) * cliff, 0.0) + ripple * (loss > 1e-9))

    def score(self, weights: Floats, prompt_ids: npt.NDArray[Any]) -> Floats:
        """Scores of pictures, the shape that ``run_search`` wants."""
        w = np.asarray(weights, dtype=np.float64).reshape(-1)
        basis = np.cos(self.omega @ w + self.phase) - np.cos(self.phase)
        entropy = np.frombuffer(w.tobytes(), dtype=np.uint32)
        rng = np.random.default_rng([self.salt, *entropy.tolist()])
        chaos = 0.06 * math.sqrt(0.3) * rng.standard_normal(len(self.ease))[prompt_ids]
        raw = self.truth(np.asarray(weights)) + self.ease[prompt_ids] + self.taste[prompt_ids] @ basis + chaos
        return np.asarray(np.round(np.clip(raw, 0, 1) * 32) / 32)

    def share(self, weights: Floats) -> float:
        """Share of the reachable gain, (f - f(0)) / (max f - f(0))."""
        return float((self.truth(np.asarray(weights)) - 0.6) / 0.1)


def _neighbours(rng: np.random.Generator, n_partners: int, n_groups: int) -> Floats:
    """Partners coupled within a group, groups with their neighbours, importance spread over a decade or two."""
    importance = np.exp(rng.standard_normal(n_groups) * 0.9)
    importance[rng.uniform(size=n_groups) < 0.2] = 0.02
    common = 0.4
    partner = (1 - common) * np.eye(n_partners) + common
    chain = np.eye(n_groups) + 0.25 * (np.eye(n_groups, k=1) + np.eye(n_groups, k=-1))
    scale = np.sqrt(importance)
    return np.asarray(np.kron(partner, chain * scale[:, None] * scale[None, :]), dtype=np.float64)


def _dense(rng: np.random.Generator, size: int) -> Floats:
    """A random rotation of a log-spread spectrum."""
    turn, _ = np.linalg.qr(rng.standard_normal((size, size)))
    return np.asarray((turn * np.exp(1.2 * rng.standard_normal(size))) @ turn.T, dtype=np.float64)
