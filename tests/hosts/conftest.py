"""Families of miniature checkpoints, made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.hosts.tiny_models import write_checkpoint, write_config

KINDS = ("sd1", "sdxl")


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Per kind a folder with ``config``, and a base and a partner checkpoint in ``models``."""
    made = {}
    for kind in KINDS:
        root = tmp_path_factory.mktemp(kind)
        config = write_config(root / "config", kind)
        (root / "models").mkdir()
        write_checkpoint(root / "models" / "base.safetensors", config, kind, seed=1)
        write_checkpoint(root / "models" / "partner.safetensors", config, kind, seed=2)
        made[kind] = root
    return made


@pytest.fixture
def root(families: dict[str, Path], tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A family folder of this test's own."""
    kind = getattr(request, "param", "sd1")
    return Path(shutil.copytree(families[kind], tmp_path / "family"))
