"""A record as a snapshot: what the user sees of it."""

from __future__ import annotations

import math
import statistics

from lib_rimo.study.record import events as ev
from lib_rimo.study.record import plan
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.record.results import variety_of, watch_of
from lib_rimo.study.settings.settings import StudySettings
from lib_rimo.study.store.snapshot import CurvePoint, Grid, Snapshot

RECENT_BATCHES = 24
"""Batches that the speed is taken from: long enough to be steady, short enough to follow a busy machine."""
NEWER = "A newer version of Rimo made this study. What this version does not understand of it is left out."
"""Said of journals of a newer format."""
ARMS_BESIDE_PARENTS = 4
"""Base, plain average, winner and the best mix with one weight per partner are measured beside the partners."""


def images_to_measure(settings: StudySettings, epochs: int) -> int:
    """Images on unseen prompts: of the final comparison, and of the winners between the epochs.

    With a diversity floor also the pairs of every winner and of what the first epoch begins with.
    """
    between = min(settings.checked, settings.unseen) * (epochs - 1)
    if settings.diversity_floor:
        between += ev.PAIR * min(plan.VARIETY_PROMPTS, settings.unseen) * (epochs + 1)
    return settings.unseen * (len(settings.partners) + ARMS_BESIDE_PARENTS) + between


def snapshot_of(record: StudyRecord) -> Snapshot:
    """Everything of a snapshot that follows from the record; state, message and live pictures are the runner's."""
    settings = record.settings
    early = record.epochs < settings.epochs
    budget = record.images if early else settings.search.budget
    to_measure = images_to_measure(settings, record.epochs)
    if len(record.winners) >= record.epochs and record.single is None:
        to_measure -= settings.unseen  # the search met no mix with one weight per partner
    if record.result is not None:
        to_measure = record.images_measured  # equal winners are drawn once; older studies drew other ones
    left = budget - record.images + to_measure - record.images_measured
    speed, spread = _seconds_per_image(record)
    best = record.best()
    drawing = record.open_trials
    return Snapshot(
        study=record.opened.study,
        base=record.sources[0].name,
        partners=tuple(s.name for s in record.sources[1:]),
        epoch=record.epoch,
        epochs=record.epochs,
        trial=len(record.finished),
        mix_images=sum(len(trial.prompt_ids) for trial in drawing),
        mix_drawn=sum(len(trial.scores) for trial in drawing),
        images=record.images,
        budget=budget,
        measured=record.images_measured,
        to_measure=to_measure,
        images_per_s=1.0 / speed if speed else 0.0,
        eta_s=_eta(max(0, left), speed, spread),
        curve=curve(record),
        grids=tuple(Grid(g.epoch, g.files, g.prompts) for g in record.grids),
        result=record.result,
        kept=kept(record),
        variety=tuple(map(variety_of, record.varieties)),
        watch=watch_of(record.watched) if record.watched is not None else None,
        recipe=best.to_json(with_paths=True) if record.trials else None,
        saved=tuple(s.file for s in record.saved),
        notes=(*record.opened.notes, *((NEWER,) if record.is_newer else ())),
    )


def kept(record: StudyRecord) -> tuple[tuple[int, int], ...]:
    """Epochs that found nothing better: each with the first that ended with the same mix, 0 for the base."""
    epochs = range(1, len(record.winners) + 1)
    return tuple((epoch, first) for epoch in epochs if (first := plan.same_mix(record, epoch)) != epoch)


def curve(record: StudyRecord) -> tuple[CurvePoint, ...]:
    """One point per finished trial, in the order in which they ended."""
    number = {trial.id: n for n, trial in enumerate(record.trials, 1)}
    points = []
    images = 0
    for trial in record.finished:
        assert trial.done is not None
        images += len(trial.scores)
        points.append(
            CurvePoint(
                epoch=trial.epoch,
                trial=number[trial.id],
                images=images,
                accuracy=trial.accuracy,
                pictures=len(trial.scores),
                best=trial.done.best,
                low=trial.done.low,
                high=trial.done.high,
                stage=trial.stage,
            )
        )
    return tuple(points)


def _seconds_per_image(record: StudyRecord) -> tuple[float, float]:
    """Mean over the recent batches, and its standard error; zeros while nothing was drawn."""
    recent = [seconds / images for images, seconds in record.speeds[-RECENT_BATCHES:]]
    if not recent:
        return 0.0, 0.0
    spread = statistics.stdev(recent) if len(recent) > 1 else recent[0]
    return statistics.fmean(recent), spread / math.sqrt(len(recent))


def _eta(left: int, speed: float, spread: float) -> tuple[float, float, float] | None:
    if not speed:
        return None
    factor = (
        1 + 2 * spread / speed
    )  # by a factor to both sides, so that a first guess does not begin at nothing
    return (left * speed / factor, left * speed, left * speed * factor)
