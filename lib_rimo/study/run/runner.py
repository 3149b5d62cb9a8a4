"""Carries a study out: step by step, each step journaled before it is shown."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping

from lib_rimo.benchmark.interval import Interval
from lib_rimo.merging.mix.methods import METHODS
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.said import say
from lib_rimo.search.default import DefaultStrategy
from lib_rimo.search.history import Incumbent, Observation, Proposal
from lib_rimo.search.partners import draw_partners
from lib_rimo.search.problem import Problem
from lib_rimo.search.settings import SearchSettings
from lib_rimo.search.strategy import Strategy, make_strategy
from lib_rimo.study.analysis.diversity_floor import judge
from lib_rimo.study.analysis.early_stopping import another_epoch
from lib_rimo.study.analysis.final_result import result_of
from lib_rimo.study.analysis.one_weight import best_of_one_weight
from lib_rimo.study.analysis.shape_guard import ShapeGuard, looks_of
from lib_rimo.study.record import events as ev
from lib_rimo.study.record import plan
from lib_rimo.study.record.journal import Journal
from lib_rimo.study.record.observations import constraints_of, observation
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.record.results import EpochSigns, Outlook, result_to_json, watched
from lib_rimo.study.run.drawing import Drawn, draw_pairs
from lib_rimo.study.run.objective import Objective
from lib_rimo.study.run.session import Session
from lib_rimo.study.settings.seeds import derive_seed
from lib_rimo.study.store.pictures import Pictures
from lib_rimo.study.store.snapshot import LatestPicture, StudyState

log = logging.getLogger("rimo")


class Runner:
    """Runs one opened study to its end, or until it is told to leave off.

    Args:
        study: Its files, model and record.
        journal: Takes every event before anyone sees it.
        pictures: Keeps the pictures that the user sees.
        show: Called after every event with state, one sentence, and the picture drawn last.
    """

    def __init__(
        self,
        study: Session,
        journal: Journal,
        pictures: Pictures,
        show: Callable[[StudyState, str, LatestPicture | None], None],
    ) -> None:
        self._study = study
        self._journal = journal
        self._pictures = pictures
        self._show = show
        self._strategies: dict[int, Strategy] = {}
        self._judges: dict[int, DefaultStrategy] = {}
        self._objective = Objective(study.record.settings.scoring, study.catalogue, study.pools)
        self._watcher = ShapeGuard(study.record, study.sources, study.partition)
        self._latest: LatestPicture | None = None

    @property
    def record(self) -> StudyRecord:
        """What happened so far."""
        return self._study.record

    def run(self, between: Callable[[], bool]) -> bool:
        """Goes on until the study is finished.

        Args:
            between: Called between image batches with the user's weights possibly swapped out; False leaves off.

        Returns:
            Whether the study is finished.
        """
        with self._study.bench as bench:
            while (step := plan.next_step(self.record, self._study.all_groups)) is not None:
                if not between():
                    return False
                self._perform(step)
                bench.give_way()
        return True

    def _perform(self, step: plan.Step) -> None:
        match step:
            case plan.DrawGrid():
                self._draw_grid(step)
            case plan.RepeatGrid():
                self._repeat_grid(step)
            case plan.BeginEpoch():
                self._begin_epoch(step.epoch)
            case plan.AskSearch():
                self._ask(step.epoch)
            case plan.DrawTrial():
                self._draw_trial(step)
            case plan.CloseTrial():
                self._close_trial(step)
            case plan.DrawPairs():
                self._draw_pairs(step)
            case plan.JudgeVariety():
                self._judge_variety(step)
            case plan.Measure():
                self._measure(step)
            case plan.LookForSigns():
                self._watch(step)
            case plan.Conclude():
                self._conclude()

    def _record(self, event: ev.Event, state: StudyState, message: str) -> None:
        self._journal.append(event)
        self.record.apply(event)
        self._show(state, message, self._latest)

    def _draw_grid(self, step: plan.DrawGrid) -> None:
        prompts = self._study.pools.grid()
        images = []
        for start in range(0, len(prompts), self.record.opened.batch):
            batch = prompts[start : start + self.record.opened.batch]
            images += self._study.bench.pictures(step.recipe, batch)
            told = say("Drawing the sample grid, {1} of {2} images", len(images), len(prompts))
            self._show(StudyState.SEARCHING, told, self._latest)
        files = self._pictures.keep_grid(step.epoch, images)
        event = ev.GridDrawn(step.epoch, files, tuple(p.text for p in prompts))
        self._record(event, StudyState.SEARCHING, "Drew the sample grid")

    def _repeat_grid(self, step: plan.RepeatGrid) -> None:
        earlier = self.record.grids[step.of]
        event = ev.GridDrawn(step.epoch, earlier.files, earlier.prompts)
        self._record(event, StudyState.SEARCHING, say("Epoch {1} kept what it began with", step.epoch))

    def _begin_epoch(self, epoch: int) -> None:
        settings = self.record.settings
        partners = draw_partners(
            self.record.sources[1:],
            settings.search.partners_per_epoch,
            epoch,
            derive_seed(settings.seed, "partners"),
        )
        event = ev.EpochBegun(epoch, tuple(p.name for p in partners))
        self._record(event, StudyState.SEARCHING, _searching(epoch))

    def _ask(self, epoch: int) -> None:
        trials = self.record.open_trials  # others draw them, where there are any
        pending = [Proposal(trial.weights, trial.prompt_ids, trial.stage) for trial in trials]
        proposal = self._strategy(epoch).ask(self._history(epoch), pending)
        if proposal is not None:
            number = 1 + max((trial.id for trial in self.record.trials), default=0)
            event = ev.TrialAsked(number, proposal.weights, proposal.prompt_ids, proposal.stage)
            self._record(event, StudyState.SEARCHING, _searching(epoch))
        elif not pending:
            self._end_epoch(epoch)

    def _end_epoch(self, epoch: int) -> None:
        winner = self._leader(epoch)[0].to_json()
        found = best_of_one_weight(self.record, epoch, self._history(epoch), self._judge(epoch))
        event = (
            ev.EpochDone(epoch, winner)
            if found is None
            else ev.EpochDone(epoch, winner, found[0].to_json(), found[1])
        )
        self._record(event, StudyState.SEARCHING, say("Epoch {1} done", epoch))

    def _draw_trial(self, step: plan.DrawTrial) -> None:
        pool = self._study.pools.epoch(step.epoch)
        drawn = self._study.bench.draw(step.recipe, [pool[i] for i in step.prompt_ids])
        self._keep_latest(drawn, pool[step.prompt_ids[-1]].tags)
        scores = tuple(s.to_json() for s in drawn.scores)
        event = ev.ImagesScored(step.trial, scores, round(drawn.seconds, 4))
        self._record(event, StudyState.SEARCHING, _searching(step.epoch))

    def _close_trial(self, step: plan.CloseTrial) -> None:
        recipe, best, low, high = self._leader(step.epoch, step.trial)
        event = ev.TrialDone(step.trial, best, low, high, recipe.to_json())
        self._record(event, StudyState.SEARCHING, _searching(step.epoch))

    def _draw_pairs(self, step: plan.DrawPairs) -> None:
        prompts = [self._study.pools.unseen()[i] for i in step.prompt_ids]
        likenesses, seconds, last = draw_pairs(
            self._study.bench, step.recipe, prompts, self.record.opened.batch
        )
        self._keep_latest(last, prompts[-1].tags)
        event = ev.PairsDrawn(plan.identity(step.recipe), likenesses, round(seconds, 4))
        self._record(event, StudyState.MEASURING, "Measuring how much the images of one prompt vary")

    def _judge_variety(self, step: plan.JudgeVariety) -> None:
        winner, began = (self.record.likenesses[plan.identity(r)] for r in (step.winner, step.began))
        event = judge(step.epoch, self.record.settings.diversity_floor, winner, began)
        given_up = say(
            "The winner of epoch {1} was given up: its images of one prompt vary too little", step.epoch
        )
        kept = say("The winner of epoch {1} was kept", step.epoch)
        self._record(event, StudyState.MEASURING, kept if event.kept else given_up)

    def _measure(self, step: plan.Measure) -> None:
        unseen = self._study.pools.unseen()
        drawn = self._study.bench.draw(step.recipe, [unseen[i] for i in step.prompt_ids])
        self._keep_latest(drawn, unseen[step.prompt_ids[-1]].tags)
        scores = tuple(s.to_json() for s in drawn.scores)
        event = ev.Measured(step.arm, scores, round(drawn.seconds, 4), looks_of(drawn.images))
        names: Mapping[str, str] = {
            "base": say("the base"),
            "uniform": say("the plain average"),
            "merged": say("the winner"),
            "single": say("the best mix with one weight per model"),
        }
        epoch = step.arm.removeprefix("epoch ")
        of_epoch = say("the winner of epoch {1}", epoch) if epoch != step.arm else step.arm
        name = names.get(step.arm, of_epoch)
        message = say("Measuring {1} on prompts the search never saw", name)
        self._record(event, StudyState.MEASURING, message)

    def _watch(self, step: plan.LookForSigns) -> None:
        self._study.bench.put_back()  # reading the checkpoints takes a while, and nothing is drawn meanwhile
        signs, limit = self._watcher.look(self._study.pools.unseen())
        event = watched(step.epoch, signs, limit, self._outlook(signs[-1]), final=step.final)
        self._record(event, StudyState.MEASURING, "Looked for signs of broken shapes")

    def _outlook(self, last: EpochSigns) -> Outlook | None:
        """What another epoch promises; None where nothing can be said."""
        record, settings = self.record, self.record.settings
        turns = {source for partners in record.partners.values() for source in partners}
        if last.gain is None or last.epoch in record.given_up or not turns.issuperset(record.sources[1:]):
            return None
        _, known = self._judged(last.epoch)
        searched = Interval(known.gain, known.gain_low, known.gain_high, record.images, 0)
        images = settings.search.budget // settings.epochs + min(settings.checked, settings.unseen)
        if settings.diversity_floor:
            images += ev.PAIR * min(plan.VARIETY_PROMPTS, settings.unseen)
        return another_epoch(last.gain, searched, unseen=settings.unseen, images=images)

    def _conclude(self) -> None:
        record = self.record
        winner = record.measured[plan.winner_arm(record, len(record.winners))]
        result = result_of(
            self._study.pools.unseen(),
            {**record.measured, "merged": winner},
            [s.name for s in record.sources[1:]],
            record.sources[0].name,
            self._study.catalogue,
            plan.single_arm(record, self._study.all_groups),
        )
        result = dataclasses.replace(result, alike=record.settings.images.alike)
        event = ev.Concluded(result_to_json(result))
        self._record(event, StudyState.MEASURING, "Everything is measured")

    def _keep_latest(self, drawn: Drawn, tags: tuple[str, ...]) -> None:
        name = self._pictures.keep_latest(drawn.images[-1])
        self._latest = LatestPicture(name, tuple(zip(tags, drawn.scores[-1].hits, strict=True)))

    def _strategy(self, epoch: int) -> Strategy:
        if epoch not in self._strategies:
            settings, guided = self.record.settings, constraints_of(self.record, epoch)
            count = len(self.record.partners[epoch])
            self._strategies[epoch] = make_strategy(
                settings.search.strategy,
                n_partners=count,
                n_groups=len(self.record.opened.groups),
                bounds=guided.bounds,
                ties=guided.ties,
                budget_images=_share(settings.search.budget, settings.epochs, epoch),
                pool_size=settings.search.pool,
                seed=derive_seed(settings.seed, "search", epoch) % 2**32,
                settings=SearchSettings(average=METHODS[settings.search.method].equal(count)),
            )
        return self._strategies[epoch]

    def _judge(self, epoch: int) -> DefaultStrategy:
        """Estimates accuracies in hits and misses, whatever the search looks at."""
        if epoch not in self._judges:
            settings = self.record.settings
            problem = Problem.create(
                n_partners=len(self.record.partners[epoch]),
                n_groups=len(self.record.opened.groups),
                bounds=constraints_of(
                    self.record, epoch
                ).bounds,  # how many are free decides the model's scales
                budget_images=settings.search.budget,
                pool_size=settings.search.pool,
                seed=0,
            )
            self._judges[epoch] = DefaultStrategy(problem, SearchSettings())
        return self._judges[epoch]

    def _history(self, epoch: int, closing: int = 0, *, plain: bool = False) -> list[Observation]:
        """The epoch's finished trials as the search sees them, or in hits and misses, and the one that just ends."""
        ending = [trial for trial in self.record.open_trials if trial.id == closing]
        trials = [*self.record.of_epoch(epoch), *ending]
        return [observation(t, soft=False) if plain else self._objective.observation(t) for t in trials]

    def _leader(self, epoch: int, closing: int = 0) -> tuple[Recipe, float, float, float]:
        """The search's best recipe, and its accuracy with interval as the pictures so far have it."""
        recipe, known = self._judged(epoch, closing)
        return recipe, known.mean, max(0.0, known.low), min(1.0, known.high)

    def _judged(self, epoch: int, closing: int = 0) -> tuple[Recipe, Incumbent]:
        """The search's best recipe, and what is known of it in hits and misses."""
        leader = self._strategy(epoch).leader(self._history(epoch, closing))
        known = self._judge(epoch).estimate(self._history(epoch, closing, plain=True), leader.weights)
        return self.record.recipe_of(leader.weights, epoch), known


def _share(budget: int, epochs: int, epoch: int) -> int:
    """Images of one epoch; the shares add up to the budget exactly."""
    return budget * epoch // epochs - budget * (epoch - 1) // epochs


def _searching(epoch: int) -> str:
    return say("Drawing and scoring mixes of epoch {1}", epoch)
