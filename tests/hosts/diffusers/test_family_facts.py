"""What the diffusers host knows of the families stays what it was before they were data files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("diffusers")

from lib_rimo.errors import HostError
from lib_rimo.hosts.diffusers.host import DiffusersHost
from lib_rimo.hosts.diffusers.loading import load_model
from lib_rimo.hosts.diffusers.mapping import _why_refused
from lib_rimo.hosts.diffusers.text import TextCache
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.merging.checkpoints.family import TextWindow
from tests.hosts.tiny_models import write_checkpoint, write_config
from tests.merging.checkpoints.family_facts import facts_of, strangers

GOLDEN = Path(__file__).parent / "golden" / "families.json"


def facts(folder: Path, kind: str) -> dict[str, Any]:
    """Places, groups and labels of a real model's keys; where the host finds them; how it draws and cuts prompts."""
    config = write_config(folder / "config", kind)
    path = write_checkpoint(folder / "model.safetensors", config, kind, seed=1)
    model = load_model(path, config_dir=config, device=torch.device("cpu"), dtype=torch.float32)
    host = DiffusersHost(folder, config_dir=config, device="cpu")
    host.load(path)
    long = ", ".join(["red"] * 60)
    with open_checkpoint(path) as checkpoint:
        known = facts_of(checkpoint)
    return {
        **known,
        "pipeline": type(model.pipeline).__name__,
        "mapping": _hash(
            sorted(
                # transformers 5.6 took the `text_model` level out of the encoders' names.
                f"{key} {place.component} {place.tensor.removeprefix('text_model.')} {place.view is None}"
                for key, places in model.mapping.places.items()
                for place in places
            )
        ),
        "refused": _hash(map(repr, sorted(model.mapping.refused.items()))),
        "strangers": _hash(f"{key} {_why_refused(key)}" for key in strangers()),
        "defaults": repr(host.image_defaults()),
        "batch": host.batch_size(64, 64),
        "chunks": [model.texts.positive(text).n_chunks for text in ("", "red", long)],
    }


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_the_host_s_facts_are_the_recorded_ones(tmp_path: Path, kind: str) -> None:
    """Real miniatures of two families, as the host loads them."""
    assert facts(tmp_path, kind) == json.loads(GOLDEN.read_text("utf-8"))[kind]


def test_a_prompt_beyond_the_family_s_windows_is_refused(tmp_path: Path) -> None:
    """An encoder that reads one window gets no second one; what does not fit is named, not cut off."""
    config = write_config(tmp_path / "config", "sd1")
    path = write_checkpoint(tmp_path / "model.safetensors", config, "sd1", seed=1)
    model = load_model(path, config_dir=config, device=torch.device("cpu"), dtype=torch.float32)
    long = ", ".join(["red"] * 6)
    assert TextCache(model.pipeline, TextWindow(8, ends=2)).positive(long).n_chunks == 2
    with pytest.raises(HostError, match=r"longer than the model reads\. Found: 2 windows of 6 tokens"):
        TextCache(model.pipeline, TextWindow(8, ends=2, most=1)).positive(long)


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
