"""One table of settings: what the command line, the form, a saved file and README know of each."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.cli import mix
from lib_rimo.cli.forms import given_settings, option_of
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.study.settings.category_weights import CategoryWeight
from lib_rimo.study.settings.limits import Limit, Tie
from lib_rimo.study.settings.reading import Entry
from lib_rimo.study.settings.settings import SETTINGS, MeasureSettings, StudySettings
from lib_rimo.ui.page import form
from tools.settings_table import README, written

MODELS: dict[str, Any] = {"base": "a.safetensors", "partners": ["b.safetensors", "c.safetensors"]}
RECIPE = Recipe(
    Source("a.safetensors", "0" * 64), (Source("b.safetensors", "1" * 64),), "ro", {"mid": (0.5,)}
)
OTHERS: dict[str, Any] = {
    "partition": "ro", "frozen": ["vae", "text"], "bounds": [-0.1, 0.9], "limits": ["mid=0:0.3", "b/text=0"],
    "ties": ["in0,in1"], "budget": 700, "pool": 64, "partners_per_epoch": 2, "strategy": "random",
    "diversity_floor": 0.8, "start": RECIPE.to_text(), "objective": "hits", "threshold": 0.4,
    "scorers": ["tags=1", "sharpness=0.5"],
    "category_weights": ["hair=2", "pose=0.5"], "penalty": "partners", "tagger": "wd-vit-tagger-v3", "tags": [2, 6],
    "width": 512, "height": 768, "steps": 20, "cfg": 6.5, "sampler": "Euler", "scheduler": "Karras",
    "catalogue": "tags.csv", "one_per_category": True, "prefix": "best", "negative": "worst", "epochs": 2,
    "unseen": 100, "checked": 10, "stop_when_flat": True, "seed": 3, "mix_predictions": True,
    "grid_prompts": ["a cat", "two dogs"], "config": "folder", "profile": "noobai", "clip_skip": 2,
    "sizes": ["832x1216", "1024x1024"], "character_threshold": 0.8,
}  # fmt: skip
"""Settings that are not their defaults; those that are not named have one made by their type."""


def made(entry: Entry) -> Any:
    """Some value that is not the default."""
    if entry.type is bool:
        return not entry.default
    if entry.about.choices is not None:
        return next(name for name in entry.about.labels if name != entry.default)
    if entry.type in (int, float):
        return next(n for n in (entry.about.least, entry.about.most, 1) if n not in (None, entry.default))
    return ["other"] if entry.items else "other"


OTHERS |= {name: made(entry) for name, entry in SETTINGS.items() if name not in {*MODELS, *OTHERS}}


def test_every_setting_has_a_value_here_that_is_not_its_default() -> None:
    """What follows is shown of all of them."""
    plain, other = (StudySettings.from_mapping({**MODELS, **values}) for values in ({}, OTHERS))
    assert [n for n, entry in SETTINGS.items() if entry.of(plain) == entry.of(other)] == list(MODELS)


def test_settings_are_flat_outside_and_typed_inside() -> None:
    """Journals, bodies and presets have one mapping of names; inside are parts, and no text is left to be read."""
    settings = StudySettings.from_mapping({**MODELS, **OTHERS})
    assert settings.to_json() == {**MODELS, **OTHERS}
    assert StudySettings.restore(json.loads(json.dumps(settings.to_json()))) == settings
    assert settings.search.limits == (Limit("mid", 0.0, 0.3), Limit("b/text", 0.0, 0.0))
    assert settings.search.ties == (Tie(("in0", "in1")),)
    assert settings.search.start == RECIPE
    assert settings.scoring.category_weights == (CategoryWeight("hair", 2.0), CategoryWeight("pose", 0.5))


def test_every_setting_is_an_option_of_the_command_line(tmp_path: Path) -> None:
    """Or the table says why not; given there, it is the same setting."""
    parser = argparse.ArgumentParser()
    mix.add_parser(parser.add_subparsers(), argparse.ArgumentParser(add_help=False))
    recipe = tmp_path / "recipe.json"
    recipe.write_text(RECIPE.to_text())
    arguments = []
    for name, value in {**MODELS, **OTHERS, "start": str(recipe)}.items():
        if (entry := SETTINGS[name]).about.no_option:
            continue
        texts = [str(item) for item in value] if isinstance(value, list) else [str(value)]
        option = option_of(entry)
        if entry.about.repeat:
            arguments += [f"{option}={text}" for text in texts]
        else:
            arguments += [option, *([] if value is True else texts)]
    options = parser.parse_args(["mix", *arguments])
    assert {**given_settings(options, SETTINGS), "config": "folder"} == {**MODELS, **OTHERS}
    assert given_settings(parser.parse_args(["mix"]), SETTINGS) == {}


def test_every_setting_is_in_the_form() -> None:
    """Or the table says why not; filled in and read back, it is the same setting."""
    asked = {**MODELS, **OTHERS}
    shown = {**MODELS, "preset": "quick", "partition": "ro", **form.values_of(asked)}
    left = {name for name, entry in SETTINGS.items() if entry.about.no_field}
    assert form.settings_of(shown) == {**{k: v for k, v in asked.items() if k not in left}, "preset": "quick"}


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_setting_says_what_it_is(name: str) -> None:
    """What is shown has a name and a line of help, and what is not shown has a reason."""
    about = SETTINGS[name].about
    assert about.help
    assert about.no_field or about.label or len(about.ends) == 2
    assert about.no_field or about.kind == "own" or about.reason or about.ends


def test_readme_has_the_table() -> None:
    """``python -m tools.settings_table`` writes it anew."""
    text = README.read_text(encoding="utf-8")
    assert written(text) == text
    assert all(f"`{option_of(entry)}`" in text for entry in SETTINGS.values() if not entry.about.no_option)


NAMES = st.text("ab0+/._-", min_size=1)
ENDS = st.floats(-10, 0), st.floats(0, 10)


@given(NAMES, *ENDS)
def test_a_limit_survives_its_text(name: str, low: float, high: float) -> None:
    """Written and read again it is the same to the last bit."""
    assert Limit.from_text(Limit(name, low, high).to_text()) == Limit(name, low, high)


@given(NAMES, st.floats(0, 1e300), st.lists(NAMES, min_size=1))
def test_weights_and_ties_survive_their_texts(name: str, weight: float, tied: list[str]) -> None:
    """The same for the weight of a category and for a tie."""
    assert CategoryWeight.from_text(CategoryWeight(name, weight).to_text()) == CategoryWeight(name, weight)
    assert Tie.from_text(Tie(tuple(tied)).to_text()) == Tie(tuple(tied))


@pytest.mark.parametrize(
    "values",
    [{"limits": ["much"]}, {"category_weights": ["hair=much"]}, {"start": "{"}, {"start": 3}, {"ties": [1]}],
)
def test_what_cannot_be_read_names_its_field_at_the_border(values: dict[str, Any]) -> None:
    """A text that is no limit, weight, tie or recipe never gets inside."""
    from lib_rimo.errors import SettingsError

    with pytest.raises(SettingsError) as caught:
        StudySettings.from_mapping({**MODELS, **values})
    assert caught.value.field == next(iter(values))


def test_a_journal_may_hold_what_is_out_of_range_today() -> None:
    """Ranges are for those who ask for a study, not for one that was made."""
    old = {**MODELS, "budget": 10, "pool": 3, "cfg": 99.0, "strategy": "gone"}
    assert StudySettings.restore(old).search.strategy == "gone"


def test_a_measurement_needs_no_partner() -> None:
    """It takes the parts that say what is drawn and read; the rest of what is offered does not concern it."""
    settings = MeasureSettings.from_mapping(
        Path("a"), {"steps": "12", "budget": 7, "epochs": 0, "partners": []}
    )
    assert settings.images.steps == 12
