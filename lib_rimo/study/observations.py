"""A study's trials as the search knows them."""

from __future__ import annotations

from lib_rimo.search.history import Observation
from lib_rimo.study.record import StudyRecord, Trial


def observation(trial: Trial, *, soft: bool) -> Observation:
    """A trial with the scores of its pictures: mean probabilities if ``soft``, else shares of hits."""
    scores = tuple(score.soft if soft else score.accuracy for score in trial.scores)
    return Observation(trial.weights, trial.prompt_ids, scores, trial.stage)


def observations(record: StudyRecord, epoch: int, *, soft: bool | None = None) -> list[Observation]:
    """The finished trials of an epoch.

    Args:
        record: The study.
        epoch: 1-based.
        soft: What counts; None takes what the study searches on.
    """
    wanted = record.settings.objective == "soft" if soft is None else soft
    return [observation(trial, soft=wanted) for trial in record.of_epoch(epoch)]
