"""A batch of image requests through the WebUI's own text-to-image, leaving nothing of itself behind.

Nothing is saved, no script of another extension runs, ``params.txt`` stays the user's, and so do the prompts that
the WebUI keeps encoded: a batch of ours has caches of its own.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from PIL import Image

from lib_rimo.errors import HostError, HostTakenError
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.hosts.prompt_text import plain
from lib_rimo.said import say

CLIP_SKIP = "CLIP_stop_at_last_layers"
"""How the WebUIs call that option; a job has it for itself, and the user's own comes back."""
JOB = "Random mix"
"""What the WebUI's progress shows while a batch is drawn."""


class NotNumbersError(Exception):
    """The model computed NaN or infinity."""


class Drawer:
    """Draws batches and can be told to leave off."""

    def __init__(self) -> None:
        self._prompts: dict[str, list[Any]] = {}
        self._guard = threading.Lock()  # of the two below
        self._drawing = False
        self._asked = False

    def forget_prompts(self) -> None:
        """Drops the encoded prompts of earlier batches; the user's own are never touched."""
        self._prompts.clear()

    def interrupt(self) -> None:
        """Ends a running ``draw`` at its next step; without one, nothing happens."""
        from modules import shared

        with self._guard:
            if self._drawing:
                self._asked = True
                shared.state.interrupt()

    def draw(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """Draws requests of one layout in one batch.

        Raises:
            HostTakenError: The user pressed Interrupt or Skip.
            HostError: ``interrupt`` was called, or the WebUI could not draw.
        """
        with announced() as pressed:
            with self._guard:
                self._drawing, self._asked = True, False
            try:
                with _unnoticed():
                    images = self._process(requests)
                left_off = pressed()
            except HostError:
                raise
            except Exception as error:
                raise _explained(error) from error
            finally:
                with self._guard:
                    self._drawing = False
        if left_off and self._asked:
            raise HostError("Drawing was interrupted", fix="Resume when you want it to go on")
        if left_off:
            raise HostTakenError(
                "Drawing was interrupted in the WebUI", fix="Resume when you want it to go on"
            )
        return _checked(images, requests)

    def _process(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        from modules import processing

        first, caches = requests[0], self._prompts

        class Job(processing.StableDiffusionProcessingTxt2Img):  # type: ignore[misc]
            """A text-to-image job that keeps its encoded prompts to itself and looks at its numbers."""

            def __post_init__(self) -> None:
                super().__post_init__()
                for name in ("cached_c", "cached_uc", "cached_hr_c", "cached_hr_uc"):
                    own = getattr(self, name)
                    setattr(self, name, caches.setdefault(name, [None] * len(own)))

            def clear_prompt_cache(self) -> None:
                """Forge calls this before a job; the lists of the class are the user's."""
                for own in caches.values():
                    own[:] = [None] * len(own)

            def sample(self, *args: object, **kwargs: object) -> object:
                samples = super().sample(*args, **kwargs)
                if not all(bool(torch.isfinite(sample).all()) for sample in samples):
                    raise NotNumbersError
                return samples

        seeds = [request.seed for request in requests]
        job = Job(
            prompt=[_read_here(request.prompt) for request in requests],
            negative_prompt=[_read_here(request.negative) for request in requests],
            seed=seeds,
            subseed=list(seeds),
            batch_size=len(requests),
            n_iter=1,
            steps=first.steps,
            width=first.width,
            height=first.height,
            cfg_scale=first.cfg,
            sampler_name=first.sampler,
            scheduler=first.scheduler,
            do_not_save_samples=True,
            do_not_save_grid=True,
            restore_faces=False,
            tiling=False,
            override_settings={} if first.clip_skip is None else {CLIP_SKIP: first.clip_skip},
        )
        job.scripts = None
        with contextlib.closing(job):
            return list(processing.process_images(job).images)


def _read_here(prompt: str) -> str:
    """A prompt as the WebUI reads it: with the emphasis switched off, a backslash would be drawn too."""
    from modules import shared

    options = getattr(getattr(shared, "opts", None), "data", None) or {}
    return plain(prompt) if options.get("emphasis") == "None" else prompt


@contextmanager
def announced() -> Iterator[Callable[[], bool]]:
    """Counts as one of the WebUI's jobs inside; what it gives tells whether the user pressed Interrupt or Skip."""
    from modules import shared

    state = shared.state
    state.begin(job=JOB)  # also clears an interrupt that was meant for somebody else
    try:
        yield lambda: bool(state.interrupted or state.skipped or state.stopping_generation)
    finally:
        state.interrupted = state.skipped = state.stopping_generation = False
        state.end()


@contextmanager
def _unnoticed() -> Iterator[None]:
    """No entry in the user's prompt history, no bars on their console, no previews of pictures that are not theirs."""
    from modules import shared

    options = shared.cmd_opts
    flags = ("no_prompt_history", "disable_console_progressbars")
    before = {flag: getattr(options, flag, False) for flag in flags}
    parallel = shared.parallel_processing_allowed
    try:
        for flag in flags:
            setattr(options, flag, True)
        # A preview is made in one of two places: by the sampler itself where this is off, else by the page's request
        # for progress, through the method below.
        shared.parallel_processing_allowed = True
        shared.state.do_set_current_image = lambda: None
        shared.state.interrupt = partial(_interrupt, shared.state)
        yield
    finally:
        for name in ("do_set_current_image", "interrupt"):
            vars(shared.state).pop(name, None)
        shared.parallel_processing_allowed = parallel
        for flag, value in before.items():
            setattr(options, flag, value)


def _interrupt(state: Any) -> None:
    """The WebUI's own way to interrupt, but for "Reload UI", which does it too and means nobody's picture."""
    frame = inspect.currentframe()
    caller = None if frame is None else frame.f_back
    if caller is None or caller.f_code.co_name != "request_restart":
        type(state).interrupt(state)


def _checked(images: list[Image.Image], requests: Sequence[ImageRequest]) -> list[Image.Image]:
    if len(images) != len(requests):
        raise HostError(
            "The WebUI drew another number of pictures than it was asked for",
            found=len(images),
            wanted=len(requests),
        )
    pictures = [image.convert("RGB") for image in images]
    # Without its own check the WebUI turns what is not a number into 0 in every channel of every pixel; the box
    # around everything else is then None.
    if any(picture.getbbox() is None for picture in pictures):
        raise _explained(NotNumbersError())
    return pictures


def _explained(error: Exception) -> HostError:
    if isinstance(error, NotNumbersError) or type(error).__name__ == "NansException":
        return HostError(
            "The model computed values that are not numbers",
            found=say("NaN or infinity in a picture"),
            fix="Leave out damaged checkpoints, or start the WebUI with --no-half",
        )
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return HostError(
            "The graphics card's memory ran out", found=str(error), fix="Choose smaller pictures and resume"
        )
    return HostError(
        "The WebUI could not draw the pictures", found=say("{1}: {2}", type(error).__name__, error)
    )
