"""A study in words and formatted numbers: every sentence that the tab shows about one is made here.

Accuracies are shares (0 to 1) inside the program and percent here; differences are in percentage points. A
number that was estimated comes with its interval, and "better" is only said when the interval is above zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lib_rimo.benchmark.interval import Interval
from lib_rimo.study.record.results import Result, Variety
from lib_rimo.study.store.snapshot import Snapshot, StudyState

MINUS = "\N{MINUS SIGN}"

STATES = {
    StudyState.IDLE: "Ready",
    StudyState.PREPARING: "Preparing",
    StudyState.SEARCHING: "Searching",
    StudyState.MEASURING: "Measuring",
    StudyState.PAUSED: "Paused",
    StudyState.FINISHED: "Finished",
    StudyState.STOPPED: "Stopped",
    StudyState.FAILED: "Failed",
}

STAGES = {
    "base": "the base itself",
    "shared": "one weight per partner",
    "blocks": "a weight for each block group",
    "check": "a second look at a good mix",
}


_AGAINST_BASE = {
    "up": "Better than the base.",
    "down": "Worse than the base.",
    "unclear": "Too close to call against the base.",
}
_AGAINST_PARTNER = {
    "up": "Better than the best partner,",
    "down": "Worse than the best partner,",
    "unclear": "Too close to call against the best partner,",
}


@dataclass(frozen=True, slots=True)
class Gain:
    """The result in words.

    Attributes:
        value: Points over the base, signed.
        sentence: Goes on after the value.
        verdict: What may be concluded about base and best parent.
        tone: ``up``, ``down`` or ``unclear``.
    """

    value: str
    sentence: str
    verdict: str
    tone: str


def percent(share: float) -> str:
    """A share as percent with one decimal: ``61.2 %``."""
    return f"{number(100 * share)} %"


def number(value: float) -> str:
    """One decimal, with a real minus sign and without a negative zero."""
    return f"{round(value, 1) + 0.0:.1f}".replace("-", MINUS)


def signed(value: float) -> str:
    """One decimal with its sign; zero has none."""
    text = number(value)
    return f"+{text}" if round(value, 1) > 0 else text


def points(difference: Interval) -> str:
    """A difference of shares in percentage points, without its interval: ``+4.1``."""
    return signed(100 * difference.mean)


def span(interval: Interval) -> str:
    """An interval in percent or points: ``2.9 to 5.3``."""
    return ends(100 * interval.low, 100 * interval.high)


def ends(low: float, high: float) -> str:
    """The two ends of an interval: ``2.9 to 5.3``."""
    return f"{number(low)} to {number(high)}"


def duration(seconds: float) -> str:
    """A time for a person: seconds under a minute and a half, then minutes, then hours."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes / 1440:.1f} days"


def count(amount: int, one: str, many: str) -> str:
    """An amount with its noun: ``1 image``, ``1,200 images``."""
    return f"{amount:,} {one if amount == 1 else many}"


def progress(snapshot: Snapshot) -> str:
    """Where the study is: epoch, mixes tried, images drawn."""
    parts = []
    if snapshot.epoch:
        parts.append(f"epoch {snapshot.epoch} of {max(snapshot.epoch, snapshot.epochs)}")
    if snapshot.trial:
        parts.append(count(snapshot.trial, "mix tried", "mixes tried"))
    if snapshot.budget:
        parts.append(f"{snapshot.images:,} of {snapshot.budget:,} images")
    if snapshot.measured:
        parts.append(f"{snapshot.measured:,} of {snapshot.to_measure:,} for the final measurement")
    return _sentence(" · ".join(parts))


def mixing(snapshot: Snapshot) -> str:
    """How far the mix that is being tried is drawn; empty while none is, or when nothing runs."""
    if not snapshot.mix_images or not _running(snapshot):
        return ""
    return f"mix {snapshot.trial + 1}: {snapshot.mix_drawn:,} of {snapshot.mix_images:,} images"


def speed(snapshot: Snapshot) -> str:
    """Images per second, or seconds per image when slower; empty while unknown or when nothing runs."""
    rate = snapshot.images_per_s
    if rate <= 0 or not _running(snapshot):
        return ""
    return f"{rate:.1f} images per second" if rate >= 1 else f"{1 / rate:.1f} s per image"


def remaining(snapshot: Snapshot) -> str:
    """Time left with its spread; empty while unknown or when nothing runs."""
    if snapshot.eta_s is None or not _running(snapshot):
        return ""
    low, middle, high = (duration(seconds) for seconds in snapshot.eta_s)
    if low == high:
        return f"about {middle} left"
    return f"about {middle} left ({low} to {high})"


def fraction(snapshot: Snapshot) -> float:
    """Share of all images of the study that are drawn, 0 to 1."""
    if snapshot.state is StudyState.FINISHED:
        return 1.0
    total = snapshot.budget + snapshot.to_measure
    return min(1.0, (snapshot.images + snapshot.measured) / total) if total else 0.0


def gain(result: Result, varieties: Iterable[Variety] = ()) -> Gain:
    """What the measurement on unseen prompts says.

    Args:
        result: The measurement.
        varieties: What was decided of the study's winners.
    """
    over_base = result.gain_over_base
    sentence = (
        f"points over the base ({span(over_base)}), on {count(over_base.images, 'image', 'images')} "
        "that the search never saw"
    )
    best = result.gain_over_best_parent
    verdict = _AGAINST_BASE[tone(over_base)]
    if over_base.low == over_base.high == 0:  # the same weights give the same images
        verdict = "No mix beat the base within this budget, so the best so far is the base itself."
        if not all(judged.kept for judged in varieties):
            verdict = (
                "No mix beat the base and kept enough diversity within this budget, so the best so far is the base "
                "itself."
            )
    if result.best_parent in result.parents:
        told = f"{result.best_parent}: {points(best)} points ({span(best)})."
        verdict += f" {_AGAINST_PARTNER[tone(best)]} {told}"
    return Gain(points(over_base), sentence, verdict, tone(over_base))


def epoch_name(epoch: int, kept: Iterable[tuple[int, int]] = ()) -> str:
    """An epoch, and whose mix it kept if it found nothing better.

    Args:
        epoch: 0 for the base.
        kept: See ``Snapshot``.
    """
    if not epoch:
        return "Base"
    if (first := dict(kept).get(epoch)) is None:
        return f"Epoch {epoch}"
    return f"Epoch {epoch}, still epoch {first}" if first else f"Epoch {epoch}, still the base"


def variety(judged: Variety) -> str:
    """Whether a winner's images of one prompt vary enough, and on what evidence that was decided."""
    n, images = judged.epoch, judged.winner.images
    of, ends_of = percent(judged.winner.mean), span(judged.winner)
    began, ends_began = percent(judged.began.mean), span(judged.began)
    if not judged.kept:
        return (
            f"The winner of epoch {n} was given up: its images of one prompt vary too little, {of} ({ends_of}) against "
            f"{began} ({ends_began}) of what the epoch began with, on {images} images each."
        )
    if judged.left.low < 0:
        return (
            f"The winner of epoch {n} was kept: its images of one prompt may vary enough, {of} ({ends_of}) against "
            f"{began} ({ends_began}) of what the epoch began with, on {images} images each."
        )
    return (
        f"The winner of epoch {n} was kept: its images of one prompt vary enough, {of} ({ends_of}) against "
        f"{began} ({ends_began}) of what the epoch began with, on {images} images each."
    )


def tone(difference: Interval) -> str:
    """``up`` or ``down`` when the whole interval is on one side of zero, else ``unclear``."""
    return side(difference.low, difference.high)


def side(low: float, high: float) -> str:
    """On which side of zero an interval is."""
    if low > 0:
        return "up"
    return "down" if high < 0 else "unclear"


def _running(snapshot: Snapshot) -> bool:
    return snapshot.state.active and snapshot.state is not StudyState.PAUSED


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
