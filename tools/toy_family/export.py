"""Write the artefacts that ship in ``lib_rimo/toy/data``."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lib_rimo.toy import delta
from tools.toy_family import (
    diffusion,
    layout,
    networks,
    sampler,
    specialists,
    tagger_export,
    vae,
    vocabulary,
    world,
)

log = logging.getLogger("rimo.toy")

DATA = Path(__file__).resolve().parents[2] / "lib_rimo" / "toy" / "data"
_YAML = """\
model:
  base_learning_rate: 1.0e-04
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    linear_start: {beta_start}
    linear_end: {beta_end}
    num_timesteps_cond: 1
    log_every_t: 200
    timesteps: 1000
    first_stage_key: "jpg"
    cond_stage_key: "txt"
    image_size: 8
    channels: 4
    cond_stage_trainable: false
    conditioning_key: crossattn
    monitor: val/loss_simple_ema
    scale_factor: {scale_factor}
    use_ema: False

    unet_config:
      target: ldm.modules.diffusionmodules.openaimodel.UNetModel
      params:
        image_size: 8
        in_channels: 4
        out_channels: 4
        model_channels: {model_channels}
        attention_resolutions: [4, 2, 1]
        num_res_blocks: 2
        channel_mult: {channel_mult}
        num_heads: {heads}
        use_spatial_transformer: True
        transformer_depth: 1
        context_dim: {context}
        use_checkpoint: False
        legacy: False

    first_stage_config:
      target: ldm.models.autoencoder.AutoencoderKL
      params:
        embed_dim: 4
        monitor: val/rec_loss
        ddconfig:
          double_z: true
          z_channels: 4
          resolution: 64
          in_channels: 3
          out_ch: 3
          ch: 64
          ch_mult: [1, 1, 1, 1]
          num_res_blocks: 0
          attn_resolutions: []
          dropout: 0.0
        lossconfig:
          target: torch.nn.Identity

    cond_stage_config:
      target: ldm.modules.encoders.modules.FrozenCLIPEmbedder
      params:
        version: @CLIP_FOLDER@
"""


def sha256(data: bytes) -> str:
    """Return the SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _checkpoint(out: Path, name: str) -> dict[str, NDArray[np.generic]]:
    pair = diffusion.load(out, name)
    state = layout.to_ldm(pair.unet, vae.load(out), pair.text)
    return {key: value.numpy() for key, value in state.items()}


def _configs(folder: Path) -> None:
    """Write the folder that ``from_single_file(..., config=folder)`` reads, and CLIP's own."""
    pair = diffusion.Pair()
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.30.0",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    diffusers = folder / "diffusers"
    text: dict[str, Any] = {"architectures": ["CLIPTextModel"], **_plain(pair.text.config.to_diff_dict())}
    written = {
        "model_index.json": index,
        "unet/config.json": _plain(pair.unet.config),
        "vae/config.json": _plain(networks.build_vae().config),
        "text_encoder/config.json": text,
        "scheduler/scheduler_config.json": {
            "_class_name": "DPMSolverMultistepScheduler", **_plain(sampler.scheduler().config)
        },
        "rimo.json": {
            "steps": sampler.STEPS, "cfg": sampler.CFG, "sampler": sampler.SAMPLER, "width": 64, "height": 64,
        },
    }  # fmt: skip
    for name, value in written.items():
        path = diffusers / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
    vocabulary.write(diffusers / "tokenizer")
    vocabulary.write(folder / "clip")
    (folder / "clip" / "config.json").write_text(json.dumps(text, indent=2) + "\n", "utf-8")


def _plain(config: Any) -> dict[str, Any]:
    """Drop what depends on the library's version or on this machine."""
    hidden = {"_use_default_values", "_diffusers_version", "_name_or_path", "transformers_version", "dtype"}
    return {key: value for key, value in dict(config).items() if key not in hidden}


def write(out: Path, data: Path, base: str, names: dict[str, str]) -> None:
    """Write all artefacts.

    Args:
        out: folder of the trained networks.
        data: folder to write to.
        base: file stem of the base's weights.
        names: shipped name to file stem of each specialist's weights.
    """
    data.mkdir(parents=True, exist_ok=True)
    base_state = _checkpoint(out, base)
    full = delta.serialize(base_state)
    (data / "toy-base.safetensors").write_bytes(full)
    entries = [_entry("toy-base", "toy-base.safetensors", full, full)]
    for name, stem in names.items():
        packed = delta.compress(base_state, _checkpoint(out, stem))
        expanded = delta.serialize(delta.expand(base_state, packed))
        (data / f"toy-{name}.delta.xz").write_bytes(packed)
        entries.append(_entry(f"toy-{name}", f"toy-{name}.delta.xz", packed, expanded))
        log.info("%s: %.2f MB", name, len(packed) / 1e6)
    (data / "manifest.json").write_text(
        json.dumps({"version": 1, "checkpoints": entries}, indent=2) + "\n", "utf-8"
    )
    values = {
        "{beta_start}": diffusion.BETA_START, "{beta_end}": diffusion.BETA_END, "{scale_factor}": networks.SCALE_FACTOR,
        "{model_channels}": networks.MODEL_CHANNELS, "{channel_mult}": list(networks.CHANNEL_MULT),
        "{heads}": networks.HEADS, "{context}": networks.CONTEXT,
    }  # fmt: skip
    text = _YAML
    for mark, value in values.items():
        text = text.replace(mark, str(value))
    (data / "v1-inference.yaml").write_text(text, "utf-8")
    _configs(data)
    with (data / "catalogue.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "category"])
        writer.writerows((tag, category) for category, tags in world.CATEGORIES.items() for tag in tags)
    tagger_export.write(out, data)


def _entry(name: str, file: str, stored: bytes, expanded: bytes) -> dict[str, object]:
    return {
        "name": name,
        "file": file,
        "file_sha256": sha256(stored),
        "sha256": sha256(expanded),
        "size_bytes": len(expanded),
    }


def stage(out: Path, seed: int) -> None:
    """Write the artefacts of the chosen base and specialists."""
    del seed
    write(out, DATA, specialists.SHIPPED_BASE, {plan.name: plan.name for plan in specialists.PLANS})
