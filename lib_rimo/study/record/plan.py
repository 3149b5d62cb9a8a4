"""What a study does next: a pure function of its record, so that resuming is replaying."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.study.record import events as ev
from lib_rimo.study.record.record import StudyRecord

VARIETY_PROMPTS = 48
"""Unseen prompts that tell how much the pictures of a mix vary. On the tiny family the 95 % interval of a mix's
diversity minus the base's reached an eighth of the base's to both sides."""


@dataclass(frozen=True, slots=True)
class DrawGrid:
    """Draw the sample grid of an epoch's winner (0: the base)."""

    epoch: int
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class RepeatGrid:
    """An epoch kept what it began with: its sample grid is that of an earlier one, and nothing is drawn."""

    epoch: int
    of: int


@dataclass(frozen=True, slots=True)
class BeginEpoch:
    """Draw the partners of the next epoch."""

    epoch: int


@dataclass(frozen=True, slots=True)
class AskSearch:
    """Let the search propose a recipe beside the open ones, or, where there are none, end the epoch."""

    epoch: int


@dataclass(frozen=True, slots=True)
class DrawTrial:
    """Draw some prompts of an open trial.

    Attributes:
        trial: Its id.
        epoch: Whose pool the prompts are of.
        recipe: Over the study's files.
        prompt_ids: At most one batch.
    """

    trial: int
    epoch: int
    recipe: Recipe
    prompt_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CloseTrial:
    """All pictures of a trial are there: let the search judge."""

    trial: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Measure:
    """Draw some unseen prompts with one arm of the final comparison."""

    arm: str
    recipe: Recipe
    prompt_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DrawPairs:
    """Draw some unseen prompts twice each, to see how much a recipe's pictures of one prompt vary."""

    recipe: Recipe
    prompt_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class JudgeVariety:
    """All of those are drawn: decide whether an epoch's winner varies enough to be kept."""

    epoch: int
    winner: Recipe
    began: Recipe


@dataclass(frozen=True, slots=True)
class LookForSigns:
    """An epoch is over and its winner measured: look for signs of broken shapes, and at what another one promises.

    Attributes:
        epoch: The last one finished.
        final: Whether everything is measured.
    """

    epoch: int
    final: bool


@dataclass(frozen=True, slots=True)
class Conclude:
    """Everything is drawn: work the result out."""


Step = (
    DrawGrid
    | RepeatGrid
    | BeginEpoch
    | AskSearch
    | DrawTrial
    | CloseTrial
    | DrawPairs
    | JudgeVariety
    | Measure
    | LookForSigns
    | Conclude
)


def next_step(record: StudyRecord, all_groups: tuple[str, ...], taken: Collection[int] = ()) -> Step | None:
    """The next thing to do; None when the study is finished.

    Args:
        record: Everything that happened.
        all_groups: Every group that the base has, frozen ones included (parents are measured whole).
        taken: Ids of open trials that others are drawing. Whoever works alone has none, and goes on with an open
            trial, the earliest first, before a further one is asked for.
    """
    epochs_done = len(record.winners)
    if step := _variety_step(record):
        return step
    if len(record.grids) <= epochs_done:
        return _grid_step(record, len(record.grids))
    if epochs_done >= record.epochs:
        return _measure_step(record, all_groups)
    between = _check_step(record, all_groups) if epochs_done and record.epoch == epochs_done else None
    return between or _search_step(record, epochs_done + 1, taken)


def _grid_step(record: StudyRecord, epoch: int) -> Step:
    first = same_mix(record, epoch)
    return DrawGrid(epoch, winner_of(record, epoch)) if first == epoch else RepeatGrid(epoch, first)


def _search_step(record: StudyRecord, epoch: int, taken: Collection[int]) -> Step:
    if record.epoch < epoch:
        return BeginEpoch(epoch)
    trial = next((trial for trial in record.open_trials if trial.id not in taken), None)
    if trial is None:
        return AskSearch(epoch)
    if trial.missing:
        recipe = record.recipe_of(trial.weights, epoch)
        return DrawTrial(trial.id, epoch, recipe, trial.missing[: record.opened.batch])
    return CloseTrial(trial.id, epoch)


def _variety_step(record: StudyRecord) -> Step | None:
    """Between an epoch's search and all that follows from its winner: whether the winner is kept at all."""
    epoch, settings = len(record.winners), record.settings
    if not settings.diversity_floor or not epoch or any(v.epoch == epoch for v in record.varieties):
        return None
    began, winner = record.epoch_base(epoch), record.winners[-1]
    if identity(began) == identity(winner):
        return None
    wanted = min(VARIETY_PROMPTS, settings.unseen)
    for recipe in (began, winner):
        done = len(record.likenesses.get(identity(recipe), ()))
        if done < wanted:
            together = max(1, record.opened.batch // ev.PAIR)
            return DrawPairs(recipe, tuple(range(done, min(wanted, done + together))))
    return JudgeVariety(epoch, winner, began)


def _check_step(record: StudyRecord, all_groups: tuple[str, ...]) -> Step | None:
    """Between two epochs: the winner on some unseen prompts, and base and parents, who will need them anyway."""
    epoch = len(record.winners)
    arms = {**_parents(record, all_groups), **_winner(record)}
    step = _missing(record, arms, min(record.settings.checked, record.settings.unseen))
    if step is None and (record.watched is None or record.watched.epoch < epoch):
        return LookForSigns(epoch, final=False)
    return step


def _measure_step(record: StudyRecord, all_groups: tuple[str, ...]) -> Step | None:
    if step := _missing(record, measured_arms(record, all_groups), record.settings.unseen):
        return step
    if record.result is not None:
        return None
    if record.watched is None or not record.watched.final:
        return LookForSigns(len(record.winners), final=True)
    return Conclude()


def _missing(record: StudyRecord, arms: Mapping[str, Recipe], wanted: int) -> Measure | None:
    for arm, recipe in arms.items():
        done = len(record.measured.get(arm, ()))
        if done < wanted:
            return Measure(arm, recipe, tuple(range(done, min(wanted, done + record.opened.batch))))
    return None


def measured_arms(record: StudyRecord, all_groups: tuple[str, ...]) -> dict[str, Recipe]:
    """The recipes that are compared on unseen prompts in the end, by the name of their arm.

    The winner has no arm of its own when it is the base itself.
    """
    arms = {**_parents(record, all_groups), "uniform": record.average(), **_winner(record)}
    if record.single is not None and (arm := single_arm(record, all_groups)) not in arms:
        arms[arm] = record.single
    return arms


def single_arm(record: StudyRecord, all_groups: tuple[str, ...]) -> str:
    """Name of the arm under which the best mix with one weight per partner is measured; empty where none is known."""
    if record.single is None:
        return ""
    wanted = identity(record.single)
    arms = {**_parents(record, all_groups), "uniform": record.average(), **_winner(record)}
    return next((arm for arm, recipe in arms.items() if identity(recipe) == wanted), "single")


def _parents(record: StudyRecord, all_groups: tuple[str, ...]) -> dict[str, Recipe]:
    base, *partners = record.sources
    whole = ((1.0,) * len(all_groups),)
    alone = {
        p.name: Recipe.from_rows(base, (p,), record.opened.partition, all_groups, whole) for p in partners
    }
    return {"base": record.base, **alone}


def _winner(record: StudyRecord) -> dict[str, Recipe]:
    """The last winner under the name of its arm; empty where that is the base's or there is none yet."""
    if not record.winners or (arm := winner_arm(record, len(record.winners))) == "base":
        return {}
    return {arm: record.winners[-1]}


def winner_of(record: StudyRecord, epoch: int) -> Recipe:
    """The mix that an epoch ended with (epoch 0: the base)."""
    return record.winners[epoch - 1] if epoch else record.base


def same_mix(record: StudyRecord, epoch: int) -> int:
    """The first epoch that ended with the same mix as this one (0: the base). An epoch may keep what it began with."""
    wanted = identity(winner_of(record, epoch))
    return next(e for e in range(epoch + 1) if identity(winner_of(record, e)) == wanted)


def winner_arm(record: StudyRecord, epoch: int) -> str:
    """Name of the arm under which an epoch's winner is measured (epoch 0: the base).

    An epoch that found nothing better than what it began with has that one's arm: equal weights draw equal pictures.
    """
    first = same_mix(record, epoch)
    if not first:
        return "base"
    if epoch == len(record.winners) and "merged" in record.measured:
        return "merged"  # also where a study from before epochs were measured has no other arm
    return "merged" if first == record.settings.epochs else f"epoch {first}"


def identity(recipe: Recipe) -> str:
    """The same for recipes that draw the same pictures: partners without a weight make no difference."""
    return recipe.pruned().digest()
