"""How alike two recipes are."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from lib_rimo.search.history import Floats

ROOT5: Final = math.sqrt(5.0)
STRETCH: Final = 1.5
"""What a group does by itself is smoother in its weights than what all do together."""


class Kernel(NamedTuple):
    """How alike two recipes are: half through all their weights, half through each group on its own.

    A merge's effect is largely the sum of what it does in each group; the part that says so learns from far fewer
    recipes, the other part takes what is left. Both are Matern 5/2, isotropic: lengths per weight are never learned,
    a few dozen noisy recipes cannot tell them.

    Attributes:
        n_groups: Weights are flattened partner by partner; every ``n_groups``-th is of one group.
        additive: Share of the part that adds up over groups, in [0, 1].
        length: Correlation length over all weights.
    """

    n_groups: int
    additive: float
    length: float

    @property
    def group_length(self) -> float:
        """Correlation length within a group: as many groups at this distance are at ``length`` together, stretched."""
        return STRETCH * self.length / math.sqrt(self.n_groups)

    def __call__(self, a: Floats, b: Floats) -> Floats:
        """Correlations, shape ``(len(a), len(b))``, of recipes ``(len(a), size)`` and ``(len(b), size)``."""
        square = np.zeros((len(a), len(b)))
        parts = np.zeros((len(a), len(b)))
        for g in range(self.n_groups):
            x, y = a[:, g :: self.n_groups], b[:, g :: self.n_groups]
            mine = ((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=2)
            square += mine
            parts += _matern(np.sqrt(mine) * (ROOT5 / self.group_length))
        whole = _matern(np.sqrt(square) * (ROOT5 / self.length))
        out: Floats = (1.0 - self.additive) * whole + (self.additive / self.n_groups) * parts
        return out

    def gradient(self, a: Floats, b: Floats) -> Floats:
        """Gradient in ``a``, shape ``(size,)``, of its correlation with each of ``b``, shape ``(len(b), size)``."""
        gap = a - b
        cube = gap.reshape(len(b), -1, self.n_groups)
        near = np.sqrt((cube * cube).sum(axis=1)) * (ROOT5 / self.group_length)
        far = np.sqrt((gap * gap).sum(axis=1)) * (ROOT5 / self.length)
        whole = (1.0 - self.additive) / self.length**2 * (1.0 + far) * np.exp(-far)
        parts = self.additive / (self.n_groups * self.group_length**2) * (1.0 + near) * np.exp(-near)
        out: Floats = -(5.0 / 3.0) * (cube * (whole[:, None] + parts)[:, None, :]).reshape(gap.shape)
        return out


def _matern(r: Floats) -> Floats:
    out: Floats = (1.0 + r + r * r / 3.0) * np.exp(-r)
    return out
