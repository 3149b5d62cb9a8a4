"""The signs of broken shapes, epoch by epoch, from pictures that are drawn anyway.

Base and parents are the reference for what a usual picture is; all pictures are of the same unseen prompts. Which
signs are looked at, and on what evidence, stands in the room ``benchmark``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lib_rimo.benchmark.accuracy import micro, paired_difference
from lib_rimo.benchmark.guard import Signs, advise
from lib_rimo.benchmark.image_statistics import LEAST_REFERENCE, Usual, statistics
from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.errors import JournalError
from lib_rimo.merging.mix.drift import WHOLE, DriftMeter
from lib_rimo.study.record import events as ev
from lib_rimo.study.record.plan import winner_arm
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.run.drawing import Drawn
from lib_rimo.study.run.session import OpenStudy
from lib_rimo.study.store.snapshot import EpochSigns, Outlook, Watch

DECIMALS = 5
"""Digits kept of a statistic; a picture's own noise is far above."""


def looks_of(drawn: Drawn) -> ev.Rows:
    """The statistics of a batch's pictures, ``(n_pictures, n_statistics)``, as a journal keeps them."""
    return tuple(tuple(round(float(x), DECIMALS) for x in statistics(image)) for image in drawn.images)


class Watcher:
    """Looks for the signs in an open study.

    Args:
        study: Its files, prompts and record.
    """

    def __init__(self, study: OpenStudy) -> None:
        self._study = study
        self._meter: DriftMeter | None = None

    def look(self) -> tuple[tuple[EpochSigns, ...], float]:
        """The signs of the base and all winners, without warnings, and the largest drift of a mix between parents.

        The first call reads all checkpoints once.
        """
        record, prompts = self._study.record, self._study.pools.unseen()
        if self._meter is None:
            self._meter = DriftMeter(self._study.sources, record.sources, self._study.partition)
        usual = _usual(record)
        signs = []
        for epoch in range(len(record.winners) + 1):
            arm = winner_arm(record, epoch)
            scores, looks = record.measured.get(arm), record.looks.get(arm)
            recipe = record.winners[epoch - 1] if epoch else record.base
            signs.append(
                EpochSigns(
                    epoch,
                    accuracy=micro(prompts, scores) if scores else None,
                    gain=_gain(record, prompts, epoch),
                    unusual=usual.unusual(np.array(looks)) if usual is not None and looks else None,
                    drift=round(self._meter.drift(recipe)[WHOLE], DECIMALS),
                )
            )
        return tuple(signs), round(self._meter.limit, DECIMALS)


def _usual(record: StudyRecord) -> Usual | None:
    """What is usual among the pictures of base and partners; None while they are too few."""
    arms = ["base", *(source.name for source in record.sources[1:])]
    rows = [row for arm in arms for row in record.looks.get(arm, ())]
    complete = all(record.looks.get(arm) for arm in arms)
    return Usual.of(np.array(rows)) if complete and len(rows) >= LEAST_REFERENCE else None


def _gain(record: StudyRecord, prompts: Sequence[Prompt], epoch: int) -> Interval | None:
    """An epoch's winner minus what the epoch began with, on the prompts that both met."""
    if not epoch or (epoch == 1 and record.settings.start):
        return None  # the recipe that the search began with is not measured
    of = [record.measured.get(winner_arm(record, e), []) for e in (epoch, epoch - 1)]
    both = min(map(len, of))
    after, before = (scores[:both] for scores in of)
    return paired_difference(prompts, after, before) if both else None


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
        signs = [_signs(row) for row in event.signs]
        outlook = event.outlook and Outlook(**{**event.outlook, "gain": Interval(**event.outlook["gain"])})
        advice = advise([Signs(s.epoch, s.unusual, s.drift, s.accuracy) for s in signs], event.drift_limit)
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError("The signs of a study are damaged", found=repr(error)) from error
    told = tuple(dataclasses.replace(s, warnings=advice.warnings.get(s.epoch, ())) for s in signs)
    return Watch(told, event.drift_limit, advice.epoch if advice.warnings else None, outlook or None)


def _signs(row: Mapping[str, Any]) -> EpochSigns:
    def share(name: str) -> Interval | None:
        return Interval(**row[name]) if row[name] is not None else None

    return EpochSigns(
        int(row["epoch"]), share("accuracy"), share("gain"), share("unusual"), float(row["drift"])
    )
