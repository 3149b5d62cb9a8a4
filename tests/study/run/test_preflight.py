"""What is looked at before a study: numbers that would be mixed, and only those."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lib_rimo.errors import CheckpointError, SettingsError
from lib_rimo.merging import Sources, load_partition, open_checkpoint
from lib_rimo.study.measure.measurement import refuse_other_families, refuse_undrawable
from lib_rimo.study.run.preflight import check_files, damaged_groups
from tests.merging.models import U, sd1_tensors, sdxl_tensors, write

MIXED, VAE = f"{U}out.2.weight", "first_stage_model.decoder.conv_out.weight"
THEATER = load_partition("theater")


def files(folder: Path, key: str, value: float, who: str = "partner") -> list[Path]:
    """Base and partner; one of them holds a number."""
    paths = []
    for seed, name in enumerate(("base", "partner")):
        tensors = sd1_tensors(seed)
        if name == who:
            tensors = {k: t.float() if t.is_floating_point() else t for k, t in tensors.items()}
            tensors[key].view(-1)[0] = value
        paths.append(write(folder / f"{name}.safetensors", tensors))
    return paths


def notes(paths: list[Path], *frozen: str) -> list[str]:
    """What the checks say."""
    with Sources() as sources:
        wanted = [sources.source_of(path) for path in paths]
        return check_files(sources, THEATER, wanted, frozen=frozen)


@pytest.mark.parametrize("who", ["base", "partner"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_matter_where_they_are_mixed(
    tmp_path: Path, who: str, value: float
) -> None:
    """In a frozen group they are told; set free they are refused."""
    paths = files(tmp_path, VAE, value, who)
    (note,) = notes(paths, "vae")
    assert (
        note
        == f"{who}.safetensors holds numbers that are not finite in 1 tensors that are frozen (the first is {VAE})."
    )
    with pytest.raises(CheckpointError, match=rf"{who}\.safetensors holds numbers that are not finite"):
        notes(paths)
    with pytest.raises(CheckpointError, match="not finite"):
        notes(files(tmp_path, MIXED, value, who), "vae")


def test_numbers_beyond_the_base_s_type_are_refused_where_they_are_mixed(tmp_path: Path) -> None:
    """The base of half precision is live; a longer base holds them, and a frozen group never gets them."""
    with pytest.raises(
        CheckpointError, match=r"partner\.safetensors holds numbers that are too large for float16.*65504"
    ):
        notes(files(tmp_path, MIXED, 7e4), "vae")
    assert notes(files(tmp_path, MIXED, 6e4), "vae") == []
    assert notes(files(tmp_path, VAE, 7e4), "vae") == []
    assert notes(files(tmp_path, MIXED, 7e4, "base"), "vae") == []


def test_a_partner_s_damaged_frozen_group_is_drawn_as_the_base_s(tmp_path: Path) -> None:
    """Or its own picture would be black."""
    paths = files(tmp_path, VAE, float("nan"))
    with Sources() as sources:
        base, partner = (sources.source_of(path) for path in paths)
        assert damaged_groups(sources, THEATER, [partner], ["vae"]) == {"vae"}
        assert damaged_groups(sources, THEATER, [base], ["vae"]) == set()
        assert damaged_groups(sources, THEATER, [partner], []) == set()


def test_what_draws_nothing_is_not_measured(tmp_path: Path) -> None:
    """Quantised files, NaN anywhere, and files of two families beside each other."""
    plain, damaged = map(open_checkpoint, files(tmp_path, VAE, float("nan")))
    refuse_undrawable(plain)
    with pytest.raises(CheckpointError, match="not finite"):
        refuse_undrawable(damaged)
    packed = sd1_tensors(2) | {MIXED: torch.zeros(4, 4, 3, 3, dtype=torch.int8)}
    with pytest.raises(CheckpointError, match="quantised"):
        refuse_undrawable(open_checkpoint(write(tmp_path / "packed.safetensors", packed)))
    refuse_other_families([plain, damaged])
    for tensors in (sdxl_tensors(3), sd1_tensors(3, in_channels=9)):
        other = open_checkpoint(write(tmp_path / "other.safetensors", tensors))
        with pytest.raises(
            SettingsError, match=r"one family can be compared.*base\.safetensors, other\.safetensors"
        ):
            refuse_other_families([plain, other])
