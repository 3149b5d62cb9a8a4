"""Epoch by epoch in words and formatted numbers: accuracy, signs of broken shapes, and what another one promises."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lib_rimo.benchmark.interval import Interval
from lib_rimo.said import say, sentences
from lib_rimo.study.record.results import EpochSigns, Outlook, Watch
from lib_rimo.wording.sentences import count, epoch_name, number, percent, points, span, tone


def epochs(watch: Watch, kept: Iterable[tuple[int, int]] = ()) -> dict[str, Any]:
    """All that is shown of it.

    Args:
        watch: What was seen.
        kept: Epochs that ended with the mix of an earlier one, see ``Snapshot``.

    Returns:
        ``rows``, one per epoch with the base first; ``warning``, a sentence, empty without one; ``signs``, what it
        rests on; ``outlook``, a sentence or nothing; ``flat``, whether it proposes no further epoch; ``limit``, the
        largest drift of a mix between its parents.
    """
    told = [(epoch_name(sign.epoch), words) for sign in watch.epochs for words in sign.warnings]
    return {
        "rows": [_row(sign, kept) for sign in watch.epochs],
        "warning": warning(watch),
        "signs": [list(pair) for pair in told],
        "outlook": "" if watch.outlook is None else outlook(watch.outlook),
        "flat": watch.outlook is not None and watch.outlook.flat,
        "limit": _hundredths(watch.drift_limit),
    }


def warning(watch: Watch) -> str:
    """From where on shapes may be broken, and where to go back to; empty without a sign of it."""
    if watch.stop_at is None:
        return ""
    first = next(sign.epoch for sign in watch.epochs if sign.warnings)
    sound = say("The last one without a sign is epoch {1}", watch.stop_at)
    if not watch.stop_at:
        sound = say("The last one without a sign is the base itself")
    return sentences(say("Shapes may be broken from epoch {1} on", first), sound)


def outlook(promise: Outlook) -> str:
    """What another epoch promises, and whether it is proposed."""
    images = count(promise.images, "image", "images")
    if promise.flat and not promise.worth:
        nothing = say("The last one found nothing better than what it began with, in {1}", images)
        return sentences("No further epoch is proposed", nothing)
    gain = say("{1} points ({2})", points(promise.gain), span(promise.gain))
    if not promise.flat:
        return sentences(
            say("Another epoch may be worth its {1}", images),
            say("The last one gained about {1}; the next will gain less", gain),
        )
    least = say("{1} points", number(100 * promise.worth))
    return sentences(
        "No further epoch is proposed",
        say("At most {1} are to be expected of its {2}", gain, images),
        say("Less than {1} cannot be told from nothing in the final measurement", least),
    )


def _row(sign: EpochSigns, kept: Iterable[tuple[int, int]]) -> dict[str, Any]:
    return {
        "name": epoch_name(sign.epoch, kept),
        "epoch": sign.epoch,
        "accuracy": _share(sign.accuracy),
        "accuracy_span": _span(sign.accuracy),
        "gain": "" if sign.gain is None else points(sign.gain),
        "gain_span": _span(sign.gain),
        "tone": "" if sign.gain is None else tone(sign.gain),
        "unusual": _share(sign.unusual),
        "unusual_span": _span(sign.unusual),
        "drift": _hundredths(sign.drift),
        "warned": bool(sign.warnings),
    }


def _share(share: Interval | None) -> str:
    return "" if share is None else percent(share.mean)


def _span(interval: Interval | None) -> str:
    return "" if interval is None else span(interval)


def _hundredths(value: float) -> str:
    return f"{value:.2f}"
