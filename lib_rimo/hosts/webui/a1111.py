"""The host inside AUTOMATIC1111's WebUI (1.10.1): one nn.Module with LDM's names, changed by ``sd_hijack``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from lib_rimo.errors import HostError
from lib_rimo.hosts.webui.host import WebuiHost
from lib_rimo.hosts.webui.info import chunks_of, native_size
from lib_rimo.hosts.webui.patching import only_here, replaced
from lib_rimo.merging.checkpoints.keys import is_weight, place_of
from lib_rimo.merging.live.weights import LiveSlot, LiveWeights
from lib_rimo.said import say

log = logging.getLogger("rimo")

TEXT = "cond_stage_model."
"""The WebUI's own name for what encodes text, in every family."""


class A1111Host(WebuiHost):
    """Draws with the model that AUTOMATIC1111's WebUI has loaded."""

    @property
    def name(self) -> str:
        """Short name for journals and messages."""
        return "a1111"

    def live(self) -> LiveWeights:
        """The live model's tensors by checkpoint key, LoRAs taken off."""
        model = self._ready("Reading the live model")
        take_off_loras(model)
        tensors = checkpoint_names(model)
        slots: dict[str, tuple[LiveSlot, ...]] = {}
        refused: dict[str, str] = {}
        for key in self._keys:
            tensor = tensors.get(key)
            if (reason := _why_not(key, tensor)) or tensor is None:
                refused[key] = reason
            else:
                slots[key] = (LiveSlot(tensor),)
        return LiveWeights(slots, refused)

    def _select(self, info: Any) -> Any:
        from modules import sd_models, shared

        sd_models.model_data.get_sd_model()  # waits for the WebUI's own first loading
        kept = {name: shared.opts.data.get(name) for name in ("sd_model_checkpoint", "sd_checkpoint_hash")}
        try:
            model = sd_models.reload_model_weights(info=info)
        except Exception as error:
            shared.opts.data.update(kept)
            raise HostError(
                "The checkpoint cannot be loaded", found=say("{1}: {2}", type(error).__name__, error)
            ) from error
        shared.opts.data["sd_model_checkpoint"] = info.title
        return _there(model)

    def _activate(self) -> Any:
        from modules import sd_models

        sd_models.model_data.get_sd_model()
        # A slow loading must not write its name over a choice that the user makes meanwhile.
        with sd_models.SkipWritingToConfig():
            return _there(sd_models.reload_model_weights())

    def _load_again(self) -> Any:
        from modules import sd_models

        info = sd_models.model_data.sd_model.sd_checkpoint_info
        with sd_models.SkipWritingToConfig():
            return _there(sd_models.reload_model_weights(info=info, forced_reload=True))

    def _file_of(self, model: Any) -> Path:
        return Path(model.sd_checkpoint_info.filename)

    @contextmanager
    def _pin(self, model: Any) -> Iterator[None]:
        from modules import sd_models

        stay = only_here(lambda *_, **__: model, sd_models.reload_model_weights)
        empty_prompt = getattr(model, "cond_stage_model_empty_prompt", None)
        with replaced(sd_models, "reload_model_weights", stay), _vae_type_kept(model):
            try:
                yield
            finally:
                if empty_prompt is not None:
                    model.cond_stage_model_empty_prompt = empty_prompt

    def _is_live(self, model: Any) -> bool:
        from modules import sd_models

        return sd_models.model_data.sd_model is model

    def _text_changed(self, model: Any) -> None:
        from modules import devices, sd_models

        if hasattr(model, "cond_stage_model_empty_prompt"):
            with devices.autocast(), torch.no_grad():
                model.cond_stage_model_empty_prompt = sd_models.get_empty_cond(model)

    def _chunks(self, model: Any, prompt: str) -> int:
        encoders = (model.cond_stage_model, *getattr(model.cond_stage_model, "embedders", ()))
        return max(chunks_of(encoder, prompt) for encoder in encoders)

    def _native_size(self, model: Any) -> tuple[int, int]:
        return native_size(self._file_of(model), is_xl=bool(getattr(model, "is_sdxl", False)))


def checkpoint_names(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The live tensors by the names that checkpoints have.

    ``sd_hijack`` puts layers into wrappers, each an element ``wrapped`` of the name, and gives SDXL's
    ``conditioner`` a second name.
    """
    is_xl = hasattr(model, "conditioner")
    names: dict[str, torch.Tensor] = {}
    for raw, tensor in model.state_dict(keep_vars=True).items():
        if is_xl and raw.startswith(TEXT):
            continue
        names[".".join(part for part in raw.split(".") if part != "wrapped")] = tensor
    return names


def take_off_loras(model: torch.nn.Module) -> None:
    """Puts back what LoRAs changed in place, and makes their code look again at its next turn.

    The built-in extension patches a layer inside its own forward and keeps the original beside it; such an
    original, older than a swap, would come back later.
    """
    networks = sys.modules.get("networks")
    restore = getattr(networks, "network_restore_weights_from_backup", None)
    reset = getattr(networks, "network_reset_cached_weight", None)
    if restore is None or reset is None:
        return
    with torch.no_grad():
        for module in model.modules():
            backups = (getattr(module, f"network_{part}_backup", None) for part in ("weights", "bias"))
            if any(backup is not None for backup in backups):
                restore(module)
                reset(module)


def _there(model: Any) -> Any:
    if model is None:
        raise HostError(
            "The WebUI has no model", wanted="a checkpoint that it can load", fix="Select one that works"
        )
    return model


def _why_not(key: str, tensor: torch.Tensor | None) -> str:
    """The reason why a key cannot be swapped, or nothing."""
    from modules import sd_unet, sd_vae

    if not is_weight(key):
        return "a noise schedule or training value that is not swapped"
    component = "" if (place := place_of(key)) is None else place.component
    if component == "vae" and sd_vae.loaded_vae_file is not None:
        return f"the VAE {Path(sd_vae.loaded_vae_file).name} that you chose is in its place"
    if component == "unet" and sd_unet.current_unet is not None:
        return "an optimised UNet (TensorRT or the like) draws in its place"
    if tensor is None:
        return "the loaded model does not use it"
    if not tensor.is_floating_point():
        return "an index table, not a weight"
    return "not in memory now" if tensor.is_meta else ""


@contextmanager
def _vae_type_kept(model: Any) -> Iterator[None]:
    """The WebUI answers NaN from the VAE by moving it to a wider type for good; a bad mix must not do that."""
    from modules import devices

    before = devices.dtype_vae
    try:
        yield
    finally:
        if devices.dtype_vae != before:
            devices.dtype_vae = before
            model.first_stage_model.to(before)
