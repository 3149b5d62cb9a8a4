"""The epoch to stop at."""

import pytest

from lib_rimo.benchmark.guard import Signs, advise
from lib_rimo.benchmark.interval import Interval

LIMIT = 0.61


def share(mean: float, half: float = 0.02) -> Interval:
    """An interval around a mean."""
    return Interval(mean, max(0.0, mean - half), mean + half, 100, 100)


def test_a_sound_study_goes_on():
    """No warning, so the last epoch is proposed."""
    signs = [Signs(e, share(0.01), 0.4, share(0.5 + 0.05 * e)) for e in range(4)]
    assert advise(signs, LIMIT).epoch == 3
    assert advise(signs, LIMIT).warnings == {}
    assert advise(signs[:1], LIMIT).epoch == 0


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (Signs(2, share(0.3), 0.4, share(0.7)), "look unlike"),
        (Signs(2, share(0.01), 0.72, share(0.7)), "past its parents"),
        (Signs(2, share(0.01), 0.4, share(0.3)), "below an earlier"),
    ],
)
def test_each_sign_alone_proposes_the_epoch_before(broken, told):
    """Even if later epochs look sound again: the broken one is their ancestor."""
    signs = [Signs(0, share(0.01), 0.0, share(0.5)), Signs(1, share(0.01), 0.3, share(0.6)), broken]
    signs.append(Signs(3, share(0.01), 0.4, share(0.7)))
    advice = advise(signs, LIMIT)
    assert advice.epoch == 1
    assert told in advice.warnings[2][0]


def test_what_the_intervals_do_not_settle_is_no_warning():
    """A few more unusual pictures, or a slightly lower accuracy, may be chance."""
    signs = [
        Signs(0, share(0.01, 0.03), 0.0, share(0.5, 0.05)),
        Signs(1, share(0.04, 0.03), 0.3, share(0.45, 0.05)),
    ]
    assert advise(signs, LIMIT).epoch == 1
    with pytest.raises(ValueError, match="no epochs"):
        advise([], LIMIT)
