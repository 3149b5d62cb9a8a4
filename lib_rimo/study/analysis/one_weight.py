"""The best mix with one weight per partner that a search has met: what weights of block groups are held against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.search.default import DefaultStrategy
from lib_rimo.search.history import Observation, Weights
from lib_rimo.study.record.observations import constraints_of
from lib_rimo.study.record.record import StudyRecord


def best_of_one_weight(
    record: StudyRecord, epoch: int, history: Sequence[Observation], judge: DefaultStrategy
) -> tuple[Recipe, float] | None:
    """The recipe with one weight per partner that the search's model of an epoch takes for the best.

    Args:
        record: The study.
        epoch: One that is done, 1-based.
        history: Its trials as its search saw them.
        judge: A model of mixes for that epoch, whatever searched it.

    Returns:
        The recipe over the study's files and its expected gain over what the epoch began with; None where none was
        met but the base.
    """
    known = judge.posterior(history)
    start = known.table.find(judge.problem.zero())
    shut = _shut(record, epoch)
    best: tuple[Recipe, float] | None = None
    for weights in dict.fromkeys(observed.weights for observed in history):
        recipe = _alike(record, epoch, weights, shut)
        if recipe is None or not recipe.groups():
            continue
        gain = float(known.mean[known.table.find(weights)] - (known.mean[start] if start >= 0 else 0.0))
        if best is None or gain > best[1]:
            best = recipe, gain
    return best


def _shut(record: StudyRecord, epoch: int) -> set[tuple[str, str]]:
    """Partners and groups whose weight the settings hold at one value."""
    low, high = np.moveaxis(constraints_of(record, epoch).bounds, -1, 0)
    rows, columns = np.nonzero(low == high)
    names = [partner.name for partner in record.partners[epoch]]
    return {(names[i], record.opened.groups[j]) for i, j in zip(rows, columns, strict=True)}


def _alike(record: StudyRecord, epoch: int, weights: Weights, shut: set[tuple[str, str]]) -> Recipe | None:
    """The whole recipe of a proposal if every partner has one weight in all groups in which it may have any."""
    recipe = record.recipe_of(weights, epoch)
    if recipe.before is not None:
        return None
    for i, partner in enumerate(recipe.partners):
        groups = (group for group in record.opened.groups if (partner.name, group) not in shut)
        if len({recipe.row(group)[i] for group in groups}) > 1:
            return None
    return recipe
