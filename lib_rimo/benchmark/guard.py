"""When to stop: the epoch from which a study's winners draw broken shapes.

Which signs are looked at, and on what evidence, stands in this room's README. The accuracy alone cannot tell: it is
what the search improves, and upstream's went on rising while shapes broke.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib_rimo.benchmark.interval import Interval
from lib_rimo.said import say


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of an epoch's winner (epoch 0: of the base).

    Attributes:
        epoch: Its number.
        unusual: Share of its pictures that are unusual among those of all parents (``image_statistics``), None where
            too few were drawn.
        drift: How far it lies from its nearest parent (``merging.drift``).
        accuracy: On prompts that the search does not see, None where it was not measured.
    """

    epoch: int
    unusual: Interval | None
    drift: float
    accuracy: Interval | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """Where to stop.

    Attributes:
        epoch: The last epoch without a warning.
        warnings: Epoch -> what is wrong with it, in sentences for the user.
    """

    epoch: int
    warnings: dict[int, tuple[str, ...]]


def advise(signs: Sequence[Signs], drift_limit: float) -> Advice:
    """Proposes the epoch to stop at.

    Three warnings, each a statement that can be wrong only as often as its interval says, or not at all: the share
    of unusual pictures is clearly above the base's; the accuracy is clearly below an earlier epoch's; the winner
    lies outside everything between its parents.

    Args:
        signs: Of the base (epoch 0) and the epochs' winners, in order.
        drift_limit: Largest drift of a mix between its parents (``DriftMeter.limit``).

    Raises:
        ValueError: There are no signs.
    """
    if not signs:
        raise ValueError("no epochs")
    base, found = signs[0], {}
    for number, sign in enumerate(signs[1:], 1):
        told: list[str] = []
        if sign.unusual is not None and base.unusual is not None and sign.unusual.low > base.unusual.high:
            told.append(
                say(
                    "{1} % of its pictures look unlike its parents' ({2} % of the base's do)",
                    f"{100 * sign.unusual.mean:.0f}",
                    f"{100 * base.unusual.mean:.0f}",
                )
            )
        if sign.drift > drift_limit:
            told.append(
                say(
                    "its weights lie past its parents ({1}, between them at most {2})",
                    f"{sign.drift:.2f}",
                    f"{drift_limit:.2f}",
                )
            )
        earlier = [s.accuracy for s in signs[:number] if s.accuracy is not None]
        if sign.accuracy is not None and any(before.low > sign.accuracy.high for before in earlier):
            told.append("its accuracy is clearly below an earlier epoch's")
        if told:
            found[sign.epoch] = tuple(told)
    sound = next((i for i, sign in enumerate(signs) if sign.epoch in found), len(signs)) - 1
    return Advice(signs[sound].epoch, found)
