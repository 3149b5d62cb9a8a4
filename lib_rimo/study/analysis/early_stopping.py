"""Whether another epoch is worth its images.

Notation
    m, s_m   the last epoch's gain, measured: its winner minus what it began with, paired on n unseen prompts
    p, s_p   the same gain as the search's model has it, from the epoch's own pictures
    g        (m / s_m^2 + p / s_p^2) / (1 / s_m^2 + 1 / s_p^2), the gain as both together have it
    N        prompts of the final measurement
    w        1.96 s_m sqrt(n / N), half the interval that the final measurement will give to such a gain

The rule: another epoch with the same partners is expected to gain what the last one gained, and the study proposes to
stop when g < w.

Each side of it errs to going on. Epochs gain less and less, since each begins where the one before has searched
already, so g is an upper guess. And what an image is worth only the user knows; they have said it once, by how many
prompts the final measurement has. A gain that they could not tell from none afterwards is not worth an epoch, while a
larger one may be.

Nothing is said while a partner has had no turn yet: what it would bring cannot be known from the others. A proposal
that is obeyed cannot flatter the result: the prompts that decide are among those of the final measurement, and a winner
that looks worse on them than it is ends the study sooner than one that looks better.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from lib_rimo.benchmark.interval import LEVEL, Interval
from lib_rimo.study.record.results import Outlook

_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


def another_epoch(measured: Interval, searched: Interval | None, *, unseen: int, images: int) -> Outlook:
    """What another epoch promises.

    Args:
        measured: The last epoch's gain on prompts that no search saw. Without width if the epoch kept what it began
            with; then nothing is expected of another one like it.
        searched: The same gain as the search has it; None where it has no idea.
        unseen: Prompts of the final measurement.
        images: What another epoch would draw.
    """
    sd = _sd(measured)
    if sd == 0:
        return Outlook(measured, 0.0, images, unseen, flat=measured.mean <= 0)
    known = [measured] + ([searched] if searched is not None and _sd(searched) > 0 else [])
    precision = sum(_sd(gain) ** -2 for gain in known)
    mean = sum(gain.mean * _sd(gain) ** -2 for gain in known) / precision
    half = _Z / math.sqrt(precision)
    worth = _Z * sd * math.sqrt(measured.images / unseen)
    expected = Interval(mean, mean - half, mean + half, measured.images, measured.tags)
    return Outlook(expected, worth, images, unseen, flat=mean < worth)


def _sd(interval: Interval) -> float:
    return (interval.high - interval.low) / (2 * _Z)
