"""Whether another epoch is worth its images: the rule, held against simulated studies."""

from __future__ import annotations

import math
import random

import pytest

from lib_rimo.benchmark.accuracy import paired_difference
from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.study.analysis.early_stopping import another_epoch

CHECKED, UNSEEN = 100, 400
Z = 1.959964


def measured(gain: float, dice: random.Random, n: int = CHECKED) -> Interval:
    """The paired difference that a winner of a true gain has on ``n`` prompts of five tags."""
    prompts, before, after = [], [], []
    for i in range(n):
        prompts.append(Prompt(i, ("a", "b", "c", "d", "e"), "a, b, c, d, e", "", i, 64, 64, 4, 2.0))
        share = min(0.9, max(0.1, dice.gauss(0.55, 0.15)))
        luck = [dice.random() for _ in range(5)]
        again = [x if dice.random() < 0.6 else dice.random() for x in luck]  # the same noise, mostly
        for scores, tags, level in ((before, luck, share), (after, again, share + gain)):
            hits = tuple(x < level for x in tags)
            scores.append(ImageScore(i, hits, tuple(float(h) for h in hits)))
    return paired_difference(prompts, after, before)


def searched(gain: float, dice: random.Random, sd: float = 0.02) -> Interval:
    """What the search believes of a true gain."""
    mean = dice.gauss(gain, sd)
    return Interval(mean, mean - Z * sd, mean + Z * sd, 600, 0)


def share_of_proposals(gain: float, seed: int, *, with_search: bool = True, times: int = 200) -> float:
    """How often the study would propose to stop after an epoch of this true gain."""
    dice = random.Random(seed)
    found = 0
    for _ in range(times):
        known = measured(gain, dice), searched(gain, dice) if with_search else None
        found += another_epoch(*known, unseen=UNSEEN, images=1100).flat
    return found / times


@pytest.mark.parametrize("with_search", [True, False])
def test_flat_days_are_told_from_days_of_gain(with_search: bool) -> None:
    """Of epochs without gain most are called flat; of epochs that gain nine points next to none."""
    assert share_of_proposals(0.0, 1, with_search=with_search) > 0.75
    assert share_of_proposals(0.09, 2, with_search=with_search) < 0.05


def test_what_the_search_knows_makes_the_proposal_surer() -> None:
    """Beside the measurement, the search's own estimate lowers both kinds of error."""
    alone = share_of_proposals(0.0, 3, with_search=False), share_of_proposals(0.06, 4, with_search=False)
    both = share_of_proposals(0.0, 3), share_of_proposals(0.06, 4)
    assert both[0] > alone[0]
    assert both[1] < alone[1]


def test_the_more_prompts_the_user_pays_for_the_smaller_a_gain_is_worth_it() -> None:
    """The same gain is worth another epoch where the final measurement can see it, and is not where it cannot."""
    gain = Interval(0.02, -0.01, 0.05, CHECKED, 500)
    fine, coarse = (another_epoch(gain, None, unseen=n, images=1000) for n in (1600, 100))
    assert (fine.flat, coarse.flat) == (False, True)
    assert fine.worth == pytest.approx(coarse.worth / 4)
    assert coarse.worth == pytest.approx(0.03, rel=1e-4)


def test_both_estimates_count_by_how_sure_they_are() -> None:
    """The expected gain is the mean of measurement and search by inverse variance, and surer than either."""
    said = another_epoch(
        Interval(0.04, 0.0, 0.08, CHECKED, 500),
        Interval(0.0, -0.02, 0.02, 600, 0),
        unseen=UNSEEN,
        images=1000,
    )
    assert said.gain.mean == pytest.approx(0.04 * 0.25 / 1.25)
    assert said.gain.high - said.gain.low == pytest.approx(0.04 / math.sqrt(1.25), rel=1e-3)


def test_an_epoch_that_kept_its_base_is_flat() -> None:
    """Equal weights draw equal pictures: a difference without width, of which another epoch promises no more."""
    kept = Interval(0.0, 0.0, 0.0, CHECKED, 500)
    assert another_epoch(kept, Interval(0.0, 0.0, 0.0, 0, 0), unseen=UNSEEN, images=1000).flat
