"""The form's values as settings."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.errors import SettingsError
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.study.settings.presets import PRESETS
from lib_rimo.study.settings.settings import SETTINGS, StudySettings
from lib_rimo.ui.page import form

MODELS = {"base": "a.safetensors", "partners": ["b.safetensors"]}


def filled(**changes: object) -> dict[str, object]:
    """The form as it stands at first, with some fields changed."""
    first = form.values_of({"epochs": 1, "budget": 640, "unseen": 300})
    assert set(changes) <= set(first)
    return {**MODELS, "preset": "quick", "partition": "theater", **first, **changes}


def test_an_untouched_form_means_the_defaults() -> None:
    """What stands there at first is what the settings would be without it."""
    settings = form.settings_of(filled())
    assert not {"tags", "width", "sampler", "catalogue", "grid_prompts"} & set(settings)
    made = StudySettings.from_mapping({k: v for k, v in settings.items() if k != "preset"})
    plain = StudySettings.from_mapping({**MODELS, "epochs": 1, "budget": 640, "unseen": 300})
    assert made == plain


def test_two_numbers_make_one_setting() -> None:
    """Fewest and most, lowest and highest travel as pairs."""
    wide = filled(tags_fewest=3, tags_most=9.0, bounds_lowest=-0.2, bounds_highest="0.8")
    settings = form.settings_of({**wide, "partition": None})
    assert settings["tags"] == [3, 9]
    assert settings["bounds"] == [-0.2, 0.8]
    assert "partition" not in settings


def test_texts_lines_and_groups_become_plain_values() -> None:
    """Texts are trimmed, prompts are one per line, groups are named as the partitions name them."""
    settings = form.settings_of(
        filled(
            prefix=" best ",
            grid_prompts="a cat\n\n a dog ",
            frozen=["VAE", "Text encoder"],
            one_per_category=True,
        )
    )
    assert settings["prefix"] == "best"
    assert settings["grid_prompts"] == ["a cat", "a dog"]
    assert settings["frozen"] == ["vae", "text"]
    assert settings["one_per_category"] is True


@given(
    st.fixed_dictionaries(
        {
            "budget": st.integers(64, 9999),
            "tags": st.tuples(st.integers(1, 5), st.integers(5, 20)).map(list),
            "bounds": st.sampled_from([[-0.2, 1.0], [0.0, 0.5]]),
            "width": st.integers(8, 2048),
            "cfg": st.floats(1, 20),
            "negative": st.text("abc, ", min_size=1).map(str.strip).filter(bool),
            "one_per_category": st.booleans(),
            "frozen": st.lists(st.sampled_from(list(form.GROUPS)), unique=True),
            "grid_prompts": st.lists(st.sampled_from(["a cat", "two dogs"]), min_size=1),
        }
    )
)
def test_settings_survive_the_form(settings: dict[str, object]) -> None:
    """Settings put into the form and read back are the same settings, so a preset loses nothing."""
    back = form.settings_of({**MODELS, **form.values_of(settings)})
    assert {name: back[name] for name in settings} == settings


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tags_fewest": 3}, "tags"),
        ({"bounds_highest": None}, "bounds"),
        ({"budget": 99.5}, "budget"),
        ({"seed": "seven"}, "seed"),
        ({"bounds_lowest": math.nan}, "bounds"),
        ({"epochs": math.inf}, "epochs"),
    ],
)
def test_a_wrong_number_names_its_field(change: dict[str, object], field: str) -> None:
    """The error knows beside which input it belongs."""
    with pytest.raises(SettingsError) as caught:
        form.settings_of(filled(**change))
    assert caught.value.field == field


def test_nothing_chosen_is_said_by_the_settings() -> None:
    """An empty base or no partner reaches the settings' own check."""
    settings = form.settings_of({**filled(), "base": None, "partners": None})
    assert (settings["base"], settings["partners"]) == ("", [])
    with pytest.raises(SettingsError, match="base"):
        StudySettings.from_mapping({k: v for k, v in settings.items() if k != "preset"})


def test_every_offered_partition_exists() -> None:
    """Each choice of block groups is one that the engine ships."""
    assert [load_partition(name).name for name in form.PARTITIONS] == list(form.PARTITIONS)


@pytest.mark.parametrize("partition", [name for name in form.PARTITIONS if name not in ("coarse", "global")])
def test_every_offered_group_exists(partition: str) -> None:
    """The groups that can be kept are known to every partition that tells them apart."""
    assert set(form.GROUPS) <= set(load_partition(partition).groups)


def test_every_input_is_a_setting() -> None:
    """No field in the form is unknown to the settings, and every preset fills in what it decides."""
    assert {field.setting for field in form.FIELDS.values()} <= set(SETTINGS)
    decided = {field.setting for field in form.FIELDS.values() if field.from_preset}
    assert all(hasattr(preset, name) for preset in PRESETS.values() for name in decided)
