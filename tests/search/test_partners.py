"""Laws of the partner queue."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.errors import SettingsError
from lib_rimo.search import draw_partners


@given(n=st.integers(0, 12), per_epoch=st.integers(1, 5), epoch=st.integers(1, 30), seed=st.integers(0, 99))
def test_an_epoch_has_no_repeats_and_no_base(n: int, per_epoch: int, epoch: int, seed: int) -> None:
    """An epoch's partners are different candidates, as many as wanted or all, never the base."""
    names = [f"model{i}" for i in range(n)]
    drawn = draw_partners([*names, "base", *names], per_epoch, epoch, seed, exclude={"base"})
    assert len(drawn) == len(set(drawn)) == min(per_epoch, n)
    assert set(drawn) <= set(names)
    assert drawn == draw_partners([*names, "base", *names], per_epoch, epoch, seed, exclude={"base"})


@given(n=st.integers(2, 10), per_epoch=st.integers(1, 4), epochs=st.integers(1, 25), seed=st.integers(0, 99))
def test_everyone_comes_about_equally_often(n: int, per_epoch: int, epochs: int, seed: int) -> None:
    """After any number of epochs no candidate is more than two draws ahead of another."""
    per_epoch = min(per_epoch, n - 1)
    drawn = Counter(c for e in range(1, epochs + 1) for c in draw_partners(range(n), per_epoch, e, seed))
    counts = [drawn[c] for c in range(n)]
    assert max(counts) - min(counts) <= 2


def test_few_candidates_all_come_in_their_order() -> None:
    """With no more candidates than places, every epoch has all of them."""
    assert draw_partners(["b", "a"], 3, 5, 0) == ("b", "a")


def test_epochs_differ() -> None:
    """The queue moves on from epoch to epoch."""
    assert len({draw_partners(range(9), 3, e, 1) for e in (1, 2, 3)}) == 3


@pytest.mark.parametrize(("per_epoch", "epoch"), [(0, 1), (2, 0)])
def test_bad_numbers_are_refused(per_epoch: int, epoch: int) -> None:
    """Epochs count from one, and at least one partner is drawn."""
    with pytest.raises(SettingsError):
        draw_partners("abc", per_epoch, epoch, 0)
