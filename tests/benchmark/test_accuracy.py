from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.benchmark import (
    Catalogue,
    ImageScore,
    PromptSettings,
    Tag,
    by_category,
    draw_prompts,
    macro,
    micro,
    paired_difference,
    table,
)
from lib_rimo.errors import CatalogueError
from tests.benchmark.strategies import law

CATALOGUE = Catalogue(
    tuple(Tag(f"{c} {i}", c) for c, n in (("colour", 7), ("object", 5), ("place", 3)) for i in range(n))
)
PROMPTS = draw_prompts(CATALOGUE, PromptSettings(tags_min=1, tags_max=6), 80, 1)


def scored(skill, seed, prompts=PROMPTS):
    """Scores of a model that shows each tag with the probability that ``skill`` gives its category."""
    rng = np.random.default_rng(seed)
    out = []
    for prompt in prompts:
        p = np.array([skill[CATALOGUE.category_of(tag)] for tag in prompt.tags])
        hits = rng.random(len(p)) < p
        out.append(ImageScore(prompt.id, tuple(map(bool, hits)), tuple(map(float, np.where(hits, 0.9, 0.1)))))
    return out


GOOD = scored({"colour": 0.9, "object": 0.6, "place": 0.7}, 1)
POOR = scored({"colour": 0.4, "object": 0.5, "place": 0.7}, 2)


def test_micro_and_macro_average_differently():
    """Micro counts tags, macro counts pictures."""
    tags = ("colour 0", "colour 1", "colour 2")
    prompts = [PROMPTS[0].__class__(i, tags[: 1 + 2 * i], "", "", i, 8, 8, 1, 1.0) for i in range(2)]
    scores = [ImageScore(0, (True,), (0.9,)), ImageScore(1, (True, False, False), (0.9, 0.1, 0.1))]
    assert micro(prompts, scores).mean == pytest.approx(2 / 4)
    assert macro(prompts, scores).mean == pytest.approx((1 + 1 / 3) / 2)
    assert (micro(prompts, scores).images, micro(prompts, scores).tags) == (2, 4)


@law
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_order_of_scores_does_not_matter(seed, random):
    """Scores may come in any order, as workers deliver them."""
    skill = {"colour": 0.5, "object": 0.5, "place": 0.5}
    scores = scored(skill, seed)
    mixed = random.sample(scores, len(scores))
    for function in (micro, macro):
        assert function(PROMPTS, mixed) == function(PROMPTS, scores)
    assert by_category(PROMPTS, mixed, CATALOGUE) == by_category(PROMPTS, scores, CATALOGUE)
    assert paired_difference(PROMPTS, mixed, POOR) == paired_difference(PROMPTS, scores, POOR)


def test_pictures_of_one_prompt_are_one_cluster():
    """The same pictures scored twice leave mean and interval as they were, not narrower."""
    once, twice = micro(PROMPTS, GOOD), micro(PROMPTS, [*GOOD, *GOOD])
    assert (once.mean, once.low, once.high) == pytest.approx((twice.mean, twice.low, twice.high))
    assert (twice.images, twice.tags) == (2 * once.images, 2 * once.tags)


def test_categories_add_up_to_the_whole():
    """Every prompted tag counts in exactly one category, in the catalogue's order."""
    rows = by_category(PROMPTS, GOOD, CATALOGUE)
    whole = micro(PROMPTS, GOOD)
    assert list(rows) == ["colour", "object", "place"]
    assert sum(row.tags for row in rows.values()) == whole.tags
    assert sum(row.mean * row.tags for row in rows.values()) == pytest.approx(whole.mean * whole.tags)
    assert all(row.low < row.mean < row.high for row in rows.values())
    assert rows["colour"].mean > rows["object"].mean


def test_categories_never_prompted_are_left_out():
    """A category that no prompt asked for has no row; a tag of no category is an error."""
    only = [prompt for prompt in PROMPTS if all(tag.startswith("colour") for tag in prompt.tags)]
    assert list(by_category(only, [GOOD[prompt.id] for prompt in only], CATALOGUE)) == ["colour"]
    with pytest.raises(CatalogueError):
        by_category(PROMPTS, GOOD, Catalogue.of(["colour 0"]))


def test_difference_is_that_of_the_means_and_pairing_narrows_it():
    """The paired difference is the difference of the accuracies, and pictures alike on most prompts make it sharp."""
    gain = paired_difference(PROMPTS, GOOD, POOR)
    assert gain.mean == pytest.approx(micro(PROMPTS, GOOD).mean - micro(PROMPTS, POOR).mean)
    assert gain.low > 0
    whole = paired_difference(PROMPTS, GOOD, POOR, metric="macro")
    assert whole.mean == pytest.approx(macro(PROMPTS, GOOD).mean - macro(PROMPTS, POOR).mean)
    nearly = [POOR[0], *GOOD[1:]]
    sharp = paired_difference(PROMPTS, GOOD, nearly)
    alone = micro(PROMPTS, GOOD)
    assert 0 < sharp.high - sharp.low < (alone.high - alone.low) / 4


def test_a_model_does_not_differ_from_itself():
    """The same pictures differ by nothing, with certainty; equal hits on other pictures are not that certain."""
    same = paired_difference(PROMPTS, GOOD, list(reversed(GOOD)))
    assert (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)
    other = [ImageScore(s.prompt_id, s.hits, tuple(p * 0.99 for p in s.probabilities)) for s in GOOD]
    close = paired_difference(PROMPTS, GOOD, other)
    assert close.mean == 0.0
    assert close.low < 0 < close.high


def test_misuse_is_an_error():
    """No scores, scores of other prompts, and unequal sides are refused."""
    with pytest.raises(ValueError, match="no scores"):
        micro(PROMPTS, [])
    with pytest.raises(ValueError, match="belongs to none"):
        micro(PROMPTS[:5], GOOD)
    with pytest.raises(ValueError, match="different prompts"):
        paired_difference(PROMPTS, GOOD, POOR[1:])
    with pytest.raises(ValueError, match="different prompts"):
        table(PROMPTS, GOOD, POOR, {"b": POOR[1:]}, CATALOGUE)


def test_table_agrees_with_its_parts():
    """The table's rows are those of micro and by_category; deviation is against the mean of base and partners."""
    third = scored({"colour": 0.5, "object": 0.5, "place": 0.2}, 3)
    frame = table(PROMPTS, GOOD, POOR, {"b": third}, CATALOGUE)
    assert list(frame.index) == ["all", "colour", "object", "place"]
    whole = micro(PROMPTS, GOOD)
    row = frame.loc["all"]
    assert (row["merged"], row["merged_low"], row["merged_high"]) == (whole.mean, whole.low, whole.high)
    assert (row["images"], row["tags"]) == (whole.images, whole.tags)
    for category, interval in by_category(PROMPTS, POOR, CATALOGUE).items():
        row = frame.loc[category]
        assert (row["base"], row["base_low"], row["base_high"]) == (
            interval.mean,
            interval.low,
            interval.high,
        )
        parents = (interval.mean + by_category(PROMPTS, third, CATALOGUE)[category].mean) / 2
        assert row["parents"] == pytest.approx(parents)
        assert row["parents_low"] < parents < row["parents_high"]
        assert row["deviation_percent"] == pytest.approx(100 * (row["merged"] - parents) / parents)
        assert row["deviation_percent_low"] < row["deviation_percent"] < row["deviation_percent_high"]


def test_table_against_nothing():
    """Where no parent found anything there is no deviation, and no warning."""
    nothing = [ImageScore(s.prompt_id, tuple(False for _ in s.hits), s.probabilities) for s in POOR]
    frame = table(PROMPTS, GOOD, nothing, {}, CATALOGUE)
    assert math.isnan(frame.loc["all", "deviation_percent"])
    assert frame.loc["all", "parents_high"] < 0.1
