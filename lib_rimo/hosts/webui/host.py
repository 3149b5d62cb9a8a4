"""What the hosts inside the two WebUIs share: the queue, the lists, the checks, and how a hold of the queue goes.

Inside ``exclusive`` the model that the user selected is made live at the first need (``_ready``), and nothing can
replace it until the queue is let go (``_pin``): the WebUI notes a new choice of checkpoint at once, and would
otherwise load it in the middle of a batch.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL import Image

from lib_rimo.errors import HostError, HostTakenError
from lib_rimo.hosts.host import ImageDefaults, ImageRequest
from lib_rimo.hosts.webui.checks import keys_of, refuse_vae, require_known, same_file
from lib_rimo.hosts.webui.drawing import Drawer, announced
from lib_rimo.hosts.webui.info import schedules, ui_defaults
from lib_rimo.hosts.webui.lend import Player
from lib_rimo.hosts.webui.queue import WebuiQueue
from lib_rimo.merging.checkpoints.architecture import family_of
from lib_rimo.merging.checkpoints.keys import place_of
from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.live.weights import LiveWeights
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.said import say

log = logging.getLogger("rimo")

SUFFIXES = (".safetensors", ".ckpt")
MAX_BATCH = 16
# As in the diffusers host: latent positions that a CPU works on at best speed, and memory per position on a card.
_CPU_POSITIONS = 16 * 64
_CUDA_BYTES_PER_POSITION = 100_000
_CUDA_SHARE = 0.25  # the WebUI keeps weights, VAE and text encoders on the card as well

Out = TypeVar("Out")


class WebuiHost(ABC):
    """Implements ``lib_rimo.hosts.host.Host`` but for what differs between the WebUIs."""

    def __init__(self) -> None:
        from modules import call_queue

        self._queue = WebuiQueue(call_queue.queue_lock)
        self._drawer = Drawer()
        self._undo = ExitStack()  # of the present hold
        self._model: Any = None  # the live model, as far as the present hold has made sure of it
        self._base: Path | None = None
        self._keys: tuple[str, ...] = ()
        self._player = Player(self)

    @property
    @abstractmethod
    def name(self) -> str:
        """Short name for journals and messages."""

    @abstractmethod
    def live(self) -> LiveWeights:
        """The live model's tensors by checkpoint key, LoRAs taken off."""

    # -- what an adapter fills in ------------------------------------------------------------------------------

    @abstractmethod
    def _select(self, info: Any) -> Any:
        """Makes a listed checkpoint the selected and live one; returns the model."""

    @abstractmethod
    def _activate(self) -> Any:
        """Makes the selected checkpoint's model live if another one is; returns the model."""

    @abstractmethod
    def _load_again(self) -> Any:
        """Loads the live model anew from its file; returns what is live then."""

    @abstractmethod
    def _file_of(self, model: Any) -> Path:
        """The checkpoint file that a model was loaded from."""

    @abstractmethod
    def _pin(self, model: Any) -> AbstractContextManager[None]:
        """Keeps a model the live one inside, whatever the user chooses meanwhile."""

    @abstractmethod
    def _is_live(self, model: Any) -> bool:
        """Whether a model is the one that the WebUI draws with now. Loads nothing."""

    @abstractmethod
    def _text_changed(self, model: Any) -> None:
        """A text encoder has new weights; prompts that we encoded are forgotten already."""

    @abstractmethod
    def _chunks(self, model: Any, prompt: str) -> int:
        """How many windows of the text encoder a prompt fills."""

    @abstractmethod
    def _native_size(self, model: Any) -> tuple[int, int]:
        """Width and height in pixels that the model was made for."""

    def _run(self, work: Callable[[], Out]) -> Out:
        """Does work that touches the model, in the thread where the host wants that."""
        return work()

    # -- checkpoints -------------------------------------------------------------------------------------------

    def checkpoints(self) -> Sequence[Path]:
        """The WebUI's own list, without what cannot be mixed, sorted by name."""
        from modules import sd_models

        found = {Path(info.filename) for info in list(sd_models.checkpoints_list.values())}
        usable = (path for path in found if path.suffix.lower() in SUFFIXES and path.is_file())
        return sorted(usable, key=lambda path: (path.name.lower(), str(path)))

    def loaded(self) -> Path | None:
        """The file of the checkpoint that is selected in the WebUI."""
        from modules import sd_models, shared

        info = sd_models.get_closet_checkpoint_match(shared.opts.data.get("sd_model_checkpoint") or "")
        return None if info is None else Path(info.filename)

    def load(self, checkpoint: Path, vae: Path | None = None) -> None:
        """Selects a checkpoint in the WebUI and makes it live; the one before stays if that fails.

        Raises:
            HostTakenError: The user pressed Interrupt meanwhile; the checkpoint is loaded all the same.
            HostError: The file is not in the WebUI's list, damaged, cannot be loaded, or a VAE is asked for.
        """
        refuse_vae(vae)
        if not self._queue.is_mine():
            with self.exclusive():
                self.load(checkpoint)
            return
        keys, info = keys_of(checkpoint), self._listed(checkpoint)
        self._undo.close()
        self._model = None
        with announced() as pressed:
            model = self._run(lambda: self._select(info))
            left_off = pressed()
        if not same_file(self._file_of(model), checkpoint):
            raise HostError(
                "The checkpoint cannot be loaded", found=self._file_of(model).name, wanted=checkpoint.name
            )
        self._base, self._keys = checkpoint, keys
        self._drawer.forget_prompts()
        self._hold(model)
        if left_off:  # a loading cannot be ended half-way, what follows it can
            raise HostTakenError(
                "Loading was interrupted in the WebUI", fix="Resume when you want it to go on"
            )

    def load_again(self) -> None:
        """Loads the live model anew from its file: the last way to the user's own weights.

        Raises:
            HostError: The WebUI cannot load it.
        """
        self._ready("Loading the model anew")
        self.let_go()  # what is pinned cannot be loaded
        try:
            model = self._run(self._load_again)
        except Exception as error:
            raise HostError(
                "The model could not be loaded anew",
                found=say("{1}: {2}", type(error).__name__, error),
                fix="Select the checkpoint again in the WebUI",
            ) from error
        self._drawer.forget_prompts()
        self._hold(model)

    def save_folder(self) -> Path:
        """Where the WebUI keeps its checkpoints."""
        from modules import sd_models, shared

        # Forge Neo takes several folders; a merge belongs where it looks first.
        named = (
            getattr(shared.cmd_opts, "ckpt_dir", None),
            *(getattr(shared.cmd_opts, "ckpt_dirs", None) or ()),
        )
        return Path(next(filter(None, named), sd_models.model_path))

    def refresh(self) -> None:
        """Reads the checkpoint folder again. The list is empty for a moment, hence in nobody's middle."""
        from modules import sd_models

        if self._queue.is_mine():
            sd_models.list_models()
            return
        with self._queue.hold():
            sd_models.list_models()

    def _listed(self, checkpoint: Path) -> Any:
        from modules import sd_models

        for attempt in ("as it is", "read again"):
            if attempt == "read again":
                self.refresh()
            for info in sd_models.checkpoints_list.values():
                if same_file(Path(info.filename), checkpoint):
                    return info
        raise HostError(
            "The checkpoint cannot be loaded",
            found=str(checkpoint),
            wanted=say("a file that the WebUI lists, e.g. in {1}", self.save_folder()),
            fix="Move it there",
        )

    # -- the queue ---------------------------------------------------------------------------------------------

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Holds the WebUI's queue; entering it twice in one thread is a HostError."""
        with self._queue.hold():
            self._player.put_back()
            try:
                yield
            finally:
                self.let_go()

    def waiting(self) -> int:
        """How many jobs of the user and of the API wait for the queue now."""
        return self._queue.waiting()

    def _ready(self, action: str) -> Any:
        """The live model, made sure of once per hold of the queue.

        Raises:
            HostTakenError: The user has selected another checkpoint than the one that was loaded last.
            HostError: The queue is not held, or no model can be made live.
        """
        self._queue.require(action)
        if self._model is None:
            self._require_base(self.loaded())
            model = self._run(self._activate)
            self._require_base(self._file_of(model))
            if self._base is None:
                self._base, self._keys = self._file_of(model), keys_of(self._file_of(model))
            self._hold(model)
        return self._model

    def _require_base(self, found: Path | None) -> None:
        if self._base is not None and (found is None or not same_file(found, self._base)):
            raise HostTakenError(
                "Another checkpoint was selected in the WebUI",
                found=say("none") if found is None else found.name,
                wanted=self._base.name,
                fix="Resume to select that one again and go on",
            )

    def _hold(self, model: Any) -> None:
        self._undo.enter_context(self._pin(model))
        self._model = model

    # -- lending a mix to the user -----------------------------------------------------------------------------

    @property
    def playing(self) -> str:
        """Name of the mix that the user's own jobs draw with; empty for their own model."""
        return self._player.playing

    def play(self, name: str, recipe: Recipe, swapper: Swapper) -> None:
        """Lends a mix to the user's own jobs, from the next one on.

        Args:
            name: What it is called in the pictures' infotext.
            recipe: Over a base that the user has to have selected; other selections draw as they are.
            swapper: Its own, with sources that stay open.
        """
        self._player.play(name, recipe, swapper)

    def stop_playing(self) -> None:
        """The user's own jobs draw with their own model again, from the next one on."""
        self._player.stop()

    def job_begins(self, job: Any) -> None:
        """The WebUI begins a job of the user's; it holds the queue in this thread."""
        self._player.begin(job)

    def job_ends(self) -> None:
        """The job is over; it still holds the queue."""
        self._player.put_back()

    @contextmanager
    def lent(self, recipe: Recipe) -> Iterator[None]:
        """Inside, this thread's job counts as our own hold of the queue, with the recipe's base to be live."""
        kept = self._base, self._keys
        with self._queue.lent():
            path = recipe.base.path
            if path is not None and (self._base is None or not same_file(self._base, path)):
                self._base, self._keys = path, keys_of(path)
            try:
                yield
            finally:
                self._base, self._keys = kept

    def still_live(self, recipe: Recipe) -> bool:
        """Whether the model that a mix was lent into is the live one and still comes from the recipe's base."""
        path = recipe.base.path
        return (
            self._model is not None
            and path is not None
            and self._is_live(self._model)
            and same_file(self._file_of(self._model), path)
        )

    def let_go(self) -> None:
        """Undoes what a hold of the queue has set up."""
        self._model = None
        self._undo.close()

    # -- drawing -----------------------------------------------------------------------------------------------

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """Draws a batch of one layout with the WebUI's own samplers.

        Raises:
            HostTakenError: The user pressed Interrupt or Skip, or has selected another checkpoint.
            HostError: The requests are not of one layout, cannot be met or drawn, or ``interrupt`` was called.
        """
        model = self._ready("Drawing")
        if len({request.layout() for request in requests}) != 1:
            raise HostError(
                "A batch must have one layout",
                found=say("{1} requests", len(requests)),
                wanted="at least one request, all with the same size, steps, CFG, sampler and scheduler",
            )
        require_known("sampler", requests[0].sampler, self.samplers())
        require_known("noise schedule", requests[0].scheduler, self.schedulers())
        return self._run(lambda: self._draw(model, requests))

    def _draw(self, model: Any, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """Draws prompts of one length at a time: WebUIs pad shorter ones, and so change their pictures."""
        lengths: dict[tuple[int, int], list[int]] = {}
        for at, request in enumerate(requests):
            length = (self._chunks(model, request.prompt), self._chunks(model, request.negative))
            lengths.setdefault(length, []).append(at)
        drawn: dict[int, Image.Image] = {}
        for places in lengths.values():
            drawn.update(zip(places, self._drawer.draw([requests[at] for at in places]), strict=True))
        return [drawn[at] for at in range(len(requests))]

    def weights_changed(self, keys: Sequence[str]) -> None:
        """Forgets our encoded prompts when a text encoder's tensor is among the keys."""
        model = self._ready("Telling of changed weights")
        places = (place_of(key) for key in keys)
        if any(place is not None and place.component.startswith("text") for place in places):
            self._drawer.forget_prompts()
            self._run(lambda: self._text_changed(model))

    def interrupt(self) -> None:
        """Ends a running ``generate`` at its next step; without one, nothing happens."""
        self._drawer.interrupt()

    def samplers(self) -> Sequence[str]:
        """The WebUI's samplers."""
        from modules import sd_models, sd_samplers

        is_xl = bool(getattr(sd_models.model_data.sd_model, "is_sdxl", False))
        every = sd_samplers.all_samplers
        return tuple(s.name for s in every if not (is_xl and s.options.get("no_sdxl", False)))

    def schedulers(self) -> Sequence[str]:
        """The WebUI's noise schedules, by label and by short name."""
        return schedules()

    # -- figures -----------------------------------------------------------------------------------------------

    def image_defaults(self) -> ImageDefaults:
        """The model's own size; steps, guidance and sampler as the user keeps them for text-to-image."""
        if self._queue.is_mine():
            width, height = self._native_size(self._ready("Reading the model's size"))
        else:
            with self.exclusive():
                width, height = self._native_size(self._ready("Reading the model's size"))
        kept, usual = ui_defaults(), family_of(self._base).drawing
        samplers = self.samplers()
        sampler = next((s for s in (str(kept.get("sampler")), usual.sampler) if s in samplers), samplers[0])
        steps, cfg = int(kept.get("steps", usual.steps)), float(kept.get("cfg", usual.cfg))
        return ImageDefaults(width, height, steps, cfg, sampler)

    def batch_size(self, width: int, height: int) -> int:
        """Pictures per ``generate``: by size on the CPU, by the card's memory on a GPU."""
        positions = max(1, width * height // family_of(self._base).latent.scale ** 2)
        room = _CPU_POSITIONS
        if (device := self._device()).type == "cuda":
            memory = torch.cuda.get_device_properties(device).total_memory
            room = int(memory * _CUDA_SHARE / _CUDA_BYTES_PER_POSITION)
        return max(1, min(MAX_BATCH, room // positions))

    def _device(self) -> torch.device:
        from modules import devices

        return torch.device(devices.device)
