"""The embedded tiny family: what unpacking promises."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lib_rimo.errors import CheckpointError, SaveError
from lib_rimo.toy import delta, family


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> family.Family:
    """The family, unpacked once for all tests of this module."""
    return family.unpack(tmp_path_factory.mktemp("models"))


def test_unpacked_files_have_the_recorded_hashes(unpacked: family.Family) -> None:
    """Every checkpoint has the SHA-256 that the manifest records, and a sidecar beside it."""
    wanted = {
        e["name"]: e["sha256"] for e in json.loads((family.DATA / "manifest.json").read_text())["checkpoints"]
    }
    paths = (unpacked.base, *unpacked.specialists)
    assert len(paths) >= 4
    assert {p.stem: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths} == wanted
    for path in paths:
        assert str(family.DATA / "clip") in path.with_suffix(".yaml").read_text("utf-8")
    assert unpacked.catalogue.is_file()
    assert (unpacked.tagger_dir / "model.onnx").is_file()


def test_unpacking_twice_changes_nothing(unpacked: family.Family) -> None:
    """A second call leaves the files that are there untouched and adds none."""
    folder = unpacked.base.parent
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    assert family.unpack(folder) == unpacked
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == before


def test_a_sidecar_of_ours_follows_the_data(unpacked: family.Family) -> None:
    """A sidecar that names a former place of the extension is written anew."""
    sidecar = unpacked.base.with_suffix(".yaml")
    current = sidecar.read_text("utf-8")
    sidecar.write_text(current.replace(json.dumps(str(family.DATA / "clip")), '"/elsewhere/clip"'), "utf-8")
    family.unpack(unpacked.base.parent)
    assert sidecar.read_text("utf-8") == current


@pytest.mark.parametrize("name", ["toy-base.safetensors", "toy-base.yaml"])
def test_a_foreign_file_is_never_overwritten(unpacked: family.Family, tmp_path: Path, name: str) -> None:
    """A file of the same name and other content is kept and reported."""
    shutil.copy(unpacked.base, tmp_path / unpacked.base.name)
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(SaveError, match="in the way"):
        family.unpack(tmp_path)
    assert (tmp_path / name).read_bytes() == b"mine"


def test_a_damaged_artefact_is_reported_and_writes_nothing(tmp_path: Path) -> None:
    """One flipped byte in the stored base stops the unpacking before a file is made."""
    data, models = tmp_path / "data", tmp_path / "models"
    shutil.copytree(family.DATA, data)
    stored = bytearray((data / "toy-base.safetensors").read_bytes())
    stored[-1] ^= 1
    (data / "toy-base.safetensors").write_bytes(stored)
    with pytest.raises(CheckpointError, match="damaged"):
        family.unpack(models, data)
    assert list(models.iterdir()) == []


def test_delta_keeps_a_tenth_of_the_spread() -> None:
    """A row's error after storing is below a fifth of its deviation, and equal tensors stay bit-equal."""
    rng = np.random.default_rng(0)
    base = {
        "moved": rng.normal(size=(8, 40)).astype(np.float16),
        "same": rng.normal(size=(5,)).astype(np.float16),
        "ids": np.arange(3)[None],
    }
    change = rng.normal(size=(8, 40)) * 0.1
    tuned = base | {"moved": (base["moved"] + change).astype(np.float16)}
    made = delta.expand(base, delta.compress(base, tuned))
    assert np.abs(made["moved"] - (base["moved"] + change)).max() < 0.02
    assert np.array_equal(made["same"], base["same"])
    assert np.array_equal(made["ids"], base["ids"])


@pytest.mark.parametrize("data", [b"", b"not an xz stream", delta.lzma.compress(b"\xff" * 64)])
def test_a_damaged_delta_is_a_checkpoint_error(data: bytes) -> None:
    """Bytes that hold no compact checkpoint raise an error that the user can be shown."""
    with pytest.raises(CheckpointError):
        delta.expand({}, data)
