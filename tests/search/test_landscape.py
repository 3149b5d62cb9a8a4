"""The synthetic landscapes are what their description says."""

from __future__ import annotations

import numpy as np
import pytest

from lib_rimo.search.landscape import KINDS, Landscape

POOL = 50


@pytest.mark.parametrize("kind", list(KINDS))
def test_base_and_top_have_their_accuracies(kind: str) -> None:
    """The base scores 0.6 but for the ripple, nothing in the box much above 0.7, the optimum near it."""
    landscape = Landscape(kind, 2, 4, 3, POOL)
    zero = np.zeros((2, 4))
    box = np.random.default_rng(0).uniform(landscape.kind.low, landscape.kind.high, size=(500, 2, 4))
    assert float(landscape.truth(zero)) == pytest.approx(0.6, abs=0.02)
    assert float(landscape.truth(landscape.best.reshape(2, 4))) > 0.63
    assert float(landscape.truth(box).max()) < 0.72
    assert landscape.share(zero) == pytest.approx(0.0, abs=0.2)


def test_same_picture_same_score() -> None:
    """Weights and prompt fix the score; near weights score nearly the same, other prompts differ much."""
    landscape = Landscape("small", 2, 4, 1, POOL)
    ids = np.arange(POOL)
    here, near, far = np.full((2, 4), 0.1), np.full((2, 4), 0.12), np.full((2, 4), 0.4)
    first = landscape.score(here, ids)
    np.testing.assert_array_equal(first, landscape.score(here, ids))
    np.testing.assert_array_equal(first[[4, 2]], landscape.score(here, ids[[4, 2]]))
    close, wide = landscape.score(near, ids) - first, landscape.score(far, ids) - first
    assert close.std() < 0.07 < wide.std()
    assert 0.08 < first.std() < 0.25
    assert ((first >= 0) & (first <= 1)).all()
