"""A Stable Diffusion 1.5 checkpoint in its genuine shapes, of which little is stored: the rest are holes in the file.

Reading a hole gives zeros and costs no disk, so a file of 2.1 GB takes the space of its VAE. Such a model is loaded,
mixed and drawn with as any other; its pictures are coloured noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from lib_rimo.hosts.diffusers.configuration import shipped
from lib_rimo.merging.checkpoints.header import TensorSpec, build_header
from tests.hosts.tiny_models import clip_to_original, unet_to_original, vae_to_original

STORED = ("first_stage_model.", "model.diffusion_model.out.")
"""What is random; all else is zero."""


def write_full_size(path: Path, seed: int) -> Path:
    """Writes one; files of different seeds differ in their VAE and in the last layer of the UNet."""
    shapes = _shapes()
    specs = {name: TensorSpec(torch.float16, tuple(shape)) for name, shape in shapes.items()}
    head, starts = build_header(specs, {"modelspec.title": f"full size {seed}"})
    generator = torch.Generator().manual_seed(seed)
    with path.open("wb") as file:
        file.write(head)
        for name, spec in specs.items():
            if name.startswith(STORED):
                values = 0.05 * torch.randn(spec.shape, generator=generator)
                file.seek(starts[name])
                file.write(values.to(torch.float16).numpy().tobytes())
        file.truncate(max(starts[name] + spec.size_bytes for name, spec in specs.items()))
    return path


def _shapes() -> Mapping[str, torch.Size]:
    """Names and shapes as the original program wrote them."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with shipped("sd1") as config, torch.device("meta"):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(config, subfolder="unet"))
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(config, subfolder="vae"))
        encoder = CLIPTextModel(CLIPTextConfig.from_pretrained(config / "text_encoder"))
    named = unet_to_original(unet.state_dict(), unet.config.layers_per_block)
    named |= vae_to_original(vae.state_dict(), len(vae.config.block_out_channels))
    named |= clip_to_original(encoder.state_dict(), "cond_stage_model.transformer.")
    return {name: tensor.shape for name, tensor in named.items() if tensor.is_floating_point()}
