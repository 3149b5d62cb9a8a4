"""Naming one of a study's mixes: the best, a trial, an epoch's winner, the plain average, or the base itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lib_rimo.benchmark.interval import Interval, share_interval
from lib_rimo.errors import SettingsError
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.said import say
from lib_rimo.study.record.plan import same_mix
from lib_rimo.study.record.record import StudyRecord, Trial
from lib_rimo.study.settings.numbers import whole

KINDS = ("best", "trial", "epoch", "average", "base")


@dataclass(frozen=True, slots=True)
class Choice:
    """One mix of a study.

    Attributes:
        kind: One of ``KINDS``.
        number: Of the trial (1-based) or of the epoch (0 is the base); 0 otherwise.
    """

    kind: str = "best"
    number: int = 0

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Choice:
        """Reads the choice out of a request: at most one of ``KINDS``; else the best.

        Raises:
            SettingsError: Two of them, or a number that is none.
        """
        empty = (None, "")  # but not 0, which is an epoch
        given = {kind: values[kind] for kind in KINDS if values.get(kind) not in empty}
        given = {kind: value for kind, value in given.items() if value is not False}
        if len(given) > 1:
            raise SettingsError(
                next(iter(given)), "Two mixes are named", found=" and ".join(given), wanted="one of them"
            )
        for kind in ("trial", "epoch"):
            if kind in given:
                return cls(kind, whole(kind, given[kind]))
        return cls(next(iter(given), "best"))

    @property
    def name(self) -> str:
        """For people: ``best``, ``trial 14``, ``epoch 2``, ``plain average``, ``base``."""
        if self.kind == "epoch" and not self.number:
            return "base"
        if self.kind == "average":
            return "plain average"
        return say(f"{self.kind} {{1}}", self.number) if self.kind in ("trial", "epoch") else self.kind

    def recipe(self, record: StudyRecord) -> Recipe:
        """Its recipe.

        Raises:
            SettingsError: The study has no such trial or epoch.
        """
        if self.kind == "trial":
            trial = self._trial(record)
            return record.recipe_of(trial.weights, trial.epoch)
        if self.kind == "epoch" and self.number:
            return record.winners[self._epoch(record) - 1]
        return {"best": record.best, "average": record.average}.get(self.kind, lambda: record.base)()

    def accuracy(self, record: StudyRecord) -> tuple[str, Interval] | None:
        """What is known of it, and how it is known; None where nothing is.

        Returns:
            ``measured`` on unseen prompts, ``estimate`` of the search, or ``raw``: the share found in the trial's own
            pictures, whose prompts are few.
        """
        result = record.result
        if self.name == "base":
            return None if result is None else ("measured", result.base)
        if self.kind == "average":
            return None if result is None else ("measured", result.uniform)
        if result is not None and (self.kind == "best" or self._is_last(record)):
            return "measured", result.merged
        if self.kind == "trial":
            trial = self._trial(record)
            return ("raw", _raw(trial)) if trial.scores else None
        epoch = self.number if self.kind == "epoch" else record.epoch
        if epoch <= len(record.winners):
            # What an epoch found of a mix that it kept is of other prompts; what it found of one given up is not of it.
            own = (e for e in range(1, epoch + 1) if e not in record.given_up)
            epoch = same_mix(record, epoch) or next(own, 0)
        done = record.of_epoch(epoch)
        if not done or (event := done[-1].done) is None:
            return None
        images = sum(len(trial.scores) for trial in done)
        tags = sum(trial.asked for trial in done)
        return "estimate", Interval(event.best, event.low, event.high, images, tags)

    def _is_last(self, record: StudyRecord) -> bool:
        """Whether it is an epoch that ended with the mix that was measured in the end."""
        last = len(record.winners)
        return self.kind == "epoch" and same_mix(record, self._epoch(record)) == same_mix(record, last)

    def _trial(self, record: StudyRecord) -> Trial:
        if not 1 <= self.number <= len(record.trials):
            raise SettingsError(
                "trial",
                "There is no such trial",
                found=self.number,
                wanted=say("1 to {1}", len(record.trials)),
            )
        return record.trials[self.number - 1]

    def _epoch(self, record: StudyRecord) -> int:
        if not 0 <= self.number <= len(record.winners):
            raise SettingsError(
                "epoch",
                "There is no such epoch yet",
                found=self.number,
                wanted=say("0 to {1}", len(record.winners)),
            )
        return self.number


def describe(record: StudyRecord, choice: Choice) -> dict[str, Any]:
    """A mix as plain values, for the page and for scripts.

    Returns:
        ``weights`` has one row per partner of the study and one column per group; rows of partners that the mix does
        not use are zero. A mix that is no weighted sum has them of its last step; ``before`` counts the steps before
        that. ``linear`` says whether the base has what the partners leave of 1. ``recipe`` is the portable form.
    """
    recipe = choice.recipe(record)
    groups, rows = table_of(record, recipe)
    known = choice.accuracy(record)
    return {
        "study": record.opened.study,
        "name": choice.name,
        "base": record.sources[0].name,
        "partners": [source.name for source in record.sources[1:]],
        "partition": record.opened.partition,
        "method": recipe.method,
        "linear": recipe.as_sum() is not None,
        "before": len(recipe.steps()) - 1,
        "groups": list(groups),
        "weights": rows,
        "accuracy": None if known is None else {"kind": known[0], **dataclasses.asdict(known[1])},
        "images": 0 if known is None else known[1].images,
        "recipe": recipe.to_json(),
    }


def table_of(record: StudyRecord, recipe: Recipe) -> tuple[tuple[str, ...], list[list[float]]]:
    """A recipe's last step as a table over all partners of the study.

    Returns:
        The searched groups and whichever else the recipe weighs, and weights ``(n_partners, n_groups)``, to four
        decimals.
    """
    groups = in_order(record, {*record.opened.groups, *recipe.weights})
    column = {source: i for i, source in enumerate(recipe.partners)}
    rows = [
        [round(recipe.row(group)[column[source]], 4) if source in column else 0.0 for group in groups]
        for source in record.sources[1:]
    ]
    return groups, rows


def in_order(record: StudyRecord, groups: set[str]) -> tuple[str, ...]:
    """Block groups in the order of the model's data flow, unknown ones last."""
    order = {group: i for i, group in enumerate(load_partition(record.settings.search.partition).groups)}
    return tuple(sorted(groups, key=lambda group: (order.get(group, len(order)), group)))


def _raw(trial: Trial) -> Interval:
    found = np.array([sum(score.hits) for score in trial.scores], dtype=np.float64)
    asked = np.array([len(score.hits) for score in trial.scores], dtype=np.float64)
    return Interval(*share_interval(found, asked), images=len(found), tags=int(asked.sum()))
