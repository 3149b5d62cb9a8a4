"""Whether the pictures that a mix draws for one prompt vary as much as its user asked for.

A search that looks at tags alone may settle on a mix that draws each prompt in one and the same way. Who does not want
that sets a floor: the share of the diversity of what an epoch began with that its winner has to keep.

Notation
    l[p]   likeness of the two pictures of prompt p (``benchmark.diversity``): a winner's, or w[p] of the beginning
    f      the floor, a share
    d[p]   (1 - l[p]) - f (1 - w[p]), the diversity left above the floor

The winner is given up only if the whole 95 % interval of the mean of d is below 0: what may as well be noise of so few
pictures costs nobody a gain. So a mix that keeps just as much as was asked for is given up once in forty times.

Diversity itself is no merit: pictures that all show what was asked for are more alike than such that miss it now and
then, so a better mix varies somewhat less as a rule, and a floor near 1 would refuse most gains.

The prompts are unseen ones, since a mix may have learned those of its epoch. Of their pictures only the likeness is
looked at and never what the tagger found, which is what the final measurement reports.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from lib_rimo.benchmark.diversity import diversity
from lib_rimo.benchmark.interval import Interval, quotient_interval
from lib_rimo.study.record import events as ev


def judge(epoch: int, floor: float, winner: Sequence[float], began: Sequence[float]) -> ev.VarietyJudged:
    """Decides whether an epoch's winner varies enough.

    Args:
        epoch: The epoch.
        floor: Share of the beginning's diversity that has to be kept.
        winner: Likeness of the winner's pictures, one per prompt.
        began: The same of what the epoch began with, in the same order.
    """
    left = (1.0 - np.array(winner, dtype=np.float64)) - floor * (1.0 - np.array(began, dtype=np.float64))
    mean, low, high = quotient_interval(left, np.ones_like(left))
    images = ev.PAIR * len(left)
    figures = (
        diversity(list(winner), images),
        diversity(list(began), images),
        Interval(mean, max(-1.0, low), min(1.0, high), images, len(left)),  # of one prompt it has no ends
    )
    return ev.VarietyJudged(epoch, not high < 0, *(dataclasses.asdict(figure) for figure in figures))
