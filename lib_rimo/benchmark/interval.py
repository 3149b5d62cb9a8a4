"""An accuracy and how sure it is.

Notation
    n      prompts; each is one cluster, because its tags and pictures share their noise
    x[p]   what was found for prompt p (tags hit, or a difference of them)
    m[p]   what was asked for (tags prompted, or pictures)
    r      sum(x) / sum(m), the estimate

The variance of r comes from the residuals x - r * m of the prompts (ratio estimator: Cochran, Sampling Techniques,
3rd ed., 6.4). It counts prompts, not tags, so tags that stand or fall together do not feign certainty.

Resampling was compared and was no better. Simulated coverage of nominal 95 % intervals, 800 to 4,000 data sets each:

    data                          n     percentile   BCa    studentised   here
    5-20 tags, share .6           50       .940      .939      .954       .948
    2-6 tags, share .6           200       .938      .936      .941       .952
    1 tag, share .9               50       .896      .945      .892       .971
    1 tag, share .97             100       .930      .907      .797       .969
    1 tag, share .97              20       .450      .438      .445       .984
    paired difference             50       .951      .944      .954       .955
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Coverage of every interval unless asked otherwise."""

_NORMAL_FROM = 1000  # degrees of freedom from which Student's quantile is the normal one to 0.2 %
_BISECTIONS = 60

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its confidence interval.

    Attributes:
        mean: The estimate.
        low: Lower end of the interval.
        high: Upper end.
        images: Number of images behind it.
        tags: Number of prompted tags behind it.
        level: Coverage of the interval.
    """

    mean: float
    low: float
    high: float
    images: int
    tags: int
    level: float = LEVEL


def share_interval(found: Floats, asked: Floats, level: float = LEVEL) -> tuple[float, float, float]:
    """A share between 0 and 1 with its interval.

    Wilson's score interval (1927) with Student's quantile and the number of independent trials that would have
    the prompts' observed variance (Korn & Graubard 1998). It stays within 0 and 1 and does not shrink to a point
    when every tag was found.

    Args:
        found: Per prompt, shape ``(n,)``, between 0 and ``asked``.
        asked: Per prompt, shape ``(n,)``, above 0.
        level: Coverage.

    Returns:
        Share, lower end, upper end.
    """
    n = len(found)
    share, error = _ratio(found, asked)
    if n < 2:
        return share, 0.0, 1.0  # one prompt says nothing about the spread between prompts
    # Without spread (all found, or none) each prompt counts as one trial, the cautious end.
    trials = share * (1 - share) / error**2 if error > 0 and 0 < share < 1 else float(n)
    square = student_quantile((1 + level) / 2, n - 1) ** 2
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = math.sqrt(square * (share * (1 - share) / trials + square / (4 * trials**2))) / (
        1 + square / trials
    )
    # Rounding must not push an end past the estimate or out of the range.
    return share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def difference_interval(gained: Floats, asked: Floats, level: float = LEVEL) -> tuple[float, float, float]:
    """The difference of two shares on the same prompts, with its interval.

    Student's interval; where few prompts differ it is no narrower than with two more average prompts, one that
    gained a tag and one that lost one (after Agresti & Min 2005), because a handful of differing prompts does
    not show the spread.

    Args:
        gained: Per prompt, tags found by the one minus tags found by the other, shape ``(n,)``.
        asked: Per prompt, shape ``(n,)``, above 0.
        level: Coverage.

    Returns:
        Difference, lower end, upper end.
    """
    n = len(gained)
    difference, error = _ratio(gained, asked)
    if n < 2:
        return difference, -1.0, 1.0
    mean = asked.mean()
    _, widened = _ratio(np.append(gained, [1.0, -1.0]), np.append(asked, [mean, mean]))
    half = max(
        student_quantile((1 + level) / 2, n - 1) * error,
        student_quantile((1 + level) / 2, n + 1) * widened,
    )
    return difference, max(-1.0, difference - half), min(1.0, difference + half)


def quotient_interval(top: Floats, bottom: Floats, level: float = LEVEL) -> tuple[float, float, float]:
    """The quotient of two sums over the same prompts, with Student's interval; NaN where ``bottom`` sums to 0.

    Args:
        top: Per prompt, shape ``(n,)``.
        bottom: Per prompt, shape ``(n,)``, 0 or more.
        level: Coverage.
    """
    if not bottom.sum() > 0:
        return math.nan, math.nan, math.nan
    quotient, error = _ratio(top, bottom)
    if len(top) < 2:
        return quotient, -math.inf, math.inf
    half = student_quantile((1 + level) / 2, len(top) - 1) * error
    return quotient, quotient - half, quotient + half


def _ratio(x: Floats, m: Floats) -> tuple[float, float]:
    """``sum(x) / sum(m)`` and its standard error (0 for a single prompt)."""
    n, total = len(x), float(m.sum())
    ratio = float(x.sum()) / total
    residual = x - ratio * m
    variance = float(residual @ residual) * n / max(n - 1, 1)
    # Residuals of rounding alone are no spread.
    error = math.sqrt(variance) / total if variance > (1e-12 * total) ** 2 else 0.0
    return ratio, error


@functools.lru_cache(maxsize=256)
def student_quantile(p: float, freedom: int) -> float:
    """Quantile of Student's t distribution for ``p`` above one half and whole degrees of freedom.

    Bisection on the exact finite series (Abramowitz & Stegun 26.7.3 and 26.7.4), so that nothing but the standard
    library is needed.
    """
    normal = NormalDist().inv_cdf(p)
    if freedom >= _NORMAL_FROM:
        return normal
    low, high = normal, 2.0 * normal
    while _student_within(high, freedom) < 2 * p - 1:
        low, high = high, 2.0 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _student_within(middle, freedom) < 2 * p - 1 else (low, middle)
    return (low + high) / 2


def _student_within(t: float, freedom: int) -> float:
    """Probability that Student's t lies between -t and t."""
    angle = math.atan(t / math.sqrt(freedom))
    square = math.cos(angle) ** 2
    odd = freedom % 2
    total, term = 0.0, math.cos(angle) if odd else 1.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= square * (k - 1) / k
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
