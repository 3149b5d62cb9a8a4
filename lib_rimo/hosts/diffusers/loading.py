"""A checkpoint file as a diffusers pipeline whose every weight is known to be the file's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lib_rimo.errors import CheckpointError, HostError
from lib_rimo.hosts.diffusers.building import build, check_whole, quiet
from lib_rimo.hosts.diffusers.mapping import CheckpointMapping, Layout, Place, map_checkpoint
from lib_rimo.hosts.diffusers.schedulers import PREDICTION, ZERO_SNR
from lib_rimo.hosts.diffusers.text import TextCache
from lib_rimo.hosts.diffusers.vae import choose_vae, is_vae
from lib_rimo.merging.checkpoints.architecture import EDM_V, Architecture, recognise
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint, open_checkpoint
from lib_rimo.merging.checkpoints.quantised import refuse_quantised
from lib_rimo.said import say

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

logger = logging.getLogger("rimo")

COMPONENTS = ("unet", "vae", "text_encoder", "text_encoder_2")

_BIT_TYPES = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A pipeline, the file it came from, where each of the file's tensors is in it, and its encoded prompts.

    Attributes:
        checkpoint: The file.
        config_dir: The configuration that it was built by; None for the hub's standard one.
        kind: What the file says of itself.
        layout: Its tensors.
        pipeline: Diffusers' own.
        mapping: Where each tensor is in it.
        texts: Encoded prompts.
        vae: Which VAE was asked for; None if none was.
        vae_file: Where the VAE is from; None for the checkpoint itself.
    """

    checkpoint: Path
    config_dir: Path | None
    kind: Architecture
    layout: Layout
    pipeline: DiffusionPipeline
    mapping: CheckpointMapping
    texts: TextCache
    vae: Path | None = None
    vae_file: Path | None = None


def load_model(
    checkpoint: Path,
    *,
    config_dir: Path | None,
    device: torch.device,
    dtype: torch.dtype,
    vae: Path | None = None,
) -> LoadedModel:
    """Loads a checkpoint and proves that each of its tensors is where the mapping says.

    Args:
        checkpoint: In the original (LDM) layout, also with the names that older files have.
        config_dir: Folder with the diffusers configuration; nothing is then looked up elsewhere. None for the usual
            one of the recognised architecture.
        device: Where the model shall live.
        dtype: Of the live weights.
        vae: Drawn with instead of the checkpoint's own.

    Raises:
        HostError: The file or the configuration cannot be loaded, or do not belong together.
    """
    with _opened(checkpoint) as file:
        kind = _kind(file)
        check_whole(file, kind, config_dir)
        other = choose_vae(file, kind.family, vae)
        layout = _layout(file)
        pipeline = build(file, kind, config_dir, dtype, other)
        _draw_as(pipeline, kind)
        _own_memory(pipeline)
        live = _live_tensors(pipeline)
        used = layout if other is None else {k: v for k, v in layout.items() if not is_vae(k, kind.family)}

        def holds(key: str, place: Place) -> bool:
            return _holds(live[place.component][place.tensor], place, file.tensor(key))

        with quiet():
            mapping = map_checkpoint(pipeline, used, kind.family, holds)
        if other is not None:
            why = say("pictures are decoded by another VAE, {1}", other.name)
            mapping = replace(
                mapping, refused={**mapping.refused, **dict.fromkeys(layout.keys() - used.keys(), str(why))}
            )
        _verify(checkpoint, live, mapping, kind.family.parts("text"), holds, own_vae=other is None)
    pipeline.to(device)
    if device.type != "cpu":
        # Decoded one by one, a batch of large pictures does not need the memory of all of them at once.
        pipeline.vae.enable_slicing()
    logger.info(
        "Loaded %s: %d tensors live, %d not used",
        checkpoint.name,
        len(mapping.places),
        len(mapping.refused),
    )
    texts = TextCache(pipeline, kind.family.text)
    return LoadedModel(checkpoint, config_dir, kind, layout, pipeline, mapping, texts, vae, other)


def refill(model: LoadedModel, checkpoint: Path, vae: Path | None = None) -> LoadedModel | None:
    """Puts another file of the same layout and kind into a loaded model, without a second model in memory.

    Args:
        model: To be filled.
        checkpoint: To fill it from.
        vae: Drawn with instead of the checkpoint's own.

    Returns:
        The model under its new name, or None, with nothing changed, when the file is of another layout or kind, is
        drawn with another VAE, or cannot be opened.

    Raises:
        HostError: Reading broke off half-way; the model is unusable.
    """
    try:
        with _opened(checkpoint) as file:
            kind = _kind(file)
            if kind != model.kind or _shapes(_layout(file)) != _shapes(model.layout):
                return None
            if choose_vae(file, kind.family, vae) != model.vae_file:
                return None
            try:
                for key, slots in model.mapping.live(model.pipeline).slots.items():
                    tensor = file.tensor(key)
                    for slot in slots:
                        part = tensor if slot.view is None else slot.view(tensor)
                        # Rounded before it moves, as a fresh load does it.
                        slot.tensor.copy_(part.to(slot.tensor.dtype))
            except (OSError, RuntimeError) as error:
                raise _BrokenOffError(
                    "Reading a checkpoint broke off",
                    found=say("{1}: {2}", checkpoint.name, error),
                    fix="Load it again",
                ) from error
            model.texts.clear()
            return replace(model, checkpoint=checkpoint, layout=_layout(file), vae=vae)
    except _BrokenOffError:
        raise
    except HostError:
        return None


class _BrokenOffError(HostError):
    """A model is half one file and half another."""


@contextmanager
def _opened(path: Path) -> Iterator[Checkpoint]:
    """A checkpoint file, open.

    Raises:
        HostError: It is damaged, or none.
    """
    try:
        with open_checkpoint(path) as file:
            yield file
    except CheckpointError as error:
        raise HostError("The checkpoint cannot be loaded", found=str(error).rstrip(".")) from error


def _kind(file: Checkpoint) -> Architecture:
    """What a file is, by its names and by what it says of itself.

    Raises:
        CheckpointError: It is no model, or its numbers are not what they stand for.
        HostError: It is a model that cannot be drawn from words alone.
    """
    kind = recognise(file)
    refuse_quantised(file)
    if kind.inpainting:
        raise HostError(
            "Inpainting models cannot be drawn from words alone",
            found=say("{1}: {2}", file.name, say(kind.describe())),
            wanted="a text-to-image model",
            fix="Choose the model that it was made from",
        )
    return kind


def _draw_as(pipeline: DiffusionPipeline, kind: Architecture) -> None:
    """Tells the pipeline what the file says of its training; a configuration is of a family, not of a file.

    Raises:
        HostError: It is of a kind that diffusers' samplers do not draw.

    Source: the pages of v-prediction models (NoobAI XL V-Pred), which ask for exactly these two.
    """
    if kind.prediction == EDM_V:
        raise HostError(
            "This kind of model cannot be drawn here",
            found=say("v-prediction on another scale of noise (EDM)"),
            wanted="a model that predicts epsilon, or v on the usual scale",
            fix="Use a WebUI that draws it",
        )
    if kind.prediction == "v":
        pipeline.scheduler.register_to_config(**{PREDICTION: "v_prediction"})
    if kind.zero_snr:
        pipeline.scheduler.register_to_config(**{ZERO_SNR: True})


def _shapes(layout: Layout) -> dict[str, tuple[int, ...]]:
    return {key: shape for key, (shape, _) in layout.items()}


def _layout(file: Checkpoint) -> Layout:
    return {key: (file.shape(key), file.dtype(key)) for key in file}


def _own_memory(pipeline: DiffusionPipeline) -> None:
    """Takes the weights out of the mapped file: what is written in place must never depend on the file again."""
    for name in COMPONENTS:
        module = getattr(pipeline, name, None)
        if module is None:
            continue
        module.requires_grad_(False)
        for parameter in module.parameters():
            if not parameter.is_meta:
                parameter.data = parameter.data.clone()


def _live_tensors(pipeline: DiffusionPipeline) -> dict[str, dict[str, torch.Tensor]]:
    modules = {name: getattr(pipeline, name, None) for name in COMPONENTS}
    return {name: module.state_dict(keep_vars=True) for name, module in modules.items() if module is not None}


def _holds(live: torch.Tensor, place: Place, tensor: torch.Tensor) -> bool:
    part = tensor if place.view is None else place.view(tensor)
    if part.untyped_storage().data_ptr() != tensor.untyped_storage().data_ptr() or live.is_meta:
        return False
    if part.shape != live.shape:
        return False
    # Compared as bits: NaN equals itself, and zero is not minus zero.
    bits = _BIT_TYPES[live.element_size()]
    return torch.equal(live.detach().view(bits), part.to(live.dtype).view(bits).to(live.device))


def _verify(
    checkpoint: Path,
    live: Mapping[str, Mapping[str, torch.Tensor]],
    mapping: CheckpointMapping,
    texts: tuple[str, ...],
    holds: Callable[[str, Place], bool],
    *,
    own_vae: bool,
) -> None:
    covered = {(p.component, p.tensor) for places in mapping.places.values() for p in places}
    from_file = {"unet", "vae"} if own_vae else {"unet"}
    if any(key.startswith(texts) for key in (*mapping.places, *mapping.refused)):
        # Only a checkpoint without text encoders takes them from the configuration folder, if that holds them.
        from_file |= {"text_encoder", "text_encoder_2"}
    for component, tensors in live.items():
        for name, tensor in tensors.items():
            if tensor.is_meta or (component in from_file and (component, name) not in covered):
                raise HostError(
                    "The checkpoint does not fill the model",
                    found=say("no tensor in {1} for {2}.{3}", checkpoint.name, component, name),
                    wanted="a checkpoint and a configuration that belong together",
                    fix="Check the configuration folder",
                )
    for key, places in mapping.places.items():
        if not all(holds(key, place) for place in places):
            raise HostError(
                "A tensor of the checkpoint could not be found in the loaded model",
                found=say("other values at the places of {1}", key),
                wanted="the values of the file",
                fix="Report this with the versions of diffusers and transformers",
            )
