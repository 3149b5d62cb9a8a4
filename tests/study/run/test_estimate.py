"""What a study is said to cost, and whether its epochs suit its partners."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from lib_rimo.study.settings.presets import PRESETS
from tests.study.conftest import Workshop


def with_partners(workshop: Workshop, count: int, **changes: Any) -> dict[str, Any]:
    """Settings with so many partners."""
    source = Path(workshop.settings["partners"][0])
    copies = [source.with_name(f"partner{i}.safetensors") for i in range(count)]
    for copy in copies:
        shutil.copyfile(source, copy)
    return {**workshop.settings, "partners": [str(copy) for copy in copies], **changes}


@pytest.mark.parametrize(("partners", "epochs"), [(1, 1), (3, 1), (4, 2), (7, 3)])
def test_no_number_of_epochs_means_that_every_partner_comes_once(
    workshop: Workshop, partners: int, epochs: int
) -> None:
    """Three come into an epoch unless asked otherwise."""
    settings = workshop.studies.settings(with_partners(workshop, partners, epochs=0))
    assert settings.epochs == epochs
    text = workshop.studies.estimate(with_partners(workshop, partners, epochs=0))["text"]
    assert (f"{epochs} epochs" in text) == (epochs > 1)


def test_the_standard_size_meets_every_partner(workshop: Workshop) -> None:
    """Its images are one epoch's where one holds them all."""
    for partners, epochs in ((3, 1), (5, 2)):
        wanted = with_partners(workshop, partners, preset="standard")
        del wanted["budget"]
        settings = workshop.studies.settings(wanted)
        assert (settings.epochs, settings.search.budget) == (epochs, 2000)


@pytest.mark.parametrize(
    ("partners", "changes", "advice"),
    [
        (3, {}, ""),
        (4, {}, "3 of 4 partners will take part; 2 epochs would meet them all."),
        (7, {"epochs": 2}, "6 of 7 partners will take part; 3 epochs would meet them all."),
        (7, {"epochs": 0}, ""),
        (
            2,
            {"epochs": 2},
            "All partners fit into one epoch, which finds more with these images than 2 short ones.",
        ),
        (2, {"epochs": 2, "budget": 2002}, ""),  # what was measured is epochs of up to 1,000 images
    ],
)
def test_advice_where_epochs_and_partners_do_not_suit(
    workshop: Workshop, partners: int, changes: dict[str, Any], advice: str
) -> None:
    """Said before the start, while it costs nothing to change."""
    assert workshop.studies.estimate(with_partners(workshop, partners, **changes))["advice"] == advice


@pytest.mark.parametrize("name", PRESETS)
def test_a_size_says_how_many_images_it_draws_in_all(workshop: Workshop, name: str) -> None:
    """The numbers in its explanation are those of a study with three partners."""
    asked = with_partners(workshop, 3, preset=name)
    for field in ("budget", "unseen"):
        del asked[field]
    cost = workshop.studies.estimate(asked)
    searched = workshop.studies.settings(asked).search.budget
    said = (
        f"{searched:,} images to search and, with three partners, {cost['images'] - searched:,} to measure."
    )
    assert said in PRESETS[name].explanation
    assert f"{cost['images']:,} images ({searched:,} to search" in cost["text"]
