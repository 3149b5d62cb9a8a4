"""What a study is offered with: the names that the lists show, and what a base brings along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lib_rimo.hosts.drawers.host_drawer import drawer_of
from lib_rimo.study.settings.offers import Offers
from tests.study.painting import PaintingHost, write_model


def _example(folder: Path) -> dict[str, Any]:
    """Settings of an example as the extension in a WebUI makes them: models as paths."""
    models = [write_model(folder / f"{name}.safetensors", [0.5] * 8) for name in ("one", "two", "three")]
    return {"base": str(models[0]), "partners": [str(path) for path in models[1:]], "steps": 8}


def test_what_is_offered_first_can_be_chosen_in_the_lists(tmp_path: Path) -> None:
    """Base and partners are offered by the names in the lists, also where the base brings settings of its own along."""
    example = _example(tmp_path)
    models = {name: example[name] for name in ("base", "partners")}
    offers = Offers(
        drawer_of(PaintingHost(tmp_path)), lambda: {"tagger": "x", **models}, of_base=lambda _: example
    )
    options = offers.options()
    names = [file["name"] for file in options["checkpoints"]]
    assert options["default"]["base"] == "one.safetensors"
    assert options["default"]["partners"] == ["two.safetensors", "three.safetensors"]
    assert {options["default"]["base"], *options["default"]["partners"]} <= set(names)
    assert options["default"]["steps"] == 8


def test_a_base_brings_settings_along_but_no_models(tmp_path: Path) -> None:
    """What is chosen is the user's: neither another base nor partners come with it."""
    example = _example(tmp_path)
    offers = Offers(drawer_of(PaintingHost(tmp_path)), of_base=lambda _: example)
    assert offers.defaults("two.safetensors") == {"steps": 8}
