"""Where each tensor of an original-layout checkpoint lives in a diffusers pipeline.

The renaming and reshaping from the original (LDM) layout is diffusers' own: its conversion functions are run once
on tensors without contents that remember which views were taken of them. So the mapping follows the installed
diffusers and any width or depth, and nothing of it is a table of ours that could grow stale. Whether it is right
is not believed but checked, value by value, when a checkpoint is loaded (``loading``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from lib_rimo.hosts.diffusers.vae import has_vae
from lib_rimo.hosts.tracing import Traced, View
from lib_rimo.merging.checkpoints.families import is_weight
from lib_rimo.merging.checkpoints.family import Family
from lib_rimo.merging.live.weights import LiveSlot, LiveWeights

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

_TEXT_ENCODERS = ("text_encoder", "text_encoder_2")


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a checkpoint tensor: a named tensor of a pipeline component, and the part it holds."""

    component: str
    tensor: str
    view: View | None


Layout = Mapping[str, tuple[tuple[int, ...], torch.dtype]]
"""Checkpoint key -> shape and dtype."""


@dataclass(frozen=True, slots=True)
class CheckpointMapping:
    """Checkpoint key -> its places in a pipeline; the keys that must be left alone, and why.

    A key in neither is a weight that drawing does not use (CLIP's logit scale, the layer that SD2 skips): merging
    it changes the file and no picture.
    """

    places: Mapping[str, tuple[Place, ...]]
    refused: Mapping[str, str]

    def live(self, pipeline: DiffusionPipeline) -> LiveWeights:
        """The places as the tensors that the pipeline holds now."""
        names = {place.component for places in self.places.values() for place in places}
        tensors = {name: getattr(pipeline, name).state_dict(keep_vars=True) for name in names}
        slots = {
            key: tuple(LiveSlot(tensors[p.component][p.tensor], p.view) for p in places)
            for key, places in self.places.items()
        }
        return LiveWeights(slots, self.refused)

    def components(self, key: str) -> frozenset[str]:
        """The components that a key's tensor is part of; empty for keys without a place."""
        return frozenset(place.component for place in self.places.get(key, ()))


def map_checkpoint(
    pipeline: DiffusionPipeline, layout: Layout, family: Family, holds: Callable[[str, Place], bool]
) -> CheckpointMapping:
    """Finds every checkpoint key's places in a pipeline that was loaded from that checkpoint.

    Args:
        pipeline: A Stable Diffusion (XL) pipeline.
        layout: The checkpoint's keys with shapes and dtypes.
        family: The checkpoint's.
        holds: Whether a place holds its part of a key's values. Decides between text encoders of one shape.
    """
    places: dict[str, list[Place]] = {}
    for component, converted in _components(pipeline, layout, family, holds):
        names = getattr(pipeline, component).state_dict(keep_vars=True)
        for name, traced in converted.items():
            if name in names and isinstance(traced, Traced) and traced.source is not None:
                places.setdefault(traced.source, []).append(Place(component, name, traced.view_taken()))
    found = {key: tuple(value) for key, value in places.items()}
    reasons = {
        key: reason for key in layout if key not in found and (reason := _why_refused(key)) is not None
    }
    return CheckpointMapping(found, reasons)


def _components(
    pipeline: DiffusionPipeline, layout: Layout, family: Family, holds: Callable[[str, Place], bool]
) -> Iterator[tuple[str, Mapping[str, object]]]:
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

    traced = {key: Traced.of(key, shape, dtype) for key, (shape, dtype) in layout.items()}
    yield "unet", convert_ldm_unet_checkpoint(dict(traced), config=dict(pipeline.unet.config))
    if has_vae(layout, family):
        yield "vae", convert_ldm_vae_checkpoint(dict(traced), config=dict(pipeline.vae.config))
    for component in _TEXT_ENCODERS:
        encoder = getattr(pipeline, component, None)
        if encoder is None:
            continue
        for converted in _text_conversions(encoder, family, traced):
            if _fits(encoder, component, converted, holds):
                yield component, converted
                break


def _text_conversions(
    encoder: torch.nn.Module, family: Family, traced: Mapping[str, Traced]
) -> Iterator[Mapping[str, object]]:
    from diffusers.loaders.single_file_utils import convert_ldm_clip_checkpoint, convert_open_clip_checkpoint

    # transformers 5.6 took the `text_model` level out of CLIPTextModel; the checkpoint still has it.
    flat = not hasattr(encoder, "text_model")
    attempts = [convert_ldm_clip_checkpoint(dict(traced))]
    attempts += [
        convert_open_clip_checkpoint(encoder, dict(traced), prefix=prefix)
        for prefix in (family.diffusers.open_clip if family.diffusers is not None else ())
        if any(key.startswith(prefix) for key in traced)
    ]
    for converted in attempts:
        yield {k.removeprefix("text_model.") if flat else k: v for k, v in converted.items()}


def _fits(
    encoder: torch.nn.Module,
    component: str,
    converted: Mapping[str, object],
    holds: Callable[[str, Place], bool],
) -> bool:
    for name, tensor in encoder.state_dict(keep_vars=True).items():
        traced = converted.get(name)
        if not isinstance(traced, Traced) or traced.source is None or traced.shape != tensor.shape:
            return False
        if not holds(traced.source, Place(component, name, traced.view_taken())):
            return False
    return True


def _why_refused(key: str) -> str | None:
    """Why a key without a live place must be left alone; None for a weight that the pipeline has no use for."""
    if key.startswith("model_ema."):
        return "a training average (EMA) that is not used for drawing"
    if key.endswith("position_ids"):
        return "an index table, not a weight"
    if is_weight(key):
        return None
    return "a noise schedule or training value that is taken from the configuration instead"
