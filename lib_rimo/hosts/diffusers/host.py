"""The host without a WebUI: diffusers pipelines on CUDA, Apple's GPUs or the CPU."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from lib_rimo.errors import HostError
from lib_rimo.hosts.diffusers.building import quiet
from lib_rimo.hosts.diffusers.configuration import read_index
from lib_rimo.hosts.diffusers.drawing import InterruptedDrawing, draw
from lib_rimo.hosts.diffusers.loading import LoadedModel, load_model, refill
from lib_rimo.hosts.diffusers.schedulers import sampler_names, sampler_of_class, schedule_names
from lib_rimo.hosts.diffusers.vae import is_beside
from lib_rimo.hosts.host import ImageDefaults, ImageRequest
from lib_rimo.hosts.queue import HostQueue
from lib_rimo.merging.checkpoints.checkpoint import SUFFIXES
from lib_rimo.merging.live.weights import LiveWeights
from lib_rimo.said import say

# Latent consistency models are trained to be drawn in a few steps without guidance (their model card's values).
LCM_STEPS = 4
LCM_CFG = 1.0
# What a model folder may hold beside diffusers' own files, to say how it is best drawn.
HINTS = "rimo.json"

MAX_BATCH = 16
# Latent positions of one batch that a CPU works on at best speed: 16 pictures of 64 px, one of 512 px.
_CPU_POSITIONS = 16 * 64
_MPS_POSITIONS = 4 * 4096
# Working memory of UNet and guidance per latent position at half precision, attention included; generous.
_CUDA_BYTES_PER_POSITION = 100_000
# Share of a CUDA card's memory that pictures may take; the rest is for weights, decoder and other programs.
_CUDA_SHARE = 0.4


class DiffusersHost:
    """Loads SD and SDXL checkpoints into diffusers pipelines; implements ``lib_rimo.hosts.host.Host``.

    Args:
        folder: Where checkpoints are looked for, with all folders below, and saved.
        config_dir: Folder with the models' diffusers configuration and tokenizer, or what finds it for a checkpoint.
            None is for the usual configuration of the checkpoint's family, which comes with the program or, for
            families where it does not, is fetched from the hub once.
        device: "cuda", "mps" or "cpu", with an index if wanted; None takes the best there is.
        extra_checkpoints: Files outside the folder that can be chosen too.
        threads: CPU threads for drawing; None leaves torch's setting. Pixels may depend on it.
        dtype: Of the live weights; None takes half precision on CUDA and float32 elsewhere. Half as much memory, and
            slower on most processors.

    Raises:
        HostError: The configuration folder is not one, or the device is not there.
    """

    def __init__(
        self,
        folder: Path,
        *,
        config_dir: Path | Callable[[Path], Path | None] | None = None,
        device: str | None = None,
        extra_checkpoints: Sequence[Path] = (),
        threads: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if isinstance(config_dir, Path):
            read_index(config_dir)
        self._folder = folder
        self._config = config_dir
        self._device = _device(device)
        # Half precision is what GPUs are made for; on the CPU it is slower, and on Apple's it overflows in some
        # models. Checkpoints in float16 or bfloat16 become float32 exactly.
        self._dtype = dtype or (torch.float16 if self._device.type == "cuda" else torch.float32)
        self._extra = tuple(extra_checkpoints)
        self._threads = threads
        self._queue = HostQueue()
        self._model: LoadedModel | None = None
        self._drawing = threading.Lock()  # guards the two below
        self._is_drawing = False
        self._stop = threading.Event()

    @property
    def name(self) -> str:
        """Short name for journals and messages."""
        return "diffusers"

    def checkpoints(self) -> Sequence[Path]:
        """The ``.safetensors`` and ``.ckpt`` files in the folder and the extra ones, sorted by name."""
        inside = (
            path
            for path in self._folder.rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and not is_beside(path)
        )
        found = {path.resolve(): path for path in (*self._extra, *inside) if path.is_file()}
        return sorted(found.values(), key=lambda path: (path.name.lower(), str(path)))

    def loaded(self) -> Path | None:
        """The file of the live model."""
        model = self._model
        return None if model is None else model.checkpoint

    def load(self, checkpoint: Path, vae: Path | None = None) -> None:
        """Makes a checkpoint the live model; the one before stays if the new one cannot be used.

        A file of the same layout is read into the pipeline that is there, others get a pipeline of their own.
        Takes the queue for the time if this thread does not hold it.

        Args:
            checkpoint: A whole model.
            vae: Drawn with instead of the checkpoint's own. A checkpoint without one is drawn with the file that lies
                beside it under its name (``model.vae.safetensors``), if nothing is said here.

        Raises:
            HostError: The file cannot be loaded, or its tensors cannot all be found in the loaded model.
        """
        if not self._queue.is_mine():
            with self._queue.hold():
                self.load(checkpoint, vae)
            return
        before = self._model
        if before is not None and checkpoint.resolve() == before.checkpoint.resolve() and vae == before.vae:
            return
        for path, what in ((checkpoint, "The checkpoint is missing"), (vae, "The VAE is missing")):
            if path is not None and not path.is_file():
                raise HostError(what, found=str(path), wanted="a file that exists")
        if before is not None:
            self._model = None  # none at all if reading breaks off half-way
            same = self._config_of(checkpoint) == before.config_dir
            refilled = refill(before, checkpoint, vae) if same else None
            self._model = refilled or before
            if refilled is not None:
                return
        self._model = self._fresh(checkpoint, vae)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def load_again(self) -> None:
        """Reads the live model's weights from its file again; where that fails, no model is loaded at all.

        Raises:
            HostError: The file is gone, or cannot be read any more.
        """
        self._queue.require("Loading the model anew")
        before, self._model = self._loaded_model(), None
        self._model = refill(before, before.checkpoint, before.vae) or self._fresh(
            before.checkpoint, before.vae
        )

    def live(self) -> LiveWeights:
        """The live model's tensors by checkpoint key."""
        self._queue.require("Reading the live model")
        model = self._loaded_model()
        return model.mapping.live(model.pipeline)

    def exclusive(self) -> AbstractContextManager[None]:
        """Holds the queue; entering it twice in one thread is a HostError."""
        return self._queue.hold()

    def waiting(self) -> int:
        """How many threads wait for the queue now."""
        return self._queue.waiting()

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """Draws a batch of one layout.

        Raises:
            HostError: No model is loaded, the requests are not of one layout or cannot be met, memory ran out,
                the model computed values that are not numbers, or ``interrupt`` was called.
        """
        self._queue.require("Drawing")
        model = self._loaded_model()
        layouts = {request.layout() for request in requests}
        if len(layouts) != 1:
            raise HostError(
                "A batch must have one layout",
                found=say("{1} requests of {2} layouts", len(requests), len(layouts)),
                wanted="at least one request, all with the same size, steps, CFG, sampler and scheduler",
            )
        with self._drawing:
            self._stop.clear()
            self._is_drawing = True
        try:
            with quiet(), _cpu_threads(self._threads):
                return draw(model.pipeline, model.texts, requests, self._stop.is_set)
        except InterruptedDrawing as error:
            raise HostError("Drawing was interrupted", fix="Resume when you want it to go on") from error
        except (RuntimeError, ValueError, TypeError) as error:
            # Memory, sizes that the model cannot take, schedules that the sampler cannot follow.
            raise HostError(
                "diffusers could not draw the pictures", found=say("{1}: {2}", type(error).__name__, error)
            ) from error
        finally:
            with self._drawing:
                self._is_drawing = False

    def weights_changed(self, keys: Sequence[str]) -> None:
        """Forgets the encoded prompts when a text encoder's tensor is among the keys."""
        self._queue.require("Telling of changed weights")
        model = self._loaded_model()
        texts = {"text_encoder", "text_encoder_2"}
        if any(model.mapping.components(key) & texts for key in keys):
            model.texts.clear()

    def interrupt(self) -> None:
        """Ends a running ``generate`` at its next step; without one, nothing happens."""
        with self._drawing:
            if self._is_drawing:
                self._stop.set()

    def samplers(self) -> Sequence[str]:
        """Sampler names, those of the WebUIs."""
        return sampler_names()

    def schedulers(self) -> Sequence[str]:
        """Names of noise schedules, those of the WebUIs."""
        return schedule_names()

    def image_defaults(self) -> ImageDefaults:
        """Size, steps, guidance and sampler from the configuration folder and the loaded model's own configs."""
        model = self._loaded_model()
        pipeline, usual = model.pipeline, model.kind.family.drawing
        scale = int(pipeline.vae_scale_factor)
        side = pipeline.unet.config.get("sample_size") or (usual.height // scale, usual.width // scale)
        height, width = side if isinstance(side, (list, tuple)) else (side, side)
        scheduler = type(pipeline.scheduler).__name__
        is_lcm = scheduler == "LCMScheduler"
        hints: dict[str, Any] = {**pipeline.config, **pipeline.scheduler.config, **self._hints()}
        sampler = hints.get("sampler") or (sampler_of_class(scheduler) if is_lcm else None) or usual.sampler
        steps = (
            hints.get("steps") or hints.get("num_inference_steps") or (LCM_STEPS if is_lcm else usual.steps)
        )
        cfg = hints.get("cfg") or hints.get("guidance_scale") or (LCM_CFG if is_lcm else usual.cfg)
        return ImageDefaults(
            int(hints.get("width") or int(width) * scale),
            int(hints.get("height") or int(height) * scale),
            int(steps),
            float(cfg),
            str(sampler),
            hints.get("clip_skip"),
        )

    def batch_size(self, width: int, height: int) -> int:
        """Pictures per ``generate`` for best speed: by size on the CPU, by the card's memory on a GPU."""
        scale = int(self._loaded_model().pipeline.vae_scale_factor)
        positions = max(1, (width // scale) * (height // scale))
        if self._device.type == "cuda":
            memory = torch.cuda.get_device_properties(self._device).total_memory
            room = int(memory * _CUDA_SHARE / _CUDA_BYTES_PER_POSITION)
        else:
            room = _MPS_POSITIONS if self._device.type == "mps" else _CPU_POSITIONS
        return max(1, min(MAX_BATCH, room // positions))

    def save_folder(self) -> Path:
        """The checkpoint folder."""
        return self._folder

    def refresh(self) -> None:
        """Nothing to do: ``checkpoints`` looks at the folder each time."""

    def _loaded_model(self) -> LoadedModel:
        if self._model is None:
            raise HostError("No checkpoint is loaded", fix="Load one first")
        return self._model

    def _fresh(self, checkpoint: Path, vae: Path | None) -> LoadedModel:
        config = self._config_of(checkpoint)
        return load_model(checkpoint, config_dir=config, device=self._device, dtype=self._dtype, vae=vae)

    def _config_of(self, checkpoint: Path) -> Path | None:
        return self._config(checkpoint) if callable(self._config) else self._config

    def _hints(self) -> dict[str, Any]:
        config = self._loaded_model().config_dir
        path = None if config is None else config / HINTS
        if path is None or not path.is_file():
            return {}
        try:
            hints = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise HostError(say("{1} cannot be read", HINTS), found=say("{1}: {2}", path, error)) from error
        if not isinstance(hints, dict):
            raise HostError(say("{1} cannot be read", HINTS), found=str(path), wanted="a JSON object")
        return hints


@contextmanager
def _cpu_threads(threads: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        if threads is not None:
            torch.set_num_threads(threads)
        yield
    finally:
        if threads is not None:
            torch.set_num_threads(before)


def _device(wanted: str | None) -> torch.device:
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted is None:
        return torch.device("cuda" if has_cuda else "mps" if has_mps else "cpu")
    device = torch.device(wanted)
    if (device.type == "cuda" and not has_cuda) or (device.type == "mps" and not has_mps):
        raise HostError(
            "The device is not there", found=wanted, wanted="a device that torch can use", fix="Use cpu"
        )
    return device
