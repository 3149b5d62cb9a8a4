from __future__ import annotations

import dataclasses
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.benchmark import (
    UPSTREAM_RO,
    UPSTREAM_THEATER,
    Catalogue,
    PromptSettings,
    Tag,
    default_catalogue,
    draw_prompts,
)
from lib_rimo.errors import SettingsError
from tests.benchmark.strategies import catalogues, law, settings_for


def pools(most=40):
    return catalogues().flatmap(
        lambda c: st.tuples(st.just(c), settings_for(c), st.integers(1, most), st.integers())
    )


@law
@given(pools())
def test_a_pool_keeps_the_settings(pool):
    """Every prompt has the right number of distinct known tags, one per category if asked, and drawn values only."""
    catalogue, settings, n, seed = pool
    prompts = draw_prompts(catalogue, settings, n, seed)
    assert [prompt.id for prompt in prompts] == list(range(n))
    for prompt in prompts:
        assert settings.tags_min <= len(prompt.tags) <= settings.tags_max
        assert len(set(prompt.tags)) == len(prompt.tags)
        assert all(tag in catalogue for tag in prompt.tags)
        if settings.one_per_category:
            assert len({catalogue.category_of(tag) for tag in prompt.tags}) == len(prompt.tags)
        assert prompt.width in settings.widths
        assert prompt.height in settings.heights
        assert prompt.steps in settings.steps
        assert prompt.cfg in settings.cfgs
        assert prompt.negative in settings.negatives
        assert prompt.text == settings.text(prompt.tags)


@law
@given(pools(), st.integers(1, 40))
def test_a_longer_pool_begins_with_the_shorter(pool, more):
    """The same seed gives the same prompts, however many are drawn and in whatever order the tags are listed."""
    catalogue, settings, n, seed = pool
    prompts = draw_prompts(catalogue, settings, n, seed)
    assert draw_prompts(catalogue, settings, n + more, seed)[:n] == prompts
    turned = Catalogue(catalogue.tags[::-1])
    assert draw_prompts(turned, settings, n, seed) == prompts


@law
@given(pools(60))
def test_tags_are_used_evenly(pool):
    """Uses differ by one at most: among all tags, or within a category if only one of each may be used."""
    catalogue, settings, n, seed = pool
    used = Counter(tag for prompt in draw_prompts(catalogue, settings, n, seed) for tag in prompt.tags)
    if settings.one_per_category:
        groups = [[t.name for t in catalogue if t.category == c] for c in catalogue.categories]
    else:
        groups = [list(catalogue.names)]
    for group in groups:
        counts = [used[name] for name in group]
        assert max(counts) - min(counts) <= 1


@law
@given(pools(60))
def test_categories_are_used_evenly_where_they_count_alike(pool):
    """Uses of categories differ by one at most, those of tags inside one too, and a longer pool begins alike."""
    catalogue, settings, n, seed = pool
    settings = dataclasses.replace(settings, alike="categories")
    prompts = draw_prompts(catalogue, settings, n, seed)
    used = Counter(tag for prompt in prompts for tag in prompt.tags)
    groups = {c: [t.name for t in catalogue if t.category == c] for c in catalogue.categories}
    if settings.one_per_category:
        of_category = [sum(used[name] for name in names) for names in groups.values()]
        assert max(of_category) - min(of_category) <= 1
    for names in groups.values():
        counts = [used[name] for name in names]
        assert max(counts) - min(counts) <= 1
    for prompt in prompts:
        assert settings.tags_min <= len(set(prompt.tags)) == len(prompt.tags) <= settings.tags_max
    assert draw_prompts(catalogue, settings, n + 3, seed)[:n] == prompts


def test_an_unknown_way_to_draw_tags_is_refused():
    """What is neither tags nor categories is said with what is wanted."""
    with pytest.raises(SettingsError, match="tags or categories"):
        PromptSettings(alike="words")


def test_every_tag_comes_before_one_comes_twice():
    """A round through the catalogue is finished before the next begins, up to the prompt at the border."""
    catalogue = Catalogue.of([f"tag {i}" for i in range(100)])
    prompts = draw_prompts(catalogue, PromptSettings(tags_min=4, tags_max=4), 25, 3)
    assert sorted(tag for prompt in prompts for tag in prompt.tags) == sorted(catalogue.names)


@law
@given(st.integers(), st.integers())
def test_pools_of_different_seeds_share_nothing(a, b):
    """Picture seeds are distinct in a pool, and two pools share one only if they are one pool."""
    catalogue = Catalogue.of(["red", "green", "blue"])
    settings = PromptSettings(tags_min=1, tags_max=3)
    first, second = ({p.seed for p in draw_prompts(catalogue, settings, 60, seed)} for seed in (a, b))
    assert len(first) == len(second) == 60
    assert all(0 <= seed < 2**48 for seed in first)
    assert first == second if a == b else not first & second


def test_golden_pool():
    """These prompts are the same on every machine and with every version of Python: journals rely on it."""
    catalogue = Catalogue((Tag("long_hair", "hair"), Tag("^_^", "face"), Tag("red", "colour"), Tag("x", "x")))
    settings = PromptSettings(tags_min=2, tags_max=3, widths=(64, 72), negatives=("", "blurry"))
    assert [dataclasses.astuple(p) for p in draw_prompts(catalogue, settings, 2, 7)] == GOLDEN


GOLDEN = [
    (0, ("red", "^_^", "long_hair"), "1 girl, red, ^_^, long hair", "", 187520307400017, 72, 704, 18, 7.0),
    (1, ("x", "^_^"), "1 girl, x, ^_^", "blurry", 247378071290780, 72, 896, 22, 7.0),
]


def test_numbers_of_tags_and_sizes_are_drawn_evenly():
    """Each value of a range comes about equally often (chi-square far below what a bias would give)."""
    catalogue = Catalogue.of([f"tag {i}" for i in range(40)])
    prompts = draw_prompts(catalogue, UPSTREAM_RO, 3200, 11)
    for values, expected in (
        (Counter(len(p.tags) for p in prompts), 16),
        (Counter(p.width for p in prompts), 8),
        (Counter(p.steps for p in prompts), 5),
        (Counter((p.width, p.height) for p in prompts), 64),
    ):
        assert len(values) == expected
        mean = 3200 / expected
        chi_square = sum((count - mean) ** 2 / mean for count in values.values())
        assert chi_square < expected + 5 * (2 * expected) ** 0.5


def test_wording():
    """Underscores become spaces except in faces; the prefix may be left out."""
    tags = ("long_hair", "^_^", "o_o", "t-shirt", "black eyes")
    assert PromptSettings().text(tags) == "1 girl, long hair, ^_^, o_o, t-shirt, black eyes"
    plain = PromptSettings(prefix="", separator=" ", underscores_to_spaces=False)
    assert plain.text(tags) == "long_hair ^_^ o_o t-shirt black_eyes"


def test_upstream_presets():
    """The presets carry upstream's figures."""
    assert (UPSTREAM_RO.tags_min, UPSTREAM_RO.tags_max, UPSTREAM_RO.cfgs) == (5, 20, (7.0,))
    assert (min(UPSTREAM_RO.widths), max(UPSTREAM_RO.widths), UPSTREAM_RO.negatives) == (640, 1088, ("",))
    assert (min(UPSTREAM_RO.steps), max(UPSTREAM_RO.steps)) == (18, 22)
    assert (UPSTREAM_THEATER.tags_min, UPSTREAM_THEATER.tags_max) == (32, 32)
    assert UPSTREAM_THEATER.widths == (576, 640, 704, 768, 832)
    assert UPSTREAM_THEATER.cfgs == (6.0, 7.0, 8.0)
    assert (min(UPSTREAM_THEATER.steps), max(UPSTREAM_THEATER.steps)) == (18, 30)
    assert not UPSTREAM_THEATER.underscores_to_spaces


def test_settings_survive_json():
    """Settings come back from JSON as they were, lists turned into tuples."""
    text = json.dumps(dataclasses.asdict(UPSTREAM_THEATER))
    assert PromptSettings.from_json(json.loads(text)) == UPSTREAM_THEATER
    with pytest.raises(SettingsError, match="no such prompt setting") as caught:
        PromptSettings.from_json({"stepps": [3]})
    assert caught.value.field == "stepps"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("tags_min", {"tags_min": 0}),
        ("tags_min", {"tags_min": 9, "tags_max": 8}),
        ("tags_min", {"tags_min": True}),
        ("tags_max", {"tags_max": 2.5}),
        ("widths", {"widths": ()}),
        ("widths", {"widths": 512}),
        ("widths", {"widths": (513,)}),
        ("heights", {"heights": (0,)}),
        ("heights", {"heights": (-512,)}),
        ("steps", {"steps": (0,)}),
        ("steps", {"steps": (20.0,)}),
        ("cfgs", {"cfgs": (float("nan"),)}),
        ("cfgs", {"cfgs": (0,)}),
        ("cfgs", {"cfgs": ("7",)}),
        ("negatives", {"negatives": ()}),
        ("negatives", {"negatives": "blurry"}),
    ],
)
def test_bad_settings_name_their_field(field, values):
    """A setting out of range, a reversed range included, is refused by name."""
    with pytest.raises(SettingsError) as caught:
        PromptSettings(**values)
    assert caught.value.field == field


def test_settings_that_the_catalogue_cannot_fill():
    """More tags than there are, more categories than there are, or no prompts at all are refused by name."""
    catalogue = Catalogue((Tag("red", "colour"), Tag("blue", "colour"), Tag("cat", "animal")))
    for settings, field in (
        (PromptSettings(tags_min=4, tags_max=4), "tags_min"),
        (PromptSettings(tags_min=1, tags_max=4), "tags_max"),
        (PromptSettings(tags_min=1, tags_max=3, one_per_category=True), "tags_max"),
    ):
        with pytest.raises(SettingsError, match="no more than") as caught:
            draw_prompts(catalogue, settings, 5, 0)
        assert caught.value.field == field
    with pytest.raises(SettingsError) as caught:
        draw_prompts(catalogue, PromptSettings(tags_min=1, tags_max=1), 0, 0)
    assert caught.value.field == "prompts"


def test_sizes_are_drawn_as_pairs():
    """Each prompt gets one of the sizes, all come about equally often, and the same seed gives the same."""
    sizes = ((832, 1216), (1216, 832), (1024, 1024))
    settings = PromptSettings(tags_min=1, tags_max=2, sizes=sizes)
    catalogue = default_catalogue()
    prompts = draw_prompts(catalogue, settings, 300, 5)
    counts = Counter((prompt.width, prompt.height) for prompt in prompts)
    assert set(counts) == set(sizes)
    assert min(counts.values()) > 70
    assert draw_prompts(catalogue, settings, 20, 5) == prompts[:20]
    assert PromptSettings.from_json(dataclasses.asdict(settings)) == settings
    with pytest.raises(SettingsError, match="sizes"):
        PromptSettings(sizes=((830, 1216),))
