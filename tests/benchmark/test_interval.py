from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.benchmark.interval import (
    difference_interval,
    quotient_interval,
    share_interval,
    student_quantile,
)
from tests.benchmark.strategies import law

clusters = st.lists(
    st.integers(1, 20).flatmap(lambda t: st.tuples(st.integers(0, t), st.just(t))), min_size=1, max_size=60
)


def arrays(pairs):
    return np.array(pairs, dtype=np.float64).T


@pytest.mark.parametrize(
    ("p", "freedom", "printed"),
    [(0.975, 1, 12.706), (0.975, 2, 4.303), (0.975, 9, 2.262), (0.95, 30, 1.697), (0.995, 120, 2.617)],
)
def test_student_quantiles_of_the_printed_table(p, freedom, printed):
    """The quantiles are those of any printed table of Student's distribution."""
    assert round(student_quantile(p, freedom), 3) == printed


def test_student_quantile_ends_at_the_normal_one():
    """With many degrees of freedom the quantile falls steadily to the normal one."""
    values = [student_quantile(0.975, freedom) for freedom in (*range(1, 60), 200, 999, 1000, 10**6)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(1.959964, abs=1e-6)


@law
@given(clusters)
def test_share_lies_in_its_interval_and_in_range(pairs):
    """The share is found over asked; the interval holds it, stays within 0 and 1 and is never a point."""
    found, asked = arrays(pairs)
    share, low, high = share_interval(found, asked)
    assert share == pytest.approx(found.sum() / asked.sum())
    assert 0 <= low <= share <= high <= 1
    assert high - low > 1e-3


@law
@given(clusters)
def test_misses_mirror_hits(pairs):
    """The interval of what was missed is the mirror image of that of what was found."""
    found, asked = arrays(pairs)
    share, low, high = share_interval(found, asked)
    assert share_interval(asked - found, asked) == pytest.approx((1 - share, 1 - high, 1 - low), abs=1e-9)


@law
@given(clusters, st.integers(2, 30))
def test_more_of_the_same_prompts_narrow_the_interval(pairs, times):
    """Prompts repeated independently narrow the interval; a confidence asked higher widens it."""
    found, asked = arrays(pairs)
    _, low, high = share_interval(found, asked)
    _, low_many, high_many = share_interval(np.tile(found, times), np.tile(asked, times))
    assert high_many - low_many < high - low
    _, low_sure, high_sure = share_interval(found, asked, 0.99)
    assert low_sure <= low
    assert high <= high_sure


def test_tags_of_one_prompt_do_not_feign_certainty():
    """100 prompts whose 20 tags stand or fall together are worth 100 trials, not 2,000."""
    found = np.repeat([0.0, 20.0], 50)
    _, low, high = share_interval(found, np.full(100, 20.0))
    _, low_one, high_one = share_interval(found / 20, np.ones(100))
    assert (low, high) == pytest.approx((low_one, high_one))
    assert high - low == pytest.approx(0.19, abs=0.01)


def test_one_prompt_says_nothing():
    """A single prompt gives the widest interval there is."""
    one = np.ones(1)
    assert share_interval(one, one) == (1.0, 0.0, 1.0)
    assert difference_interval(one, one) == (1.0, -1.0, 1.0)
    assert quotient_interval(one, one) == (1.0, -math.inf, math.inf)


@law
@given(clusters.filter(lambda pairs: len(pairs) > 1), st.integers(0, 2**32 - 1))
def test_a_difference_turns_round(pairs, seed):
    """The difference the other way round is the mirror image; it lies in its interval, which is never a point."""
    found, asked = arrays(pairs)
    gained = found - np.random.default_rng(seed).permutation(found)
    gained = np.clip(gained, -asked, asked)
    mean, low, high = difference_interval(gained, asked)
    assert -1 <= low <= mean <= high <= 1
    assert high - low > 1e-3
    assert difference_interval(-gained, asked) == pytest.approx((-mean, -high, -low))


def test_quotient_of_proportional_sums_is_exact():
    """A model that finds 1.5 times as many tags on every prompt has exactly that quotient; of nothing there is none."""
    base = np.array([1.0, 2.0, 4.0, 3.0])
    assert quotient_interval(1.5 * base, base) == (1.5, 1.5, 1.5)
    assert all(math.isnan(end) for end in quotient_interval(base, 0 * base))


def _skilled_share(rng, n, tags):
    asked = rng.integers(tags[0], tags[1] + 1, n).astype(float)
    return rng.binomial(asked.astype(int), rng.beta(*tags[2:], n)).astype(float), asked


@pytest.mark.parametrize(
    ("n", "tags"),
    [(50, (5, 20, 3, 2)), (200, (2, 6, 3, 2)), (500, (2, 6, 3, 2)), (50, (1, 1, 9, 1)), (100, (1, 1, 32, 1))],
)
def test_share_intervals_cover(n, tags):
    """Of 2,000 simulated benchmarks 95 in 100 intervals hold the truth, near the edge of the range too."""
    rng = np.random.default_rng([n, *tags])
    truth = tags[2] / (tags[2] + tags[3])
    held = 0
    for _ in range(2000):
        _, low, high = share_interval(*_skilled_share(rng, n, tags))
        held += low <= truth <= high
    assert 0.935 <= held / 2000 <= 0.975


@pytest.mark.parametrize(("n", "differing"), [(50, 0.9), (200, 0.9), (500, 0.9), (50, 0.06), (200, 0.06)])
def test_difference_intervals_cover(n, differing):
    """The same for paired differences; where few prompts differ the interval may be wide but not too narrow."""
    rng = np.random.default_rng([n, int(100 * differing)])
    truth = differing * 0.4 / 4.0  # mean gain of a differing prompt over mean number of tags
    held = 0
    for _ in range(2000):
        asked = rng.integers(2, 7, n).astype(float)
        gained = np.where(rng.random(n) < differing, np.where(rng.random(n) < 0.7, 1.0, -1.0), 0.0)
        _, low, high = difference_interval(gained, asked)
        held += low <= truth <= high
    assert 0.935 <= held / 2000 <= (0.97 if differing > 0.5 else 1.0)


def test_quotient_intervals_cover():
    """The same for the relative deviation of two models."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(2000):
        skill = rng.beta(3, 2, 100)
        base, merged = rng.binomial(6, 0.8 * skill), rng.binomial(6, skill)
        _, low, high = quotient_interval(merged.astype(float), base.astype(float))
        held += low <= 1.25 <= high
    assert 0.935 <= held / 2000 <= 0.965
