"""What weights of block groups are held against: the best mix with one weight per partner that a search met."""

from __future__ import annotations

from typing import Any

from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.search.default import DefaultStrategy
from lib_rimo.search.history import Observation
from lib_rimo.search.problem import Problem
from lib_rimo.search.settings import SearchSettings
from lib_rimo.study.analysis.one_weight import best_of_one_weight
from lib_rimo.study.record import events as ev
from lib_rimo.study.record import plan
from lib_rimo.study.record.record import StudyRecord

GROUPS = ("in", "mid", "out")
PROMPTS = tuple(range(12))


def opened(**settings: Any) -> StudyRecord:
    """A study of two partners whose first epoch has begun."""
    names = ("base", "one", "two")
    sources = tuple({"name": f"{n}.safetensors", "fingerprint": n * 8} for n in names)
    values = {"base": "base.safetensors", "partners": ["one.safetensors", "two.safetensors"], **settings}
    event = ev.Opened("study", values, sources, "theater", GROUPS, (), {}, 1, {})
    record = StudyRecord.begin(event)
    record.apply(ev.EpochBegun(1, ("one.safetensors", "two.safetensors")))
    return record


def found(record: StudyRecord, *met: tuple[list[list[float]], float]) -> tuple[Recipe, float] | None:
    """What is chosen of recipes with these weights and scores."""
    problem = Problem.create(
        n_partners=2, n_groups=3, bounds=(-0.1, 1.0), budget_images=200, pool_size=len(PROMPTS), seed=0
    )
    history = [Observation(problem.zero(), PROMPTS, (0.4,) * len(PROMPTS), "base")]
    history += [Observation(weights, PROMPTS, (score,) * len(PROMPTS)) for weights, score in met]
    return best_of_one_weight(record, 1, history, DefaultStrategy(problem, SearchSettings()))


def test_the_best_of_one_weight_per_partner_is_chosen() -> None:
    """A better recipe whose weights differ between groups is passed over, and so is a worse one of one weight."""
    best = found(
        opened(),
        ([[0.2] * 3, [0.2] * 3], 0.5),
        ([[0.6] * 3, [0.1] * 3], 0.8),
        ([[0.9, 0.0, 0.5], [0.1] * 3], 1.0),
    )
    assert best is not None
    recipe, gain = best
    assert {recipe.row(group) for group in GROUPS} == {(0.6, 0.1)}
    assert 0.2 < gain < 0.5


def test_the_base_alone_is_no_such_mix() -> None:
    """Where a search met none but the base, nothing is chosen, and nothing more is measured."""
    record = opened()
    assert found(record, ([[0.9, 0.0, 0.5], [0.1] * 3], 1.0)) is None
    record.apply(ev.EpochDone(1, record.base.to_json()))
    assert "single" not in plan.measured_arms(record, GROUPS)
    assert plan.single_arm(record, GROUPS) == ""


def test_a_weight_that_is_held_by_a_limit_does_not_count() -> None:
    """A group that the settings shut for every partner is no second weight."""
    best = found(opened(limits=["mid=0"]), ([[0.6, 0.0, 0.6], [0.1, 0.0, 0.1]], 0.8))
    assert best is not None
    assert best[0].row("in") == (0.6, 0.1)


def test_a_mix_that_another_arm_draws_already_is_not_drawn_twice() -> None:
    """The plain average and a partner alone have one weight each: their pictures are measured in any case."""
    for weights, arm in (([1 / 3] * 3, "uniform"), ([0.25] * 3, "single")):
        record = opened()
        single = record.recipe_of((tuple(weights), tuple(weights)), 1)
        record.apply(ev.EpochDone(1, record.base.to_json(), single.to_json(), 0.1))
        assert plan.single_arm(record, GROUPS) == arm
        assert ("single" in plan.measured_arms(record, GROUPS)) == (arm == "single")


def test_the_better_of_two_epochs_is_kept() -> None:
    """A later epoch's mix of one weight takes the place of an earlier one only where it gained more."""
    record = opened(epochs=3)
    for epoch, (weight, gain) in enumerate(((0.3, 0.1), (0.4, 0.05), (0.5, 0.2)), 1):
        single = record.recipe_of(((weight,) * 3, (0.0,) * 3), 1).to_json()
        record.apply(ev.EpochDone(epoch, record.base.to_json(), single, gain))
        assert record.single is not None
        assert record.single.row("mid")[0] == (0.5 if epoch == 3 else 0.3)
