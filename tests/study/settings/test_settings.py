"""Settings: what is refused, and that text comes back as the same settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lib_rimo.errors import SettingsError
from lib_rimo.study.settings.settings import StudySettings

BASE: dict[str, Any] = {"base": "a.safetensors", "partners": ["b.safetensors", "c.safetensors"]}


def test_settings_survive_their_own_json() -> None:
    """Settings written as plain values and read again are equal."""
    settings = StudySettings.from_mapping(
        {**BASE, "tags": [2, 5], "bounds": ["-0.2", 0.5], "catalogue": "tags.csv", "grid_prompts": ["a, b"]}
    )
    assert StudySettings.from_mapping(settings.to_json()) == settings
    assert settings.search.bounds == (-0.2, 0.5)
    assert settings.partners == (Path("b.safetensors"), Path("c.safetensors"))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("bounds", {"bounds": [0.5, -0.1]}),
        ("bounds", {"bounds": [0.1, 0.5]}),
        ("bounds", {"bounds": [0.1, float("nan")]}),
        ("bounds", {"bounds": [0.1]}),
        ("budget", {"budget": 0}),
        ("budget", {"budget": 100, "epochs": 3}),
        ("budget", {"budget": "many"}),
        ("budget", {"budget": 640.5}),
        ("epochs", {"epochs": -1}),
        ("pool", {"pool": 3}),
        ("unseen", {"unseen": 0}),
        ("seed", {"seed": -1}),
        ("tags", {"tags": [5, 2]}),
        ("tags", {"tags": [0, 2]}),
        ("threshold", {"threshold": 1.5}),
        ("cfg", {"cfg": float("inf")}),
        ("objective", {"objective": "beauty"}),
        ("one_per_category", {"one_per_category": "yes"}),
        ("colour", {"colour": "red"}),
        ("base", {"base": ""}),
        ("partners", {"partners": []}),
        ("partners", {"partners": ["a.safetensors"]}),
        ("partners", {"partners": ["b.safetensors", "./b.safetensors"]}),
    ],
)
def test_a_wrong_value_names_its_field(field: str, values: dict[str, Any]) -> None:
    """Every wrong value is refused with the field's name, so that the message can stand beside it."""
    with pytest.raises(SettingsError) as caught:
        StudySettings.from_mapping({**BASE, **values})
    assert caught.value.field == field
    assert str(caught.value)
