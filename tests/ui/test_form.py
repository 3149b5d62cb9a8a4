"""The form's values as settings."""

from __future__ import annotations

import math

import pytest

from lib_rimo.errors import SettingsError
from lib_rimo.merging.partition import load_partition
from lib_rimo.study.presets import PRESETS
from lib_rimo.study.settings import StudySettings
from lib_rimo.ui import form


def numbers(**changes: object) -> list[object]:
    """The form as it stands at first, with some numbers changed."""
    first: dict[str, object] = {**form.first_numbers({"epochs": 1, "budget": 640, "unseen": 300})}
    assert set(changes) <= set(first)
    return list((first | changes).values())


def test_an_untouched_form_means_the_defaults() -> None:
    """What stands there at first is what the settings would be without it."""
    settings = form.settings_of("a.safetensors", ["b.safetensors"], "quick", "theater", numbers())
    assert "tags" not in settings
    made = StudySettings.from_mapping({k: v for k, v in settings.items() if k != "preset"})
    plain = StudySettings(made.base, made.partners, epochs=1, budget=640, unseen=300)
    assert made == plain


def test_two_numbers_make_one_setting() -> None:
    """Fewest and most, lowest and highest travel as pairs."""
    filled = numbers(tags_fewest=3, tags_most=9.0, bounds_lowest=-0.2, bounds_highest="0.8")
    settings = form.settings_of("a", ["b"], "quick", None, filled)
    assert settings["tags"] == [3, 9]
    assert settings["bounds"] == [-0.2, 0.8]
    assert "partition" not in settings


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
        form.settings_of("a", ["b"], "quick", "theater", numbers(**change))
    assert caught.value.field == field


def test_nothing_chosen_is_said_by_the_settings() -> None:
    """An empty base or no partner reaches the settings' own check."""
    settings = form.settings_of(None, None, "quick", "theater", numbers())
    assert (settings["base"], settings["partners"]) == ("", [])
    with pytest.raises(SettingsError, match="base"):
        StudySettings.from_mapping({k: v for k, v in settings.items() if k != "preset"})


def test_every_offered_partition_exists() -> None:
    """Each choice of block groups is one that the engine ships."""
    assert [load_partition(name).name for name in form.PARTITIONS] == list(form.PARTITIONS)


def test_every_input_is_a_setting() -> None:
    """No number in the form is unknown to the settings, and every preset fills in what it decides."""
    known = set(StudySettings.__dataclass_fields__)
    assert {field.setting for field in form.NUMBERS.values()} <= known
    decided = {field.setting for field in form.NUMBERS.values() if field.from_preset}
    assert all(hasattr(preset, name) for preset in PRESETS.values() for name in decided)
