"""Where each tensor of a checkpoint lives in Forge's engine.

The renaming, splitting and transposing is Forge's own: its conversion is run once on tensors without contents that
remember which views were taken of them, so the mapping follows the installed Forge and every family that it knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from lib_rimo.hosts.tracing import Traced, View
from lib_rimo.merging.checkpoints.header import TensorSpec
from lib_rimo.merging.checkpoints.keys import is_weight
from lib_rimo.merging.live.weights import LiveSlot, LiveWeights

UNET, VAE = "unet", "vae"


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a checkpoint tensor: a named tensor of a part of the engine, and what of the tensor it holds."""

    part: str
    name: str
    view: View | None


def map_checkpoint(model_config: Any, specs: Mapping[str, TensorSpec]) -> dict[str, tuple[Place, ...]]:
    """Finds every checkpoint key's places.

    Args:
        model_config: What Forge's guess at the architecture left in ``sd_model.model_config``.
        specs: The checkpoint's keys with shapes and number types.
    """
    found: dict[str, list[Place]] = {}
    for part, tensors in _split(model_config, specs):
        for name, traced in tensors.items():
            if isinstance(traced, Traced) and traced.source is not None:
                found.setdefault(traced.source, []).append(Place(part, name, traced.view_taken()))
    return {key: tuple(places) for key, places in found.items()}


def _split(config: Any, specs: Mapping[str, TensorSpec]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Forge's own way from a file to its parts (``backend.loader.split_state_dict``), by the same functions."""
    from backend.state_dict import try_filter_state_dict

    tensors: dict[str, object] = {k: Traced.of(k, spec.shape, spec.dtype) for k, spec in specs.items()}
    tensors = config.process_vae_state_dict(tensors)
    yield UNET, try_filter_state_dict(tensors, config.unet_key_prefix)
    yield VAE, try_filter_state_dict(tensors, config.vae_key_prefix)
    tensors = config.process_clip_state_dict(tensors)
    for text in config.clip_target:
        yield text, try_filter_state_dict(tensors, [f"{text}."])


def modules_of(engine: Any) -> dict[str, torch.nn.Module]:
    """The engine's parts by the names that places use."""
    objects = engine.forge_objects_original
    texts = objects.clip.cond_stage_model
    parts = {UNET: objects.unet.model.diffusion_model, VAE: objects.vae.first_stage_model}
    return parts | {name: getattr(texts, name) for name in engine.model_config.clip_target}


def patchers_of(engine: Any) -> tuple[Any, ...]:
    """What moves and patches the engine's parts."""
    objects = engine.forge_objects_original
    return (objects.unet, objects.clip.patcher, objects.vae.patcher)


def live_weights(
    engine: Any,
    places: Mapping[str, tuple[Place, ...]],
    specs: Mapping[str, TensorSpec],
    replaced: Mapping[str, str],
) -> LiveWeights:
    """The slots of every key that can be swapped, and the reasons for all others.

    Args:
        engine: Forge's engine.
        places: What ``map_checkpoint`` found.
        specs: The checkpoint's keys.
        replaced: Parts that do not come from the checkpoint -> why.
    """
    parts = modules_of(engine)
    tensors = {part: module.state_dict(keep_vars=True) for part, module in parts.items()}
    quantised = {part: _quantised(module) for part, module in parts.items()}
    slots: dict[str, tuple[LiveSlot, ...]] = {}
    refused: dict[str, str] = {}
    for key, spec in specs.items():
        own: dict[int, LiveSlot] = {}  # an alias is the same memory under another name: once is enough
        reason = ""
        for place in places.get(key, ()):
            for name in _names(place.name):
                tensor = tensors[place.part].get(name)
                if tensor is None:
                    continue
                reason = (
                    reason
                    or replaced.get(place.part, "")
                    or quantised[place.part].get(name, "")
                    or _why_not(tensor, spec, place.view)
                )
                own.setdefault(tensor.data_ptr(), LiveSlot(tensor, place.view))
        if reason or not own:
            refused[key] = reason or _why_absent(key)
        else:
            slots[key] = tuple(own.values())
    return LiveWeights(slots, refused)


def _names(name: str) -> tuple[str, ...]:
    """A token embedding is wrapped: one parameter under two names, until a LoRA parts them."""
    stem, dot, leaf = name.rpartition(".")
    return (name, f"{stem}.wrapped.{leaf}") if dot and stem.endswith("token_embedding") else (name,)


def _quantised(module: torch.nn.Module) -> dict[str, str]:
    """Tensors whose numbers are not what they stand for -> why."""
    found: dict[str, str] = {}
    for name, child in module.named_modules():
        prefix = f"{name}." if name else ""
        scaled = getattr(child, "scale_weight", None) is not None
        for leaf, tensor in child.named_parameters(recurse=False):
            if type(tensor.data).__name__ == "QuantizedTensor" or hasattr(tensor.data, "_layout_cls"):
                found[prefix + leaf] = f"{prefix}{leaf} is quantised"
            elif hasattr(tensor, "gguf_cls"):
                found[prefix + leaf] = f"{prefix}{leaf} is stored as GGUF"
            elif hasattr(tensor, "bnb_quantized") or hasattr(tensor, "quant_state"):
                found[prefix + leaf] = f"{prefix}{leaf} is stored in 4 bits (bitsandbytes)"
            elif scaled and leaf == "weight":
                found[prefix + leaf] = f"{prefix}{leaf} is stored as scaled fp8"
    return found


def _why_not(tensor: torch.Tensor, spec: TensorSpec, view: View | None) -> str:
    if tensor.is_meta:
        return "not in memory now"
    if not tensor.is_floating_point():
        return "an index table, not a weight"
    whole = torch.empty(spec.shape, device="meta")
    wanted = tuple((whole if view is None else view(whole)).shape)
    if tuple(tensor.shape) != wanted:
        return f"it has the shape {tuple(tensor.shape)} in the loaded model and {wanted} in the file"
    return ""


def _why_absent(key: str) -> str:
    if key.startswith("model_ema."):
        return "a training average (EMA) that is not used for drawing"
    if key.endswith("position_ids"):
        return "an index table, not a weight"
    if is_weight(key):
        return "the loaded model does not use it"
    return "a noise schedule or training value that is not swapped"
