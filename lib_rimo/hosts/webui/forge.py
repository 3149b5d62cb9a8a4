"""The host inside Forge: an engine of patchers whose parameters are inference tensors and move at will."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

from lib_rimo.errors import HostError
from lib_rimo.hosts.webui.forge_mapping import Place, live_weights, map_checkpoint, modules_of, patchers_of
from lib_rimo.hosts.webui.host import WebuiHost
from lib_rimo.hosts.webui.info import chunks_of, native_size
from lib_rimo.hosts.webui.patching import replaced
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint, open_checkpoint
from lib_rimo.merging.checkpoints.header import TensorSpec
from lib_rimo.merging.live.weights import LiveSlot, LiveWeights
from lib_rimo.said import say

log = logging.getLogger("rimo")

Out = TypeVar("Out")


class ForgeHost(WebuiHost):
    """Draws with the model that Forge has loaded."""

    def __init__(self) -> None:
        super().__init__()
        self._mapped: tuple[Path, Mapping[str, TensorSpec], Mapping[str, tuple[Place, ...]]] | None = None

    @property
    def name(self) -> str:
        """Short name for journals and messages."""
        return "forge"

    def live(self) -> LiveWeights:
        """The live model's tensors by checkpoint key, LoRAs taken off."""
        engine = self._ready("Reading the live model")
        return self._run(lambda: self._live(engine))

    def _live(self, engine: Any) -> LiveWeights:
        take_off_loras(engine)
        file = self._file_of(engine)
        if self._mapped is None or self._mapped[0] != file:
            with open_checkpoint(file) as opened:
                names = opened.keys()
                specs = {key: opened.spec(key) for key in names}
            self._mapped = (file, specs, map_checkpoint(engine.model_config, specs))
        _, keys, places = self._mapped
        return live_weights(engine, places, keys, _replaced_parts(engine, file, places))

    def load(self, checkpoint: Path, vae: Path | None = None) -> None:
        """Selects a checkpoint in the WebUI and makes it live; see ``WebuiHost.load``."""
        if self._queue.is_mine():
            self._mapped = None  # the file may have changed since
        super().load(checkpoint, vae)

    def _select(self, info: Any) -> Any:
        from modules import sd_models, shared
        from modules_forge import main_entry

        def change(title: str) -> None:
            # Forge Neo keeps one checkpoint for each of its presets, and goes back to it when its page is loaded.
            takes = inspect.signature(main_entry.checkpoint_change).parameters
            more = {"preset": shared.opts.data.get("forge_preset")} if "preset" in takes else {}
            main_entry.checkpoint_change(title, save=False, **more)

        before = shared.opts.data.get("sd_model_checkpoint")
        change(info.title)
        try:
            engine = _engine(sd_models.forge_model_reload()[0])
        except Exception as error:
            if before:
                change(before)
            raise HostError(
                "The checkpoint cannot be loaded", found=say("{1}: {2}", type(error).__name__, error)
            ) from error
        # The first loading adds a hash to the title; the dropdown shows nothing for the title from before.
        shared.opts.data["sd_model_checkpoint"] = info.title
        return engine

    def _activate(self) -> Any:
        from modules import sd_models

        try:
            return _engine(sd_models.forge_model_reload()[0])
        except HostError:
            raise
        except Exception as error:
            raise HostError(
                "The selected checkpoint cannot be loaded", found=say("{1}: {2}", type(error).__name__, error)
            ) from error

    def _load_again(self) -> Any:
        from modules import sd_models

        sd_models.model_data.forge_hash = ""
        return self._activate()

    def _file_of(self, model: Any) -> Path:
        return Path(model.filename)

    @contextmanager
    def _pin(self, model: Any) -> Iterator[None]:
        from modules import processing, sd_models

        def stay() -> tuple[Any, bool]:
            return model, False

        # A changed setting asks the next job to unload everything and forget its prompts. That is for the user's
        # next job, not for ours, which would use the request up.
        wish = processing.need_global_unload
        processing.need_global_unload = False
        try:
            with (
                replaced(sd_models, "forge_model_reload", stay),
                replaced(processing, "forge_model_reload", stay),
            ):
                yield
        finally:
            processing.need_global_unload = processing.need_global_unload or wish

    def _is_live(self, model: Any) -> bool:
        from modules import sd_models

        return sd_models.model_data.sd_model is model

    def _text_changed(self, model: Any) -> None:
        """Forge keeps no encoded prompt beside those of its jobs."""

    def _chunks(self, model: Any, prompt: str) -> int:
        names = ("text_processing_engine", "text_processing_engine_l", "text_processing_engine_g")
        return max(chunks_of(getattr(model, name, None), prompt) for name in names)

    def _native_size(self, model: Any) -> tuple[int, int]:
        return native_size(self._file_of(model), is_xl=bool(getattr(model, "is_sdxl", False)))

    def _run(self, work: Callable[[], Out]) -> Out:
        """In Forge's main thread, where moving models is quickest."""
        from modules_forge import main_thread

        if threading.current_thread() is threading.main_thread():
            return work()
        box: list[Out] = []
        errors: list[BaseException] = []

        def task() -> None:
            # Forge prints what a task raises and returns None, so nothing is raised there.
            try:
                box.append(work())
            except BaseException as error:  # noqa: BLE001 -- raised again below, in the caller's thread
                errors.append(error)

        main_thread.run_and_wait_result(task)
        if errors:
            raise errors[0]
        return box[0]


def take_off_loras(engine: Any) -> None:
    """Puts back what LoRAs changed, and makes Forge look again when a job wants them.

    Forge has a loader of LoRAs that keeps the originals; Forge Neo has a patcher that keeps them itself.

    Raises:
        HostError: This is a fork that does it otherwise.
    """
    from backend import memory_management

    for patcher in patchers_of(engine):
        loader = getattr(patcher, "lora_loader", None)
        if loader is None and hasattr(patcher, "unpatch_model"):
            patched = getattr(patcher.model, "current_weight_patches_uuid", None) is not None
            if patched or getattr(patcher, "backup", None):
                patcher.unpatch_model()
            continue
        if loader is None:
            raise HostError(
                "This fork of Forge keeps LoRAs in a way that is not known",
                found=say("{1} without lora_loader", type(patcher).__name__),
                wanted="Forge, Forge Neo, or AUTOMATIC1111's WebUI",
            )
        if loader.backup or loader.online_backup or loader.loaded_hash != str([]):
            loader.refresh(lora_patches={}, offload_device=patcher.offload_device)
            memory_management.unload_model_clones(patcher)


def _engine(model: Any) -> Any:
    if getattr(model, "forge_objects_original", None) is None:
        raise HostError(
            "Forge has no model", wanted="a checkpoint that it can load", fix="Select one that works"
        )
    return model


def _replaced_parts(engine: Any, file: Path, places: Mapping[str, tuple[Place, ...]]) -> dict[str, str]:
    """Parts that the user's own choice of VAE and text encoders put in the checkpoint's place.

    Forge does not note which; the first tensors of a part tell, compared with the file.
    """
    from modules import sd_models

    chosen = sd_models.model_data.forge_loading_parameters.get("additional_modules") or []
    if not chosen:
        return {}
    names = ", ".join(Path(path).name for path in chosen)
    modules = modules_of(engine)
    found: dict[str, str] = {}
    with open_checkpoint(file) as opened:
        for part, module in modules.items():
            if not _holds(module, part, places, opened):
                found[part] = f"{names} is in its place"
    return found


def _holds(
    module: torch.nn.Module, part: str, places: Mapping[str, tuple[Place, ...]], opened: Checkpoint
) -> bool:
    tensors = module.state_dict(keep_vars=True)
    looked = 0
    for key, found in places.items():
        for place in found:
            tensor = tensors.get(place.name) if place.part == part else None
            if tensor is None or tensor.ndim < 2 or not tensor.is_floating_point():
                continue
            slot = LiveSlot(tensor, place.view)
            whole = opened.tensor(key)
            own = whole if slot.view is None else slot.view(whole)
            if own.shape != tensor.shape:
                return False
            if not torch.equal(own.to(torch.float16), tensor.detach().cpu().to(torch.float16)):
                return False
            looked += 1
            if looked == 4:
                return True
    return looked > 0
