"""What is known of a model's size without the WebUI's help."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lib_rimo.hosts.webui.info import native_size
from tests.merging.models import sd1_tensors, sdxl_tensors, write


@pytest.mark.parametrize("is_xl", [False, True])
def test_a_model_s_size_is_its_family_s(tmp_path: Path, is_xl: bool) -> None:
    """Recognised files by their family, others by what the WebUI takes them for, and a sidecar before both."""
    assert native_size(write(tmp_path / "one.safetensors", sd1_tensors()), is_xl=is_xl) == (512, 512)
    assert native_size(write(tmp_path / "xl.safetensors", sdxl_tensors()), is_xl=is_xl) == (1024, 1024)
    strange = write(tmp_path / "strange.safetensors", {"x": torch.zeros(1)})
    assert native_size(strange, is_xl=is_xl) == ((1024, 1024) if is_xl else (512, 512))
    strange.with_suffix(".yaml").write_text("model: {params: {image_size: 96}}")
    assert native_size(strange, is_xl=is_xl) == (768, 768)
