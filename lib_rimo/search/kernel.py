"""How alike two recipes are."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from lib_rimo.search.history import Floats

STRETCH: Final = 1.5
"""What a group does by itself is smoother in its weights than what all do together."""


class Kernel(NamedTuple):
    """How alike two recipes are: in all their weights, in each group on its own, in each partner's mean weight.

    Three squared exponentials, mixed. What merging does is largely the sum of what it does in each group, and a
    partner that helps one group tends to help others; the parts that say so learn from far fewer recipes, the first
    part takes what is left. Partners are alike, groups may differ in how much they matter.

    Attributes:
        n_groups: Weights are flattened partner by partner; every ``n_groups``-th is of one group.
        shares: Of the three parts, in this order; they add up to 1.
        length: Correlation length over all weights.
        relevance: How much faster than others a group changes things, one factor per group; empty: all alike.
    """

    n_groups: int
    shares: tuple[float, float, float]
    length: float
    relevance: tuple[float, ...] = ()

    def rates(self) -> tuple[float, float, float, Floats]:
        """Decay with squared distance in all weights, within a group and in means; squared relevances ``(n_groups,)``.

        So many groups at a distance within each are together as far apart as all weights, but for ``STRETCH``.
        """
        scales = np.square(self.relevance) if self.relevance else np.ones(self.n_groups)
        rate = 0.5 / self.length**2
        return rate, rate * self.n_groups / STRETCH**2, rate / STRETCH**2, scales

    def __call__(self, a: Floats, b: Floats) -> Floats:
        """Correlations, shape ``(len(a), len(b))``, of recipes ``(len(a), size)`` and ``(len(b), size)``."""
        return self.of(distances(a, b, self.n_groups))

    def of(self, square: Floats) -> Floats:
        """Correlations for distances as ``distances`` has them."""
        whole, parts, means = self._parts(square)
        out: Floats = self.shares[0] * whole + self.shares[1] * parts.mean(axis=0) + self.shares[2] * means
        return out

    def _parts(self, square: Floats) -> tuple[Floats, Floats, Floats]:
        rate, near, flat, scales = self.rates()
        mine = square[:-1] * scales[:, None, None]
        return np.exp(-rate * mine.sum(axis=0)), np.exp(-near * mine), np.exp(-flat * square[-1])

    def slopes(self, square: Floats, pull: Floats) -> tuple[float, Floats, Floats]:
        """Derivatives of ``sum(pull * of(square))`` in log length, in the three shares and in log relevance."""
        rate, near, flat, scales = self.rates()
        whole, parts, means = (pull * part for part in self._parts(square))
        shares = np.array([whole.sum(), parts.mean(axis=0).sum(), means.sum()])
        mine = square[:-1] * scales[:, None, None]
        steep = self.shares[0] * rate * whole + (self.shares[1] * near / self.n_groups) * parts
        groups: Floats = -2.0 * (steep * mine).sum(axis=(1, 2))
        middle = 2.0 * self.shares[2] * flat * float((means * square[-1]).sum())
        return middle - float(groups.sum()), shares, groups

    def gradient(self, a: Floats, b: Floats) -> Floats:
        """Gradient in ``a``, shape ``(size,)``, of its correlation with each of ``b``, shape ``(len(b), size)``."""
        rate, near, flat, scales = self.rates()
        cube = (a - b).reshape(len(b), -1, self.n_groups)
        mine = (cube * cube).sum(axis=1) * scales
        middle = cube.sum(axis=2)
        whole = self.shares[0] * rate * np.exp(-rate * mine.sum(axis=1))
        parts = self.shares[1] * near / self.n_groups * np.exp(-near * mine)
        far = (middle * middle).sum(axis=1) / self.n_groups
        means = self.shares[2] * flat / self.n_groups * np.exp(-flat * far)
        slope = cube * (scales * (whole[:, None] + parts))[:, None, :] + (means[:, None] * middle)[:, :, None]
        out: Floats = -2.0 * slope.reshape(len(b), -1)
        return out


def distances(a: Floats, b: Floats, n_groups: int) -> Floats:
    """Squared distances within each group, then of the partners' means (times the number of groups).

    Shape ``(n_groups + 1, len(a), len(b))``.
    """
    left, right = _by_group(a, n_groups), _by_group(b, n_groups)
    groups = _squares(left, right)
    made: Floats = np.concatenate([groups, _squares(left.sum(axis=0), right.sum(axis=0))[None] / n_groups])
    return made


def _by_group(weights: Floats, n_groups: int) -> Floats:
    return weights.reshape(len(weights), -1, n_groups).transpose(2, 0, 1)


def _squares(a: Floats, b: Floats) -> Floats:
    """Squared distances between rows, shape ``(..., n, m)``, as sums of products: far quicker than differences."""
    own, other = (a * a).sum(axis=-1)[..., :, None], (b * b).sum(axis=-1)[..., None, :]
    out: Floats = np.maximum(own + other - 2.0 * (a @ np.swapaxes(b, -1, -2)), 0.0)
    return out
