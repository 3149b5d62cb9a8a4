"""A study's recipes drawn and scored, the user's weights always put back.

While it holds the drawer's queue nobody else generates. It gives the queue away only with the user's own weights in
place, between two image batches, as soon as somebody waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lib_rimo.benchmark.diversity import likeness
from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.benchmark.scoring import Scoring
from lib_rimo.benchmark.suite import Part
from lib_rimo.hosts.drawers.drawer import Drawer, Files
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.study.record import events as ev
from lib_rimo.study.run.image_settings import ImageSettings, request_of

GIVE_WAY_S = 0.015
"""How long the queue stays free for those who wait. Any pause lets exactly one of them in (measured on A1111)."""
LIKENESS_DECIMALS = 6
"""Digits kept of a likeness, as in a benchmark's cache."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scored batch.

    Attributes:
        scores: One per prompt, in order.
        images: The pictures, in order.
        seconds: Wall time of swap, drawing and scoring.
        features: All that the tagger read, ``(n_pictures, n_tags)``.
    """

    scores: tuple[ImageScore, ...]
    images: tuple[Image.Image, ...]
    seconds: float
    features: NDArray[np.float32]


class DrawingSession:
    """Draws recipes one batch after the other. A context manager; on leaving, the user's weights are back.

    Args:
        drawer: Draws; its base is loaded.
        files: The study's.
        scoring: Judges the pictures.
        layout: How every picture is drawn.
    """

    def __init__(self, drawer: Drawer, files: Files, scoring: Scoring, layout: ImageSettings) -> None:
        self._drawer = drawer
        self._files = files
        self._scoring = scoring
        self._layout = layout
        self._queue = ExitStack()
        self._held = False
        self._pause = threading.Event()

    def __enter__(self) -> DrawingSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.put_back()

    def draw(self, recipe: Recipe, prompts: Sequence[Prompt]) -> Drawn:
        """Draws and scores a batch with a recipe's weights live.

        Raises:
            RimoError: It could not be drawn.
        """
        began = time.monotonic()
        images = self.pictures(recipe, prompts)
        scored = self._scoring.score(prompts, images)
        return Drawn(scored.scores, tuple(images), time.monotonic() - began, scored.features)

    def pictures(self, recipe: Recipe, prompts: Sequence[Prompt]) -> list[Image.Image]:
        """Draws a batch without scoring it; pictures of different sizes are drawn one size after the other."""
        if not self._held:
            self._queue.enter_context(self._drawer.exclusive())
            self._held = True
        look = (self._layout.sampler, self._layout.scheduler, self._layout.clip_skip)
        requests = [request_of(prompt, *look) for prompt in prompts]
        alike: dict[Hashable, list[int]] = {}
        for place, request in enumerate(requests):
            alike.setdefault(request.layout(), []).append(place)
        drawn: dict[int, Image.Image] = {}
        for places in alike.values():
            images = self._drawer.draw(recipe, [requests[place] for place in places], self._files)
            drawn.update(zip(places, images, strict=True))
        return [drawn[place] for place in range(len(requests))]

    def give_way(self) -> None:
        """Lets those in who wait for the drawer, with the user's own weights in place."""
        if self._held and self._drawer.waiting():
            self.put_back()
            self._pause.wait(GIVE_WAY_S)

    def put_back(self) -> None:
        """Restores the user's weights and lets the queue go. Does nothing when they are back already."""
        self._held = False
        self._queue.close()


def load_base(drawer: Drawer, base: Path, vae: Path | None) -> None:
    """Makes a checkpoint the live model, to be drawn with a VAE of the user's choice if there is one."""
    if vae is None:
        drawer.load(base)
    else:
        drawer.load(base, vae)


def draw_pairs(
    bench: DrawingSession, recipe: Recipe, prompts: Sequence[Prompt], batch: int
) -> tuple[tuple[float, ...], float, Drawn]:
    """Draws two pictures of each prompt: with its own noise and with another one.

    Args:
        bench: Draws.
        recipe: What it draws with.
        prompts: One step's, of one layout.
        batch: Pictures that the host draws together.

    Returns:
        The likeness of each prompt's pictures, seconds, and what was drawn last.
    """
    pictures = Part("pairs", tuple(prompts), ev.PAIR).pictures(0, len(prompts))
    drawn = [bench.draw(recipe, pictures[i : i + batch]) for i in range(0, len(pictures), batch)]
    read = np.concatenate([d.features for d in drawn])
    pairs = np.split(read, range(ev.PAIR, len(read), ev.PAIR))
    return (
        tuple(round(likeness(pair), LIKENESS_DECIMALS) for pair in pairs),
        sum(d.seconds for d in drawn),
        drawn[-1],
    )
