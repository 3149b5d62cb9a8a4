"""What the search sees of a trial: categories that count more, negative weights that cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.benchmark.score import ImageScore
from lib_rimo.benchmark.tags import Catalogue, Tag
from lib_rimo.errors import SettingsError
from lib_rimo.study.record.record import Trial
from lib_rimo.study.run.image_settings import ImageSettings, PromptPools
from lib_rimo.study.run.objective import Objective, penalty
from lib_rimo.study.settings.settings import StudySettings

CATALOGUE = Catalogue(
    tuple(Tag(f"colour {i}", "colour") for i in range(4))
    + tuple(Tag(f"shape {i}", "shape") for i in range(4))
)
LAYOUT = ImageSettings(64, 64, 4, 2.0, "Euler", "Automatic", (2, 4))


def objective(**changes: object) -> tuple[Objective, PromptPools]:
    """An objective and its prompts."""
    settings = StudySettings.from_mapping({"base": "a", "partners": ["b"], "pool": 16, **changes})
    pools = PromptPools(settings, LAYOUT, CATALOGUE)
    return Objective(settings.scoring, CATALOGUE, pools), pools


def trial(pools: PromptPools, weights: tuple[tuple[float, ...], ...] = ((0.5,),)) -> Trial:
    """Every prompt drawn once: colours found with .9, shapes with .2."""
    out = Trial(1, 1, weights, tuple(range(16)), "blocks")
    for prompt in pools.epoch(1):
        found = tuple(0.9 if tag.startswith("colour") else 0.2 for tag in prompt.tags)
        out.scores.append(ImageScore(prompt.id, tuple(p > 0.5 for p in found), found))
    return out


def test_categories_count_as_they_weigh() -> None:
    """At weight 0 a category has no say, at 3 it has three times as much; prompts of nothing else count plainly."""
    alone, pools = objective(category_weights=("shape=0",))
    thrice, _ = objective(category_weights=("colour=3", "shape=1"))
    plain, _ = objective()
    drawn = trial(pools)
    for prompt, a, t, p in zip(
        pools.epoch(1),
        alone.observation(drawn).scores,
        thrice.observation(drawn).scores,
        plain.observation(drawn).scores,
        strict=True,
    ):
        n = len(prompt.tags)
        colours = sum(tag.startswith("colour") for tag in prompt.tags)
        assert p == pytest.approx((0.9 * colours + 0.2 * (n - colours)) / n)
        assert a == pytest.approx(0.9 if colours else 0.2)
        assert t == pytest.approx((2.7 * colours + 0.2 * (n - colours)) / (3 * colours + n - colours))


def test_hits_can_be_weighed_too() -> None:
    """On hits and misses, categories weigh in the same way."""
    hard, pools = objective(objective="hits", category_weights=("shape=0",))
    for prompt, score in zip(pools.epoch(1), hard.observation(trial(pools)).scores, strict=True):
        assert score == (1.0 if any(tag.startswith("colour") for tag in prompt.tags) else 0.0)


@given(st.lists(st.lists(st.floats(-2, 2, width=16), min_size=3, max_size=3), min_size=1, max_size=3))
def test_only_negative_weights_cost(rows: list[list[float]]) -> None:
    """No penalty is below zero, and there is one exactly where a weight, or the base's, is negative."""
    weights = tuple(map(tuple, rows))
    lowest = min(min(row) for row in rows)
    base = min(1.0 - sum(column) for column in zip(*rows, strict=True))
    assert penalty(weights, "") == 0.0
    assert (penalty(weights, "partners") > 0.0) == (lowest < 0.0)
    assert (penalty(weights, "everyone") > 0.0) == (min(lowest, base) < 0.0)


def test_the_penalties_are_upstreams() -> None:
    """Half a percent per whole negative weight of partners; 5 % for a mean of -1 over base and partners."""
    assert penalty(((-1.0, 0.5), (1.0, -1.0)), "partners") == pytest.approx(0.01)
    assert penalty(((1.0, 0.5), (1.0, -1.0)), "everyone") == pytest.approx(0.05 * (1.0 + 1.0) / 6)


def test_a_penalty_lowers_what_the_search_sees() -> None:
    """Every picture of a recipe with a negative weight loses the same, and none goes below zero."""
    free, pools = objective()
    dear, _ = objective(penalty="partners")
    drawn = trial(pools, ((-10.0,),))
    for a, b in zip(free.observation(drawn).scores, dear.observation(drawn).scores, strict=True):
        assert b == pytest.approx(max(0.0, a - 0.05))


@pytest.mark.parametrize(
    "texts", [("colour",), ("colour=much",), ("colour=-1",), ("colour=inf",), ("sound=1",), ("=1",),
              ("colour=0", "shape=0")],
)  # fmt: skip
def test_weights_that_make_no_sense_are_named(texts: tuple[str, ...]) -> None:
    """A weight that cannot be read, an unknown category, or nothing that counts is refused at its field."""
    with pytest.raises(SettingsError) as error:
        objective(category_weights=texts)
    assert error.value.field == "category_weights"


def test_an_unknown_penalty_is_refused() -> None:
    """Only upstream's two are there."""
    with pytest.raises(SettingsError, match="penalty"):
        objective(penalty="strict")
