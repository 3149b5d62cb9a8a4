"""Contact fusion of a study's mixes: drawn, saved, refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from lib_rimo.errors import SaveError, SettingsError
from lib_rimo.merging.saving.options import SaveOptions
from lib_rimo.study.mixes.preview import PreviewRequest
from lib_rimo.study.mixes.repair import Repair
from lib_rimo.study.record.choice import Choice
from tests.study.conftest import Workshop, copied, open_workshop, played
from tests.study.painting import SKILL_KEYS

WISH = PreviewRequest("red, green, round", None, 7, 2)
DONOR = "second.safetensors"
FULL = 8
"""Rank of the painting family's matrices."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished study."""
    made = tmp_path_factory.mktemp("finished")
    workshop = open_workshop(made)
    played(workshop, budget=128, unseen=16)
    workshop.studies.close()
    return made


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Iterator[Workshop]:
    """A fresh program on a copy of it, the study on display."""
    workshop = copied(folder, tmp_path)
    workshop.studies.open(str(workshop.studies.studies()[0]["id"]))
    yield workshop
    workshop.studies.close()


def tensors(path: Path) -> dict[str, Any]:
    """The skills in a file."""
    found = load_file(str(path))
    return {key: found[key] for key in SKILL_KEYS}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether tensors are equal to the bit."""
    return all(bool((one[key] == other[key]).all()) for key in one)


def test_ranks_reach_from_the_mix_to_the_donor(store: Workshop) -> None:
    """Rank 0 with the mix's own vectors saves the mix, the full rank the donor, bit for bit; one between neither."""
    studies = store.studies
    mix = tensors(studies.save("mix"))
    none = tensors(studies.save("none", repair=Repair(DONOR, 0, "kept")))
    some = tensors(studies.save("some", repair=Repair(DONOR, 3)))
    full = tensors(studies.save("full", repair=Repair(DONOR, FULL)))
    donor = tensors(store.host.folder / DONOR)
    assert same(none, mix)
    assert same(full, donor)
    assert not same(some, mix)
    assert not same(some, donor)
    assert studies.snapshot().saved[-4:] == (
        "mix.safetensors",
        "none.safetensors",
        "some.safetensors",
        "full.safetensors",
    )


def test_a_repaired_mix_is_drawn_as_it_is_saved(store: Workshop) -> None:
    """A try shows what the saved file draws, gives the model back, and takes over more with a higher rank."""
    study = store.studies.snapshot().study

    def pixels(answer: Any) -> list[bytes]:
        return [store.studies.picture(study, file).read_bytes() for file in answer["files"]]

    found = [store.studies.try_mix(study, Choice(), WISH, Repair(DONOR, rank)) for rank in (0, 2, FULL)]
    captured = [answer["captured"] for answer in found]
    assert captured[0] == 0 < captured[1] < captured[2] == 1
    assert len({tuple(pixels(answer)) for answer in found}) == 3
    base = tensors(Path(store.settings["base"]).parent / "base.safetensors")
    assert store.host.model is not None
    live = store.host.model.state_dict()
    assert all(bool((live[key] == base[key]).all()) for key in base)
    path = store.studies.save("repaired", None, SaveOptions("fp16"), Repair(DONOR, 2))
    store.host.load(path)
    with store.host.exclusive():
        from lib_rimo.hosts.host import ImageRequest

        asked = [ImageRequest(WISH.prompt, "", 7 + i, 64, 64, 4, 2.0, "Euler") for i in range(2)]
        drawn = store.host.generate(asked)
    store.host.load(store.host.folder / "base.safetensors")
    assert store.studies.try_mix(study, Choice(), WISH)["captured"] is None
    from PIL import Image

    kept = [Image.open(store.studies.picture(study, file)).tobytes() for file in found[1]["files"]]
    assert [image.tobytes() for image in drawn] == kept


def test_the_base_can_be_repaired_too(store: Workshop) -> None:
    """A choice without partners is a checkpoint with a file of its own."""
    saved = tensors(store.studies.save("base-full", Choice("base"), None, Repair(DONOR, FULL)))
    assert same(saved, tensors(store.host.folder / DONOR))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "donor"),
        ({"donor": "gone.safetensors"}, "donor"),
        ({"donor": "strange.safetensors"}, "donor"),
        ({"donor": DONOR, "rank": "x"}, "rank"),
        ({"donor": DONOR, "rank": -1}, "rank"),
        ({"donor": DONOR, "rank": 99_999}, "rank"),
        ({"donor": DONOR, "vectors": "none"}, "vectors"),
    ],
)
def test_bad_input_names_its_field_and_writes_nothing(
    store: Workshop, values: dict[str, Any], field: str
) -> None:
    """A donor that is not there or does not fit, a rank that cannot be: neither drawn nor saved."""
    strange = load_file(str(store.host.folder / DONOR))
    strange[SKILL_KEYS[0]] = strange[SKILL_KEYS[0]][:4].contiguous()
    save_file(strange, str(store.host.folder / "strange.safetensors"))
    before = sorted(store.host.folder.iterdir())
    study = store.studies.snapshot().study
    for act in (
        lambda: store.studies.try_mix(study, Choice(), WISH, Repair.of(values)),
        lambda: store.studies.save("never", repair=Repair.of(values)),
    ):
        with pytest.raises(SettingsError) as caught:
            act()
        assert caught.value.field == field
    assert sorted(store.host.folder.iterdir()) == before
    assert store.host.batches == 0
    with pytest.raises(SaveError):
        store.studies.save("a/b", repair=Repair(DONOR))
