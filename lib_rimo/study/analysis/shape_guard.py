"""The signs of broken shapes, epoch by epoch, from pictures that are drawn anyway.

Base and parents are the reference for what a usual picture is; all pictures are of the same unseen prompts. Which
signs are looked at, and on what evidence, stands in the room ``benchmark``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from lib_rimo.benchmark.accuracy import micro, paired_difference
from lib_rimo.benchmark.image_statistics import LEAST_REFERENCE, Usual, statistics
from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.merging.mix.drift import WHOLE, DriftMeter
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.study.record import events as ev
from lib_rimo.study.record.plan import winner_arm
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.record.results import EpochSigns

DECIMALS = 5
"""Digits kept of a statistic; a picture's own noise is far above."""


def looks_of(images: Iterable[Image.Image]) -> ev.Rows:
    """The statistics of a batch's pictures, ``(n_pictures, n_statistics)``, as a journal keeps them."""
    return tuple(tuple(round(float(x), DECIMALS) for x in statistics(image)) for image in images)


class ShapeGuard:
    """Looks for the signs in a study.

    Args:
        record: What happened in it until now, and will have happened whenever the watcher looks.
        sources: Its files.
        partition: The block groups.
    """

    def __init__(self, record: StudyRecord, sources: Sources, partition: Partition) -> None:
        self._record, self._sources, self._partition = record, sources, partition
        self._meter: DriftMeter | None = None

    def look(self, prompts: Sequence[Prompt]) -> tuple[tuple[EpochSigns, ...], float]:
        """The signs of the base and all winners, without warnings, and the largest drift of a mix between parents.

        The first call reads all checkpoints once.

        Args:
            prompts: The study's unseen ones.
        """
        record = self._record
        if self._meter is None:
            self._meter = DriftMeter(self._sources, record.sources, self._partition)
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
    if not epoch or (epoch == 1 and record.settings.search.start is not None):
        return None  # the recipe that the search began with is not measured
    of = [record.measured.get(winner_arm(record, e), []) for e in (epoch, epoch - 1)]
    both = min(map(len, of))
    after, before = (scores[:both] for scores in of)
    return paired_difference(prompts, after, before) if both else None
