"""Real Stable Diffusion models in miniature with random weights, written in the original checkpoint layout.

The renaming from diffusers' names to the original ones is written here from the original layout, so that what the
host reads was not made by the code that reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

VOCABULARY = "abcdefghijklmnopqrstuvwxyz0123456789,_"
GROUPS = 4

_UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def unet_to_original(state: Mapping[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    """The UNet's tensors under their original names; ``layers`` is its ``layers_per_block``."""
    with_attention = {
        int(k.split(".")[1]) for k in state if k.startswith("up_blocks.") and ".attentions." in k
    }
    out = {}
    for name, tensor in state.items():
        parts = name.split(".")
        stem, last = name.rsplit(".", 1)
        if stem in _UNET_ENDS:
            new = f"{_UNET_ENDS[stem]}.{last}"
        else:
            if parts[0] == "mid_block":
                kind, place, rest = parts[1], int(parts[2]), ".".join(parts[3:])
                block = f"middle_block.{1 if kind == 'attentions' else place * 2}"
            else:
                level, kind, place, rest = int(parts[1]), parts[2], int(parts[3]), ".".join(parts[4:])
                down = parts[0] == "down_blocks"
                number = level * (layers + 1) + place + (1 if down else 0)
                if kind == "downsamplers":
                    number, rest = (level + 1) * (layers + 1), rest.replace("conv", "0.op")
                elif kind == "upsamplers":
                    number = level * (layers + 1) + layers
                    rest = f"{2 if level in with_attention else 1}.{rest}"
                else:
                    rest = f"{1 if kind == 'attentions' else 0}.{rest}"
                block = f"{'input' if down else 'output'}_blocks.{number}"
            if kind == "resnets":
                for old, original in _UNET_RESNET.items():
                    rest = rest.replace(old, original)
            new = f"{block}.{rest}"
        out[f"model.diffusion_model.{new}"] = tensor
    return out


def vae_to_original(state: Mapping[str, torch.Tensor], levels: int) -> dict[str, torch.Tensor]:
    """The VAE's tensors under their original names; the attention's linear layers as 1x1 convolutions."""
    out = {}
    for name, tensor in state.items():
        parts = name.split(".")
        if parts[1] in {"down_blocks", "up_blocks"}:
            level = int(parts[2]) if parts[1] == "down_blocks" else levels - 1 - int(parts[2])
            rest = ".".join(parts[3:]).replace("resnets", "block").replace("conv_shortcut", "nin_shortcut")
            rest = rest.replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample")
            new = f"{parts[0]}.{parts[1].removesuffix('_blocks')}.{level}.{rest}"
        elif parts[1] == "mid_block" and parts[2] == "resnets":
            new = f"{parts[0]}.mid.block_{int(parts[3]) + 1}.{'.'.join(parts[4:])}"
        elif parts[1] == "mid_block":
            stem = ".".join(parts[4:-1])
            new = f"{parts[0]}.mid.attn_1.{_VAE_ATTENTION[stem]}.{parts[-1]}"
        else:
            new = name.replace("conv_norm_out", "norm_out")
        is_attention_matrix = ".mid.attn_1." in new and tensor.ndim == 2
        out[f"first_stage_model.{new}"] = tensor[:, :, None, None] if is_attention_matrix else tensor
    return out


def clip_to_original(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The first text encoder: its own names under a prefix, with the index buffer that old files carry."""
    out = {f"{prefix}text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in state.items()}
    out[f"{prefix}text_model.embeddings.position_ids"] = torch.arange(77)[None]
    return out


def open_clip_to_original(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The second text encoder: fused projections, the text projection transposed."""
    state = {name.removeprefix("text_model."): tensor for name, tensor in state.items()}
    out = {
        "token_embedding.weight": state["embeddings.token_embedding.weight"],
        "positional_embedding": state["embeddings.position_embedding.weight"],
        "ln_final.weight": state["final_layer_norm.weight"],
        "ln_final.bias": state["final_layer_norm.bias"],
        "text_projection": state["text_projection.weight"].T,
        "logit_scale": torch.tensor(4.6),
    }
    for name, tensor in state.items():
        if not name.startswith("encoder.layers."):
            continue
        number, rest = name.removeprefix("encoder.layers.").split(".", 1)
        block = f"transformer.resblocks.{number}."
        stem, last = rest.rsplit(".", 1)
        if stem in _OPEN_CLIP:
            out[f"{block}{_OPEN_CLIP[stem]}.{last}"] = tensor
        elif stem == "self_attn.q_proj":
            parts = [state[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            out[f"{block}attn.in_proj_{last}"] = torch.cat(parts)
    return {prefix + name: tensor for name, tensor in out.items()}


def _json(path: Path, data: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")


def _write_tokenizer(folder: Path) -> int:
    """A CLIP tokenizer that knows single characters; returns the size of its vocabulary."""
    tokens = list(VOCABULARY) + [f"{c}</w>" for c in VOCABULARY]
    tokens += ["re", "red</w>", "<|startoftext|>", "<|endoftext|>"]
    _json(folder / "vocab.json", {token: index for index, token in enumerate(tokens)})
    (folder / "merges.txt").write_text("#version: 0.2\nr e\nre d</w>\n", encoding="utf-8")
    special = {
        "bos_token": tokens[-2],
        "eos_token": tokens[-1],
        "unk_token": tokens[-1],
        "pad_token": tokens[-1],
    }
    _json(
        folder / "tokenizer_config.json",
        {**special, "model_max_length": 77, "do_lower_case": True, "tokenizer_class": "CLIPTokenizer"},
    )
    _json(folder / "special_tokens_map.json", special)
    return len(tokens)


def _text_config(width: int, layers: int, vocabulary: int, **more: object) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "max_position_embeddings": 77,
        "projection_dim": width,
        "bos_token_id": vocabulary - 2,
        "eos_token_id": 2,  # as in the published configurations: the last token is the largest id
        "pad_token_id": vocabulary - 1,
        **more,
    }


_VAE = {
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [8, 8, 16, 16],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 1,
    "norm_num_groups": GROUPS,
    "sample_size": 32,
}
_UNETS: dict[str, dict[str, Any]] = {
    "sd1": {
        "sample_size": 4,
        "block_out_channels": [8, 16, 16, 16],
        "layers_per_block": 2,
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        "cross_attention_dim": 16,
        "attention_head_dim": 2,
        "norm_num_groups": GROUPS,
    },
    "sdxl": {
        "sample_size": 4,
        "block_out_channels": [8, 16, 16],
        "layers_per_block": 2,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "transformer_layers_per_block": [1, 1, 2],
        "cross_attention_dim": 16 + 24,
        "attention_head_dim": [2, 2, 4],
        "norm_num_groups": GROUPS,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 24,
    },
}
_SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "skip_prk_steps": True,
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "prediction_type": "epsilon",
}


def write_config(folder: Path, kind: str) -> Path:
    """Writes a diffusers configuration folder without weights for ``kind`` "sd1" or "sdxl"."""
    vocabulary = _write_tokenizer(folder / "tokenizer")
    _json(folder / "unet" / "config.json", {"_class_name": "UNet2DConditionModel", **_UNETS[kind]})
    vae = {**_VAE, "scaling_factor": 0.18215 if kind == "sd1" else 0.13025, "force_upcast": False}
    _json(folder / "vae" / "config.json", {"_class_name": "AutoencoderKL", **vae})
    _json(folder / "scheduler" / "scheduler_config.json", _SCHEDULER)
    _json(folder / "text_encoder" / "config.json", _text_config(16, 2, vocabulary))
    index: dict[str, Any] = {
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
    }
    if kind == "sd1":
        index |= {
            "_class_name": "StableDiffusionPipeline",
            "safety_checker": [None, None],
            "feature_extractor": [None, None],
            "requires_safety_checker": False,
        }
    else:
        _write_tokenizer(folder / "tokenizer_2")
        _json(folder / "text_encoder_2" / "config.json", _text_config(24, 3, vocabulary, hidden_act="gelu"))
        index |= {
            "_class_name": "StableDiffusionXLPipeline",
            "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            "tokenizer_2": ["transformers", "CLIPTokenizer"],
            "force_zeros_for_empty_prompt": True,
        }
    _json(folder / "model_index.json", index)
    return folder


def write_checkpoint(
    path: Path, config: Path, kind: str, seed: int, dtype: torch.dtype = torch.float16
) -> Path:
    """Writes a random checkpoint in the original layout; the same seed gives the same file."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    def text(name: str) -> CLIPTextConfig:
        return CLIPTextConfig(**json.loads((config / name / "config.json").read_text(encoding="utf-8")))

    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(config, subfolder="unet"))
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(config, subfolder="vae"))
        encoder = CLIPTextModel(text("text_encoder"))
        second = CLIPTextModelWithProjection(text("text_encoder_2")) if kind == "sdxl" else None
    original = unet_to_original(unet.state_dict(), unet.config.layers_per_block)
    original |= vae_to_original(vae.state_dict(), len(vae.config.block_out_channels))
    if second is None:
        original |= clip_to_original(encoder.state_dict(), "cond_stage_model.transformer.")
    else:
        original |= clip_to_original(encoder.state_dict(), "conditioner.embedders.0.transformer.")
        original |= open_clip_to_original(second.state_dict(), "conditioner.embedders.1.model.")
    original["alphas_cumprod"] = torch.linspace(1, 0, 1000)
    original["model_ema.decay"] = torch.tensor(0.999)
    # Norms and biases start as ones and zeros; with noise on them, no two tensors of a file are alike.
    noisy = {
        key: (t + 0.05 * torch.randn(t.shape, generator=generator)).to(dtype) if t.is_floating_point() else t
        for key, t in original.items()
    }
    save_file({key: t.contiguous() for key, t in noisy.items()}, str(path))
    return path
