"""A study in words and formatted numbers: every sentence that the tab shows about one is made here.

Accuracies are shares (0 to 1) inside the program and percent here; differences are in percentage points. A
number that was estimated comes with its interval, and "better" is only said when the interval is above zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lib_rimo.benchmark.interval import Interval
from lib_rimo.said import joined, say, sentences, words
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
    "up": "Better than the base",
    "down": "Worse than the base",
    "unclear": "Too close to call against the base",
}
_AGAINST_PARTNER = {
    "up": "Better than the best partner, {1}: {2} points ({3})",
    "down": "Worse than the best partner, {1}: {2} points ({3})",
    "unclear": "Too close to call against the best partner, {1}: {2} points ({3})",
}
_BLOCKS = {
    "up": "Block weights add {1} points ({2}) over one weight per model",
    "down": "The best mix is worse than the best one with one weight per model: {1} points ({2})",
    "unclear": "What block weights add over one weight per model is too close to call: {1} points ({2})",
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
    return say("{1} to {2}", number(low), number(high))


def duration(seconds: float) -> str:
    """A time for a person: seconds under a minute and a half, then minutes, then hours."""
    if seconds < 90:
        return say("{1} s", max(1, round(seconds)))
    minutes = round(seconds / 60)
    if minutes < 90:
        return say("{1} min", minutes)
    if minutes < 48 * 60:
        return say("{1} h {2} min", minutes // 60, f"{minutes % 60:02d}")
    return say("{1} days", f"{minutes / 1440:.1f}")


def count(amount: int, one: str, many: str) -> str:
    """An amount with its noun: ``1 image``, ``1,200 images``."""
    return say(f"{{1}} {one if amount == 1 else many}", f"{amount:,}")


def progress(snapshot: Snapshot) -> str:
    """Where the study is: epoch, mixes tried, images drawn."""
    parts: list[str] = []
    if snapshot.epoch:
        parts.append(say("Epoch {1} of {2}", snapshot.epoch, max(snapshot.epoch, snapshot.epochs)))
    if snapshot.trial:
        parts.append(count(snapshot.trial, "mix tried", "mixes tried"))
    if snapshot.budget:
        parts.append(say("{1} of {2} images", f"{snapshot.images:,}", f"{snapshot.budget:,}"))
    if snapshot.measured:
        parts.append(
            say("{1} of {2} for the final measurement", f"{snapshot.measured:,}", f"{snapshot.to_measure:,}")
        )
    return joined(" · ", *parts) if parts else ""


def mixing(snapshot: Snapshot) -> str:
    """How far the mix that is being tried is drawn; empty while none is, or when nothing runs."""
    if not snapshot.mix_images or not _running(snapshot):
        return ""
    return say(
        "mix {1}: {2} of {3} images",
        snapshot.trial + 1,
        f"{snapshot.mix_drawn:,}",
        f"{snapshot.mix_images:,}",
    )


def speed(snapshot: Snapshot) -> str:
    """Images per second, or seconds per image when slower; empty while unknown or when nothing runs."""
    rate = snapshot.images_per_s
    if rate <= 0 or not _running(snapshot):
        return ""
    return (
        say("{1} images per second", f"{rate:.1f}")
        if rate >= 1
        else say("{1} s per image", f"{1 / rate:.1f}")
    )


def remaining(snapshot: Snapshot) -> str:
    """Time left with its spread; empty while unknown or when nothing runs."""
    if snapshot.eta_s is None or not _running(snapshot):
        return ""
    low, middle, high = (duration(seconds) for seconds in snapshot.eta_s)
    if low == high:
        return say("about {1} left", middle)
    return say("about {1} left ({2} to {3})", middle, low, high)


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
    sentence = say(
        "points over the base ({1}), on {2} that the search never saw",
        span(over_base),
        count(over_base.images, "image", "images"),
    )
    best = result.gain_over_best_parent
    verdict: list[str] = [words(_AGAINST_BASE[tone(over_base)])]
    if over_base.low == over_base.high == 0:  # the same weights give the same images
        verdict = [say("No mix beat the base within this budget, so the best so far is the base itself")]
        if not all(judged.kept for judged in varieties):
            verdict = [
                say(
                    "No mix beat the base and kept enough diversity within this budget, so the best so far is the base "
                    "itself"
                )
            ]
    if result.best_parent in result.parents:
        verdict.append(say(_AGAINST_PARTNER[tone(best)], result.best_parent, points(best), span(best)))
    if told := blocks_added(result):
        verdict.append(told)
    verdict.append(asked_alike(result))
    return Gain(points(over_base), sentence, sentences(*verdict), tone(over_base))


def blocks_added(result: Result) -> str:
    """What weights of block groups added to the best mix with one weight per model; empty where none was measured."""
    added = result.gain_over_single_weight
    if added is None:
        return ""
    if added.low == added.high == 0:  # the same weights, or weights that draw the same images
        return say("Block weights add nothing here: the best mix has one weight per model")
    return say(_BLOCKS[tone(added)], points(added), span(added))


def asked_alike(result: Result) -> str:
    """What the prompts of a measurement asked for equally often; figures of two kinds cannot be compared."""
    if result.alike == "categories":
        return say("Prompts asked for every category equally often")
    return say("Prompts asked for every tag equally often, so that a category of many tags counts more")


def epoch_name(epoch: int, kept: Iterable[tuple[int, int]] = ()) -> str:
    """An epoch, and whose mix it kept if it found nothing better.

    Args:
        epoch: 0 for the base.
        kept: See ``Snapshot``.
    """
    if not epoch:
        return "Base"
    if (first := dict(kept).get(epoch)) is None:
        return say("Epoch {1}", epoch)
    return (
        say("Epoch {1}, still epoch {2}", epoch, first) if first else say("Epoch {1}, still the base", epoch)
    )


def variety(judged: Variety) -> str:
    """Whether a winner's images of one prompt vary enough, and on what evidence that was decided."""
    told = (
        "The winner of epoch {1} was kept: its images of one prompt vary enough, {2} ({3}) against {4} ({5}) of what "
        "the epoch began with, on {6} images each"
    )
    if not judged.kept:
        told = (
            "The winner of epoch {1} was given up: its images of one prompt vary too little, {2} ({3}) against {4} "
            "({5}) of what the epoch began with, on {6} images each"
        )
    elif judged.left.low < 0:
        told = (
            "The winner of epoch {1} was kept: its images of one prompt may vary enough, {2} ({3}) against {4} ({5}) "
            "of what the epoch began with, on {6} images each"
        )
    of, began = judged.winner, judged.began
    shares = (percent(of.mean), span(of), percent(began.mean), span(began))
    return sentences(say(told, judged.epoch, *shares, of.images))


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
