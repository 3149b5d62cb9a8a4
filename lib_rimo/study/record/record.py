"""A study's state: the fold of its events. The same events give the same record, before and after a crash."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lib_rimo.benchmark.score import ImageScore
from lib_rimo.errors import JournalError, RimoError
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.said import say
from lib_rimo.study.record import events as ev
from lib_rimo.study.record.results import Result, result_from_json
from lib_rimo.study.settings.merge_method import method_options
from lib_rimo.study.settings.settings import StudySettings

log = logging.getLogger("rimo")

DAMAGE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What values that this program never wrote lead to: unknown names, texts for numbers, a trial of no picture."""


def damaged(error: BaseException) -> JournalError:
    """What to say of a journal whose lines can be read, but not understood."""
    return JournalError("The journal is damaged", found=say("{1}: {2}", type(error).__name__, error))


@dataclass(slots=True)
class Trial:
    """A recipe that was asked for, and what is known of it.

    Attributes:
        id: What the events call it.
        epoch: 1-based.
        weights: As proposed, ``(n_partners, n_groups)`` of the epoch's partners.
        prompt_ids: Of the epoch's pool, in drawing order.
        stage: The search's name for it.
        scores: One per image drawn so far, in the order of ``prompt_ids``.
        done: The closing event; None while images are missing.
        hits: Tags found in those images.
        asked: Tags prompted.
    """

    id: int
    epoch: int
    weights: ev.Rows
    prompt_ids: tuple[int, ...]
    stage: str
    scores: list[ImageScore] = field(default_factory=list)
    done: ev.TrialDone | None = None
    hits: int = 0
    asked: int = 0

    def take(self, scores: Iterable[ImageScore]) -> None:
        """Adds scores."""
        for score in scores:
            self.scores.append(score)
            self.hits += sum(score.hits)
            self.asked += len(score.hits)

    @property
    def accuracy(self) -> float:
        """Share of the tags found, so far."""
        return self.hits / self.asked

    @property
    def missing(self) -> tuple[int, ...]:
        """Prompts still to be drawn."""
        return self.prompt_ids[len(self.scores) :]


@dataclass(slots=True)
class StudyRecord:
    """Everything a journal says.

    Attributes:
        opened: The first event.
        settings: Its settings, as far as they are known today.
        sources: Base first.
        trials: In the order in which they were asked for.
        finished: Those that are done, in the order in which they ended: what the search knows of.
        partners: Epoch -> its partners, in the order of the weights' rows.
        winners: One recipe per finished epoch; what it began with where its winner was given up.
        single: The best recipe met that has one weight per partner; None while none is known.
        grids: Drawn sample grids.
        measured: RankResult -> scores on the unseen prompts, in their order.
        looks: RankResult -> statistics of its pictures on unseen prompts, in their order.
        likenesses: ``plan.identity`` of a recipe -> likeness of its two pictures of each unseen prompt, in their order.
        varieties: One decision per epoch whose winner was held against the diversity floor.
        watched: The signs of the epochs; None before the end of the first.
        result: The measured result; None until everything is measured.
        saved: Written checkpoints.
        speeds: ``(images, seconds)`` of each batch.
    """

    opened: ev.Opened
    settings: StudySettings
    sources: tuple[Source, ...]
    trials: list[Trial] = field(default_factory=list)
    finished: list[Trial] = field(default_factory=list)
    partners: dict[int, tuple[Source, ...]] = field(default_factory=dict)
    winners: list[Recipe] = field(default_factory=list)
    single: Recipe | None = None
    grids: list[ev.GridDrawn] = field(default_factory=list)
    measured: dict[str, list[ImageScore]] = field(default_factory=dict)
    looks: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)
    likenesses: dict[str, list[float]] = field(default_factory=dict)
    varieties: list[ev.VarietyJudged] = field(default_factory=list)
    watched: ev.Watched | None = None
    result: Result | None = None
    saved: list[ev.Saved] = field(default_factory=list)
    speeds: list[tuple[int, float]] = field(default_factory=list)
    _open: dict[int, Trial] = field(default_factory=dict)
    _ids: set[int] = field(default_factory=set)
    _single_gain: float = 0.0

    @classmethod
    def begin(cls, opened: ev.Opened) -> StudyRecord:
        """The record after the first event."""
        sources = tuple(
            Source(s["name"], s["fingerprint"], Path(s["path"]) if s.get("path") else None)
            for s in opened.sources
        )
        return cls(opened, StudySettings.restore(opened.settings), sources)

    @classmethod
    def replay(cls, events: Iterable[ev.Event]) -> StudyRecord:
        """The record after all events. Of a newer format, the record after those that are understood.

        Raises:
            JournalError: The events do not begin with ``Opened``, contradict each other, or hold values that none of
                ours can be.
        """
        iterator = iter(events)
        first = next(iterator, None)
        if not isinstance(first, ev.Opened):
            raise JournalError("The journal does not begin with a study", fix="Start a new one")
        try:
            record = cls.begin(first)
            for event in iterator:
                try:
                    record.apply(event)
                except (RimoError, *DAMAGE) as error:
                    if not record.is_newer:
                        raise
                    log.info("An event of the newer study %s is left out: %s", record.opened.study, error)
        except DAMAGE as error:
            raise damaged(error) from error
        return record

    @property
    def is_newer(self) -> bool:
        """Whether a newer version of this program made it: to be looked at, not to be gone on with."""
        return self.opened.format > ev.FORMAT

    def refuse_newer(self) -> None:
        """To be called before anything is added to the study.

        Raises:
            JournalError: A newer version of this program made it.
        """
        if self.is_newer:
            raise JournalError(
                "A newer version of Rimo made this study",
                found=say("a journal of format {1}", self.opened.format),
                wanted=say("format {1} or less", ev.FORMAT),
                fix="Update Rimo to go on with it; this version can look at it and save its mixes",
            )

    def apply(self, event: ev.Event) -> None:
        """Takes one more event in.

        Raises:
            JournalError: It cannot follow what came before.
        """
        match event:
            case ev.EpochBegun():
                by_name = {s.name: s for s in self.sources[1:]}
                self.partners[event.epoch] = tuple(by_name[name] for name in event.partners)
            case ev.TrialAsked():
                self._expect(event.trial not in self._ids, event)
                trial = Trial(event.trial, self.epoch, event.weights, event.prompt_ids, event.stage)
                self.trials.append(trial)
                self._open[trial.id] = trial
                self._ids.add(trial.id)
            case ev.ImagesScored():
                trial = self._open_trial(event)
                self._expect(len(event.scores) <= len(trial.missing), event)
                trial.take([ImageScore.from_json(s) for s in event.scores])
                self.speeds.append((len(event.scores), event.seconds))
            case ev.TrialDone():
                trial = self._open_trial(event)
                self._expect(not trial.missing, event)
                trial.done = event
                del self._open[trial.id]
                self.finished.append(trial)
            case ev.EpochDone():
                self._expect(not self._open, event)
                self.winners.append(Recipe.from_json(event.recipe))
                if event.single is not None and (
                    self.single is None or event.single_gain > self._single_gain
                ):
                    self.single, self._single_gain = Recipe.from_json(event.single), event.single_gain
            case ev.GridDrawn():
                self.grids.append(event)
            case ev.Measured():
                scores = self.measured.setdefault(event.arm, [])
                scores.extend(ImageScore.from_json(s) for s in event.scores)
                self.looks.setdefault(event.arm, []).extend(event.looks)
                self.speeds.append((len(event.scores), event.seconds))
            case ev.PairsDrawn():
                self.likenesses.setdefault(event.recipe, []).extend(event.likenesses)
                self.speeds.append((ev.PAIR * len(event.likenesses), event.seconds))
            case ev.VarietyJudged():
                self._expect(event.epoch == len(self.winners), event)
                self.varieties.append(event)
                if not event.kept:
                    self.winners[-1] = self.epoch_base(event.epoch)
            case ev.Watched():
                self.watched = event
            case ev.Concluded():
                self.result = result_from_json(event.result)
            case ev.Saved():
                self.saved.append(event)
            case ev.Opened():
                raise JournalError("The journal holds two studies", fix="Start a new one")

    def _open_trial(self, event: ev.ImagesScored | ev.TrialDone) -> Trial:
        if event.trial not in self._open:
            raise JournalError("The journal contradicts itself", found=say("{1} outside a trial", event.kind))
        return self._open[event.trial]

    def _expect(self, legal: bool, event: ev.Event) -> None:
        if not legal:
            raise JournalError("The journal contradicts itself", found=say("{1} out of order", event.kind))

    @property
    def epoch(self) -> int:
        """The epoch begun last, 1-based; 0 before the first."""
        return max(self.partners, default=0)

    @property
    def epochs(self) -> int:
        """How many epochs there will be: as set, unless the settings ask to stop once it does not pay."""
        seen = self.watched
        if not self.settings.stop_when_flat or seen is None:
            return self.settings.epochs
        ends = seen.final or (seen.outlook is not None and seen.outlook["flat"])
        return seen.epoch if ends else self.settings.epochs

    @property
    def open_trials(self) -> list[Trial]:
        """Those that are not done yet, in the order in which they were asked for."""
        return list(self._open.values())

    @property
    def images(self) -> int:
        """Images drawn by the search."""
        return sum(len(t.scores) for t in self.trials)

    @property
    def images_measured(self) -> int:
        """Images drawn on unseen prompts."""
        pairs = sum(len(likenesses) for likenesses in self.likenesses.values())
        return sum(len(scores) for scores in self.measured.values()) + ev.PAIR * pairs

    @property
    def given_up(self) -> set[int]:
        """Epochs whose winner was given up for what the epoch began with."""
        return {judged.epoch for judged in self.varieties if not judged.kept}

    def of_epoch(self, epoch: int) -> list[Trial]:
        """The epoch's finished trials, in the order in which they ended."""
        return [trial for trial in self.finished if trial.epoch == epoch]

    def epoch_base(self, epoch: int) -> Recipe:
        """The recipe whose result is the base of an epoch."""
        if epoch >= 2 and len(self.winners) >= epoch - 1:
            return self.winners[epoch - 2]
        return self.start

    @property
    def base(self) -> Recipe:
        """The recipe that is the base itself."""
        return Recipe.zero(self.sources[0], self.opened.partition)

    @property
    def start(self) -> Recipe:
        """The recipe that the first epoch begins with: the base itself unless the settings name another."""
        recipe = self.settings.search.start
        if recipe is None:
            return self.base
        return recipe.seen_at(self.sources)

    def average(self) -> Recipe:
        """Base and all partners in equal parts, in the groups that are searched."""
        partners, groups = self.sources[1:], self.opened.groups
        row = (1.0 / (len(partners) + 1),) * len(groups)
        return Recipe.from_rows(
            self.sources[0], partners, self.opened.partition, groups, (row,) * len(partners)
        )

    def recipe_of(self, weights: ev.Rows, epoch: int) -> Recipe:
        """The recipe over the study's files that a proposal of an epoch stands for."""
        search = self.settings.search
        step = Recipe.from_rows(
            self.sources[0],
            self.partners[epoch],
            self.opened.partition,
            self.opened.groups,
            weights,
            search.method,
            method_options(search),
        )
        return self.epoch_base(epoch).then(step)

    def best(self) -> Recipe:
        """The best recipe known: the running epoch's leader, else the last winner, else the base."""
        done = self.of_epoch(self.epoch)
        if self.epoch > len(self.winners) and done and (last := done[-1].done) is not None:
            return Recipe.from_json(last.recipe)
        return self.winners[-1] if self.winners else self.start
