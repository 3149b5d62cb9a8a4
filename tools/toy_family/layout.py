"""Names of Stable Diffusion 1 checkpoints (LDM) for the networks of diffusers."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from tools.toy_family import diffusion, networks

UNET_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."
TEXT_PREFIX = "cond_stage_model.transformer.text_model."

_UNET_PARTS = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}  # fmt: skip
for _i in range(4):
    for _j in range(2):
        _UNET_PARTS[f"down_blocks.{_i}.resnets.{_j}"] = f"input_blocks.{3 * _i + _j + 1}.0"
        _UNET_PARTS[f"down_blocks.{_i}.attentions.{_j}"] = f"input_blocks.{3 * _i + _j + 1}.1"
    for _j in range(3):
        _UNET_PARTS[f"up_blocks.{_i}.resnets.{_j}"] = f"output_blocks.{3 * _i + _j}.0"
        _UNET_PARTS[f"up_blocks.{_i}.attentions.{_j}"] = f"output_blocks.{3 * _i + _j}.1"
    _UNET_PARTS[f"down_blocks.{_i}.downsamplers.0.conv"] = f"input_blocks.{3 * _i + 3}.0.op"
    # The lowest level has no attention, hence its upsampler takes that place.
    _UNET_PARTS[f"up_blocks.{_i}.upsamplers.0"] = f"output_blocks.{3 * _i + 2}.{1 if _i == 0 else 2}"
_RESNET_PARTS = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_name(name: str) -> str:
    """Return the LDM name of a weight of ``UNet2DConditionModel``."""
    for part in sorted(_UNET_PARTS, key=len, reverse=True):
        if name.startswith(part + "."):
            rest = name[len(part) :]
            if ".resnets." in part:
                first, tail = rest[1:].split(".", 1)
                rest = f".{_RESNET_PARTS[first]}.{tail}"
            return UNET_PREFIX + _UNET_PARTS[part] + rest
    raise KeyError(name)


def vae_name(name: str) -> str:
    """Return the LDM name of a weight of ``AutoencoderKL``."""
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    name = re.sub(r"down_blocks\.(\d)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.", lambda m: f"up.{3 - int(m[1])}.block.", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    found = re.fullmatch(r"(.*)mid_block\.attentions\.0\.(.*)\.(weight|bias)", name)
    if found:
        name = f"{found[1]}mid.attn_1.{_VAE_ATTENTION[found[2]]}.{found[3]}"
    return VAE_PREFIX + name


def text_name(name: str) -> str:
    """Return the LDM name of a weight of ``CLIPTextModel``."""
    return TEXT_PREFIX + name.removeprefix("text_model.")


def schedule() -> dict[str, Tensor]:
    """Return the float32 noise-schedule buffers that genuine files carry, ``(1000,)`` each."""
    total = diffusion.alphas_cumprod()
    before = torch.cat([torch.ones(1, dtype=total.dtype), total[:-1]])
    alphas = total / before
    betas = 1 - alphas
    posterior = betas * (1 - before) / (1 - total)
    table = {
        "betas": betas,
        "alphas_cumprod": total,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": total.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - total).sqrt(),
        "log_one_minus_alphas_cumprod": (1 - total).log(),
        "sqrt_recip_alphas_cumprod": (1 / total).sqrt(),
        "sqrt_recipm1_alphas_cumprod": (1 / total - 1).sqrt(),
        "posterior_variance": posterior,
        "posterior_log_variance_clipped": posterior.clamp(min=1e-20).log(),
        "posterior_mean_coef1": betas * before.sqrt() / (1 - total),
        "posterior_mean_coef2": (1 - before) * alphas.sqrt() / (1 - total),
    }
    return {name: value.float() for name, value in table.items()}


def to_ldm(unet: Any, vae: Any, text: Any) -> dict[str, Tensor]:
    """Return a whole checkpoint: weights in float16, schedule in float32, positions int64."""
    out: dict[str, Tensor] = {}
    for name, value in unet.state_dict().items():
        out[unet_name(name)] = value.half()
    for name, value in vae.state_dict().items():
        new = vae_name(name)
        is_projection = ".attn_1." in new and value.dim() == 2
        out[new] = (value[:, :, None, None] if is_projection else value).half()
    for name, value in text.state_dict().items():
        if not name.endswith("position_ids"):
            out[text_name(name)] = value.half()
    out[TEXT_PREFIX + "embeddings.position_ids"] = torch.arange(networks.N_TOKENS)[None]
    out.update(schedule())
    return {name: value.contiguous() for name, value in out.items()}


def from_ldm(checkpoint: dict[str, Tensor], unet: Any, text: Any, vae: Any | None = None) -> None:
    """Load the weights of a checkpoint into networks of diffusers."""
    pairs: list[tuple[Any, Any]] = [(unet, unet_name), (text, text_name)]
    if vae is not None:
        pairs.append((vae, vae_name))
    for model, rename in pairs:
        state = {
            name: checkpoint[rename(name)].float().reshape(value.shape)
            for name, value in model.state_dict().items()
            if not name.endswith("position_ids")
        }
        model.load_state_dict(state, strict=False)
