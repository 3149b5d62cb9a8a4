"""A study's trials in plain accuracy, whatever else its search was asked to look at (``objective``)."""

from __future__ import annotations

from lib_rimo.search.history import Observation
from lib_rimo.study.record.record import StudyRecord, Trial
from lib_rimo.study.settings.constraints import Constraints, guide


def observation(trial: Trial, *, soft: bool) -> Observation:
    """A trial with the scores of its pictures: mean probabilities if ``soft``, else shares of hits."""
    scores = tuple(score.soft if soft else score.accuracy for score in trial.scores)
    return Observation(trial.weights, trial.prompt_ids, scores, trial.stage)


def observations(record: StudyRecord, epoch: int) -> list[Observation]:
    """The finished trials of an epoch, in what the study's objective counts, all categories alike.

    Args:
        record: The study.
        epoch: 1-based.
    """
    soft = record.settings.scoring.objective == "soft"
    return [observation(trial, soft=soft) for trial in record.of_epoch(epoch)]


def constraints_of(record: StudyRecord, epoch: int) -> Constraints:
    """The guide of an epoch of a study."""
    return guide(record.settings.search, [p.name for p in record.partners[epoch]], record.opened.groups)
