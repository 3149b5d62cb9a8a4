"""A checkpoint file as a diffusers pipeline whose every weight is known to be the file's."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lib_rimo.errors import CheckpointError, HostError
from lib_rimo.hosts.diffusers.mapping import CheckpointMapping, Layout, Place, map_checkpoint
from lib_rimo.hosts.diffusers.schedulers import PREDICTION, ZERO_SNR
from lib_rimo.hosts.diffusers.text import TextCache
from lib_rimo.merging.checkpoints.architecture import EDM_V, Architecture, recognise
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.merging.checkpoints.families import families
from lib_rimo.said import say

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

logger = logging.getLogger("rimo")

COMPONENTS = ("unet", "vae", "text_encoder", "text_encoder_2")
INDEX = "model_index.json"

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
    """

    checkpoint: Path
    config_dir: Path | None
    kind: Architecture
    layout: Layout
    pipeline: DiffusionPipeline
    mapping: CheckpointMapping
    texts: TextCache


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps diffusers and transformers from writing to the terminal inside; errors still come."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    levels = diffusers_logging.get_verbosity(), transformers_logging.get_verbosity()
    # Neither library has a public way to ask in all supported versions; both keep it in this name.
    bars = [getattr(module, "_tqdm_active", True) for module in (diffusers_logging, transformers_logging)]
    try:
        for module in (diffusers_logging, transformers_logging):
            module.set_verbosity_error()
            module.disable_progress_bar()
        yield
    finally:
        diffusers_logging.set_verbosity(levels[0])
        transformers_logging.set_verbosity(levels[1])
        for module, active in zip((diffusers_logging, transformers_logging), bars, strict=True):
            if active:
                module.enable_progress_bar()


def read_index(config_dir: Path) -> dict[str, Any]:
    """The ``model_index.json`` of a diffusers configuration folder.

    Raises:
        HostError: The folder has none, or it cannot be read.
    """
    path = config_dir / INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise HostError(
            "The configuration folder is not a diffusers model folder",
            found=str(config_dir),
            wanted=say("a folder with {1}", INDEX),
            fix="Choose the folder that the model was published with, weights are not needed in it",
        ) from error
    except (OSError, ValueError) as error:
        raise HostError(say("{1} cannot be read", INDEX), found=say("{1}: {2}", path, error)) from error
    if not isinstance(index, dict):
        raise HostError(say("{1} cannot be read", INDEX), found=str(path), wanted="a JSON object")
    return index


def load_model(
    checkpoint: Path, *, config_dir: Path | None, device: torch.device, dtype: torch.dtype
) -> LoadedModel:
    """Loads a checkpoint and proves that each of its tensors is where the mapping says.

    Args:
        checkpoint: A ``.safetensors`` file in the original (LDM) layout.
        config_dir: Folder with the diffusers configuration; nothing is then looked up elsewhere. None for the
            hub's standard configuration of the recognised architecture, from its local cache if it is there.
        device: Where the model shall live.
        dtype: Of the live weights.

    Raises:
        HostError: The file or the configuration cannot be loaded, or do not belong together.
    """
    from safetensors import SafetensorError, safe_open

    try:
        kind = _kind(checkpoint)
        with safe_open(str(checkpoint), framework="pt", device="cpu") as file:
            layout = _layout(file)
            pipeline = _build(checkpoint, kind, config_dir, dtype)
            _draw_as(pipeline, kind)
            _own_memory(pipeline)
            live = _live_tensors(pipeline)

            def holds(key: str, place: Place) -> bool:
                return _holds(live[place.component][place.tensor], place, file.get_tensor(key))

            with quiet():
                mapping = map_checkpoint(pipeline, layout, kind.family, holds)
            _verify(checkpoint, live, mapping, kind.family.parts("text"), holds)
    except (OSError, SafetensorError) as error:
        raise HostError(
            "The checkpoint cannot be read",
            found=say("{1}: {2}", checkpoint.name, error),
            wanted="a complete .safetensors file",
        ) from error
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
    return LoadedModel(
        checkpoint, config_dir, kind, layout, pipeline, mapping, TextCache(pipeline, kind.family.text)
    )


def refill(model: LoadedModel, checkpoint: Path) -> LoadedModel | None:
    """Puts another file of the same layout and kind into a loaded model, without a second model in memory.

    Returns:
        The model under its new name, or None, with nothing changed, when the file is of another layout or kind, or
        cannot be opened.

    Raises:
        HostError: Reading broke off half-way; the model is unusable.
    """
    from safetensors import SafetensorError, safe_open

    try:
        kind = _kind(checkpoint)
    except HostError:
        return None
    try:
        with safe_open(str(checkpoint), framework="pt", device="cpu") as file:
            if kind != model.kind or _shapes(_layout(file)) != _shapes(model.layout):
                return None
            try:
                for key, slots in model.mapping.live(model.pipeline).slots.items():
                    tensor = file.get_tensor(key)
                    for slot in slots:
                        part = tensor if slot.view is None else slot.view(tensor)
                        # Rounded before it moves, as a fresh load does it.
                        slot.tensor.copy_(part.to(slot.tensor.dtype))
            except (OSError, SafetensorError, RuntimeError) as error:
                raise HostError(
                    "Reading a checkpoint broke off",
                    found=say("{1}: {2}", checkpoint.name, error),
                    fix="Load it again",
                ) from error
            model.texts.clear()
            return replace(model, checkpoint=checkpoint, layout=_layout(file))
    except (OSError, SafetensorError):
        return None


def _kind(checkpoint: Path) -> Architecture:
    """What a file is, by its names and by what it says of itself.

    Raises:
        HostError: It is damaged, or no model that can be drawn with.
    """
    try:
        with open_checkpoint(checkpoint) as opened:
            return recognise(opened)
    except CheckpointError as error:
        raise HostError("The checkpoint cannot be loaded", found=str(error).rstrip(".")) from error


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


def _layout(file: Any) -> Layout:
    tensors = ((key, file.get_tensor(key)) for key in file.keys())  # noqa: SIM118 -- no dict: it has no __iter__
    return {key: (tuple(tensor.shape), tensor.dtype) for key, tensor in tensors}


def _build(
    checkpoint: Path, kind: Architecture, config_dir: Path | None, dtype: torch.dtype
) -> DiffusionPipeline:
    import diffusers

    if config_dir is not None:
        name = str(read_index(config_dir).get("_class_name"))
        source = {"config": str(config_dir)}
    else:
        own = kind.family.diffusers
        name = kind.family.title if own is None else own.pipeline
        source = {}
    known = {f.diffusers.pipeline: f.diffusers.options for f in families() if f.diffusers is not None}
    if name not in known:
        raise HostError(
            "The configuration is of a kind of model that cannot be drawn with",
            found=name,
            wanted=" or ".join(known),
        )
    try:
        with quiet():
            pipeline: DiffusionPipeline = getattr(diffusers, name).from_single_file(
                str(checkpoint), local_files_only=True, torch_dtype=dtype, **source, **known[name]
            )
    except Exception as error:
        # diffusers raises whatever was at hand (KeyError, AttributeError, its own kinds, the hub's kinds).
        if _is_offline(error):
            raise HostError(
                say("The configuration that {1} is drawn by is not on this computer yet", checkpoint.name),
                found=say("{1}, and no connection to fetch its configuration by", say(kind.describe())),
                wanted="a connection to huggingface.co once, or a folder with the model's diffusers configuration",
                fix="Go online and try again, or name the folder with --config",
            ) from error
        fix = "Choose another checkpoint"
        if config_dir is not None:
            fix = f"Check that {config_dir} is the configuration of this very model"
        # The values of a weight that the file lacks stay "meta"; torch's own words for that help nobody.
        lacks = isinstance(error, NotImplementedError) and "meta" in str(error)
        reason = (
            "the file lacks weights of the model"
            if lacks
            else f"{type(error).__name__}: {_first_line(error)}"
        )
        raise HostError(
            "diffusers cannot load the checkpoint",
            found=say("{1}: {2}", checkpoint.name, reason),
            wanted="an SD or SDXL checkpoint in the original layout, and its configuration",
            fix=fix,
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _is_offline(error: BaseException | None) -> bool:
    """Whether what went wrong is that a file of the hub is neither here nor can be fetched."""
    while error is not None:
        if type(error).__name__ in ("LocalEntryNotFoundError", "OfflineModeIsEnabled"):
            return True
        error = error.__cause__ or error.__context__
    return False


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")


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
) -> None:
    covered = {(p.component, p.tensor) for places in mapping.places.values() for p in places}
    from_file = {"unet", "vae"}
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
