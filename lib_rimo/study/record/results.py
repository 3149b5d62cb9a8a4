"""What a study found out, as values: shown alike by tab, reports and commands, kept in the journal as plain ones.

A measured result is kept whole, so that a study can be shown again without its tagger.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lib_rimo.benchmark.guard import Signs, advise
from lib_rimo.benchmark.interval import Interval
from lib_rimo.errors import JournalError
from lib_rimo.study.record import events as ev
from lib_rimo.study.record.restoring import restored

DAMAGED = (AttributeError, KeyError, TypeError, ValueError)
"""What plain values lead to that are no result."""


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """Accuracy within one tag category, on unseen prompts.

    Attributes:
        category: Its name; ``all`` for the whole.
        merged: The winner's.
        base: The base's.
        parents: Mean over base and partners.
        deviation_percent: ``100 * (merged - parents) / parents``, upstream's table.
        deviation_low: Lower end of its 95 % interval; None where it has none.
        deviation_high: Upper end.
        partners: Partner name -> its own accuracy.
    """

    category: str
    merged: Interval
    base: Interval
    parents: float
    deviation_percent: float
    deviation_low: float | None = None
    deviation_high: float | None = None
    partners: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TagRow:
    """One tag on unseen prompts, winner against base.

    Attributes:
        tag: As it was prompted.
        category: Of the catalogue.
        merged: Share of its prompts in which the winner showed it.
        base: Share of the same prompts in which the base showed it.
        gain: Paired difference, winner minus base; ``gain.tags`` says how often the tag was asked for.
        sure: Whether the difference is on one side of zero even when it is taken into account that as many tags
            were looked at as there are (Bonferroni). Of all other rows a few look like gains or losses by chance.
    """

    tag: str
    category: str
    merged: float
    base: float
    gain: Interval
    sure: bool


@dataclass(frozen=True, slots=True)
class ScorerRow:
    """What a scorer beside the tags says, on unseen prompts: mean values in [0, 1] with their intervals.

    Attributes:
        scorer: Its name.
        base: The base's pictures.
        parents: Partner name -> its own.
        uniform: Those of the plain average.
        merged: The winner's.
        gain_over_base: Paired difference, winner minus base.
    """

    scorer: str
    base: Interval
    parents: Mapping[str, Interval]
    uniform: Interval
    merged: Interval
    gain_over_base: Interval


@dataclass(frozen=True, slots=True)
class Result:
    """Accuracy on prompts that no search step saw.

    Attributes:
        base: The base's.
        parents: Partner name -> its own.
        uniform: Of the plain average of base and all partners.
        merged: Of the winner.
        gain_over_base: Paired difference, winner minus base.
        gain_over_best_parent: Paired difference, winner minus the best of base and partners.
        best_parent: Its name.
        categories: Table by category, the whole first.
        tags: Every prompted tag, most surely gained first, most surely lost last.
        scorers: Further scorers, in the order of the settings; none of these is an accuracy.
        single: Of the best mix with one weight per partner that the search met; None where it met none, and in
            results from before it was measured.
        gain_over_single_weight: Paired difference, winner minus that one: what weights of block groups added.
        alike: What the prompts asked for equally often: ``tags`` or ``categories``.
    """

    base: Interval
    parents: Mapping[str, Interval]
    uniform: Interval
    merged: Interval
    gain_over_base: Interval
    gain_over_best_parent: Interval
    best_parent: str
    categories: tuple[CategoryRow, ...]
    tags: tuple[TagRow, ...] = ()
    scorers: tuple[ScorerRow, ...] = ()
    single: Interval | None = None
    gain_over_single_weight: Interval | None = None
    alike: str = "tags"


@dataclass(frozen=True, slots=True)
class EpochSigns:
    """What is known of an epoch's winner beside the search's own estimate (epoch 0: of the base).

    Attributes:
        epoch: Its number.
        accuracy: On prompts that the search does not see; None where it was not measured.
        gain: Paired difference to what the epoch began with, on the same such prompts; None where unmeasured.
        unusual: Share of its pictures that are unusual among its parents'; None where too few were drawn.
        drift: How far its weights lie from the nearest parent.
        warnings: What tells that its shapes may be broken, in sentences.
    """

    epoch: int
    accuracy: Interval | None
    gain: Interval | None
    unusual: Interval | None
    drift: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Variety:
    """How much the pictures of one prompt vary, of an epoch's winner and of what the epoch began with.

    Attributes:
        epoch: Its number.
        kept: Whether the winner was kept; otherwise the next epoch begins with what this one began with.
        winner: The winner's diversity.
        began: Of what the epoch began with, on the same prompts.
        left: What the winner has above the floor; given up when the whole interval is below zero.
    """

    epoch: int
    kept: bool
    winner: Interval
    began: Interval
    left: Interval


@dataclass(frozen=True, slots=True)
class Outlook:
    """What another epoch promises; see ``outlook.py`` for the rule.

    Attributes:
        gain: Expected gain, a share, with its interval.
        worth: Gain below which an epoch is not worth its images.
        images: What it would draw.
        unseen: Prompts of the final measurement that ``worth`` is taken from.
        flat: Whether the study proposes to stop.
    """

    gain: Interval
    worth: float
    images: int
    unseen: int
    flat: bool


@dataclass(frozen=True, slots=True)
class Watch:
    """The signs of all finished epochs, and what they advise.

    Attributes:
        epochs: The base first.
        drift_limit: Largest drift of a mix between its parents.
        stop_at: The last epoch before the first warning; None without one.
        outlook: Of another epoch; None where nothing can be said.
    """

    epochs: tuple[EpochSigns, ...]
    drift_limit: float
    stop_at: int | None
    outlook: Outlook | None


def result_to_json(result: Result) -> dict[str, Any]:
    """Plain values; ``result_from_json`` gives the equal result back."""
    plain: dict[str, Any] = _plain(dataclasses.asdict(result))
    return plain


def result_from_json(data: Mapping[str, Any]) -> Result:
    """Reads what ``result_to_json`` wrote.

    Raises:
        JournalError: The data is no result.
    """
    try:
        return restored(Result, data)
    except DAMAGED as error:
        raise JournalError("A study's result is damaged", found=repr(error)) from error


def _plain(value: Any) -> Any:
    """JSON knows no infinity and no NaN; neither does a table."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def variety_of(event: ev.VarietyJudged) -> Variety:
    """What an event says.

    Raises:
        JournalError: It is damaged.
    """
    try:
        figures = [restored(Interval, figure) for figure in (event.winner, event.began, event.left)]
    except DAMAGED as error:
        raise JournalError("The diversity of a study's mixes is damaged", found=repr(error)) from error
    return Variety(event.epoch, event.kept, *figures)


def watched(
    epoch: int, signs: Iterable[EpochSigns], limit: float, outlook: Outlook | None, *, final: bool
) -> ev.Watched:
    """The event that keeps what was seen."""
    rows = tuple({k: v for k, v in dataclasses.asdict(sign).items() if k != "warnings"} for sign in signs)
    kept = dataclasses.asdict(outlook) if outlook is not None else None
    return ev.Watched(epoch, final, rows, limit, kept)


def watch_of(event: ev.Watched) -> Watch:
    """What an event says, with what it advises.

    Raises:
        JournalError: It is damaged.
    """
    try:
        signs = [restored(EpochSigns, row) for row in event.signs]
        outlook = restored(Outlook, event.outlook) if event.outlook else None
        advice = advise([Signs(s.epoch, s.unusual, s.drift, s.accuracy) for s in signs], event.drift_limit)
    except DAMAGED as error:
        raise JournalError("The signs of a study are damaged", found=repr(error)) from error
    told = tuple(dataclasses.replace(s, warnings=advice.warnings.get(s.epoch, ())) for s in signs)
    return Watch(told, event.drift_limit, advice.epoch if advice.warnings else None, outlook)
