"""What a study does next: a pure function of its record, so that resuming is replaying."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from lib_rimo.merging.recipe import Recipe
from lib_rimo.study.record import StudyRecord


@dataclass(frozen=True, slots=True)
class DrawGrid:
    """Draw the sample grid of an epoch's winner (0: the base)."""

    epoch: int
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class BeginEpoch:
    """Draw the partners of the next epoch."""

    epoch: int


@dataclass(frozen=True, slots=True)
class AskSearch:
    """Let the search propose a recipe, or end the epoch."""

    epoch: int


@dataclass(frozen=True, slots=True)
class DrawTrial:
    """Draw some prompts of the running trial.

    Attributes:
        epoch: Whose pool the prompts are of.
        recipe: Over the study's files.
        prompt_ids: At most one batch.
    """

    epoch: int
    recipe: Recipe
    prompt_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CloseTrial:
    """All pictures of the running trial are there: let the search judge."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Measure:
    """Draw some unseen prompts with one arm of the final comparison."""

    arm: str
    recipe: Recipe
    prompt_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Conclude:
    """Everything is drawn: work the result out."""


Step = DrawGrid | BeginEpoch | AskSearch | DrawTrial | CloseTrial | Measure | Conclude


def next_step(record: StudyRecord, all_groups: tuple[str, ...]) -> Step | None:
    """The next thing to do; None when the study is finished.

    Args:
        record: Everything that happened.
        all_groups: Every group that the base has, frozen ones included (parents are measured whole).
    """
    epochs_done = len(record.winners)
    if len(record.grids) <= epochs_done:
        epoch = len(record.grids)
        return DrawGrid(epoch, record.epoch_base(epoch + 1) if epoch else record.base)
    if epochs_done < record.settings.epochs:
        return _search_step(record, epochs_done + 1)
    return _measure_step(record, all_groups)


def _search_step(record: StudyRecord, epoch: int) -> Step:
    if record.epoch < epoch:
        return BeginEpoch(epoch)
    trial = record.current
    if trial is None:
        return AskSearch(epoch)
    if trial.missing:
        recipe = record.recipe_of(trial.weights, epoch)
        return DrawTrial(epoch, recipe, trial.missing[: record.opened.batch])
    return CloseTrial(epoch)


def _measure_step(record: StudyRecord, all_groups: tuple[str, ...]) -> Step | None:
    wanted = record.settings.unseen
    for arm, recipe in measured_arms(record, all_groups).items():
        done = len(record.measured.get(arm, ()))
        if done < wanted:
            return Measure(arm, recipe, tuple(range(done, min(wanted, done + record.opened.batch))))
    return Conclude() if record.result is None else None


def measured_arms(record: StudyRecord, all_groups: tuple[str, ...]) -> dict[str, Recipe]:
    """The recipes that are compared on unseen prompts, by the name of their arm.

    The winner has no arm of its own when it is the base itself.
    """
    base, partners = record.sources[0], record.sources[1:]
    partition = record.opened.partition
    arms = {"base": record.base}
    for partner in partners:
        arms[partner.name] = Recipe.from_rows(
            base, (partner,), partition, all_groups, ((1.0,) * len(all_groups),)
        )
    share = 1.0 / (len(partners) + 1)
    row = (share,) * len(record.opened.groups)
    arms["uniform"] = Recipe.from_rows(
        base, partners, partition, record.opened.groups, (row,) * len(partners)
    )
    if record.winners and record.winners[-1].weights:
        arms["merged"] = record.winners[-1]
    return arms


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A seed of its own for each purpose: 63 bits of SHA-256 over study seed and purpose."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
