"""The protocol between the program and whatever draws the images.

Every adapter passes one conformance suite (``tests/hosts/conformance.py``); the rest of the program cannot tell
them apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from PIL import Image

from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.live.weights import LiveWeights
from lib_rimo.merging.mix.recipe import Recipe


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One picture to draw. The same request on the same weights gives the same pixels.

    Attributes:
        prompt: Positive prompt. A backslash escapes ``( ) [ ] |`` and itself, as in the WebUIs' prompts, also in a host
            that reads no emphasis.
        negative: Negative prompt, may be empty.
        seed: Of this picture's noise; pictures of a batch do not influence each other's noise.
        width: Pixels.
        height: Pixels.
        steps: Denoising steps.
        cfg: Classifier-free guidance scale.
        sampler: One of ``Host.samplers()``.
        scheduler: One of ``Host.schedulers()``; "Automatic" is among them.
        clip_skip: 1 reads the text encoder's last layer, 2 the one before; None leaves it to the program that draws.
    """

    prompt: str
    negative: str
    seed: int
    width: int
    height: int
    steps: int
    cfg: float
    sampler: str
    scheduler: str = "Automatic"
    clip_skip: int | None = None

    def layout(self) -> tuple[int, int, int, float, str, str, int | None]:
        """What the pictures of one batch must share."""
        return (
            self.width,
            self.height,
            self.steps,
            self.cfg,
            self.sampler,
            self.scheduler,
            self.clip_skip,
        )


@dataclass(frozen=True, slots=True)
class ImageDefaults:
    """What the loaded model's own configuration asks for.

    Attributes:
        width: Pixels.
        height: Pixels.
        steps: Denoising steps.
        cfg: Guidance scale.
        sampler: Name of the sampler.
        clip_skip: Layers of the text encoder, see ``ImageRequest``; None where nothing asks for it.
    """

    width: int
    height: int
    steps: int
    cfg: float
    sampler: str
    clip_skip: int | None = None


class DrawingProgram(Protocol):
    """What is known of a program that draws, whatever it is asked for. Hosts and drawers are such programs.

    Methods are called from the study's thread unless they say otherwise.
    """

    @property
    def name(self) -> str:
        """Short name for journals and messages, e.g. ``diffusers``."""

    def checkpoints(self) -> Sequence[Path]:
        """Checkpoint files the user can choose from, sorted by name. Any thread."""

    def loaded(self) -> Path | None:
        """The file whose weights the live model should hold now, without waiting for anything. Any thread."""

    def load(self, checkpoint: Path, vae: Path | None = None) -> None:
        """Makes a checkpoint the live model (no-op when it is already).

        Args:
            checkpoint: To draw with.
            vae: Drawn with instead of the checkpoint's own; not given unless the user chose one.

        Raises:
            HostError: The host cannot load it.
        """

    def exclusive(self) -> AbstractContextManager[None]:
        """Holds the host's queue: nobody else generates, loads or changes weights inside. Not re-entrant."""

    def waiting(self) -> int:
        """How many others wait for the queue now; the study lets them in between image batches. Any thread."""

    def interrupt(self) -> None:
        """Asks a running ``generate`` to end early with a HostError. Any thread."""

    def samplers(self) -> Sequence[str]:
        """Names that ``ImageRequest.sampler`` may have. Any thread."""

    def schedulers(self) -> Sequence[str]:
        """Names that ``ImageRequest.scheduler`` may have. Any thread."""

    def image_defaults(self) -> ImageDefaults:
        """Size, steps and guidance that the loaded model's configuration asks for."""

    def batch_size(self, width: int, height: int) -> int:
        """How many pictures of this size one ``generate`` should take for best speed. Constant for a model."""

    def save_folder(self) -> Path:
        """Where merged checkpoints belong."""

    def refresh(self) -> None:
        """Makes newly saved checkpoints appear in the host's lists. Any thread."""


class Host(DrawingProgram, Protocol):
    """What an adapter owes: a model whose weights are written in place."""

    def load_again(self) -> None:
        """Replaces the live weights by those of the model's file, whatever they are now. Only inside ``exclusive``.

        Where that fails, the host draws with no model at all rather than with a mixture, if it can help it.

        Raises:
            HostError: The model cannot be loaded.
        """

    def live(self) -> LiveWeights:
        """The live model's tensors by checkpoint key, looked up afresh. Only inside ``exclusive``."""

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """Draws a batch of one layout, without saving files or running other extensions' scripts.

        Only inside ``exclusive``.

        Args:
            requests: At least one, all with the same ``layout()``.

        Returns:
            One RGB picture per request, in order.

        Raises:
            HostError: Drawing failed, or was interrupted by the user.
        """

    def weights_changed(self, keys: Sequence[str]) -> None:
        """Drops whatever the host caches that depends on these checkpoint keys. Only inside ``exclusive``."""


@runtime_checkable
class PlayingHost(Protocol):
    """A host whose user draws with it by other means, such as a WebUI's own tabs, and can be lent a mix for that."""

    @property
    def playing(self) -> str:
        """Name of the mix that the user's own jobs draw with; empty for their own model. Any thread."""

    def play(self, name: str, recipe: Recipe, swapper: Swapper) -> None:
        """Lends a mix to the user's own jobs, from the next one on. Answers at once. Any thread.

        Args:
            name: What it is called where a picture's parameters are written.
            recipe: What to mix. While the user has another base selected, their jobs draw as they are.
            swapper: One for this purpose alone, with sources that nobody closes while a job may be under way.
        """

    def stop_playing(self) -> None:
        """The user's own model again, from their next job on. Any thread."""
