"""Draw the training scenes once and keep them in one uncompressed file."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.toy_family import world

log = logging.getLogger("rimo.toy")

N_TRAIN = 16_000
N_HELD_OUT = 1_000


@dataclass(frozen=True)
class Scenes:
    """Drawn scenes as arrays.

    Attributes:
        images: uint8 RGB, shape ``(n, 64, 64, 3)``.
        tags: index into :data:`world.TAGS` per category or -1, int64,
            shape ``(n, n_categories)``.
        masks: object share per latent cell, float32, shape ``(n, 8, 8)``.
    """

    images: NDArray[np.uint8]
    tags: NDArray[np.int64]
    masks: NDArray[np.float32]

    def labels(self) -> NDArray[np.float32]:
        """Return 0/1 labels, shape ``(n, n_tags)``."""
        out = np.zeros((len(self.tags), len(world.TAGS)), np.float32)
        rows, columns = np.nonzero(self.tags >= 0)
        out[rows, self.tags[rows, columns]] = 1.0
        return out


def draw_many(n: int, seed: int, *, odd_share: float = 0.0) -> Scenes:
    """Draw ``n`` scenes.

    Args:
        n: number of scenes.
        seed: seed of everything in them.
        odd_share: share of scenes without an object and, equally many, with a
            shapeless patch; they teach a tagger not to name what it cannot see.
    """
    rng = np.random.default_rng(seed)
    images = np.empty((n, world.SIZE, world.SIZE, 3), np.uint8)
    tags = np.full((n, len(world.CATEGORIES)), -1, np.int64)
    masks = np.empty((n, 8, 8), np.float32)
    for i in range(n):
        chosen = world.random_tags(rng)
        odd = rng.random()
        shown = dict(chosen)
        if odd < odd_share:
            shown = {k: v for k, v in chosen.items() if k in ("background", "effect")}
        elif odd < 2 * odd_share:
            del shown["object"]
        blob = odd_share <= odd < 2 * odd_share
        scene = world.draw(shown if odd < odd_share else chosen, rng, blob=blob)
        images[i], masks[i] = scene.image, scene.mask
        for k, name in enumerate(world.CATEGORIES):
            if name in shown:
                tags[i, k] = world.TAG_INDEX[shown[name]]
    return Scenes(images, tags, masks)


def stage(out: Path, seed: int) -> None:
    """Draw training and held-out scenes into ``out``."""
    for name, n, offset in (("train", N_TRAIN, 0), ("held_out", N_HELD_OUT, 1)):
        path = out / f"scenes-{name}.npz"
        if path.exists():
            continue
        drawn = draw_many(n, seed * 1000 + offset)
        temporary = path.with_suffix(".tmp.npz")
        np.savez(temporary, images=drawn.images, tags=drawn.tags, masks=drawn.masks)
        temporary.rename(path)
        log.info("%d scenes in %s", n, path)


def load(out: Path, name: str) -> Scenes:
    """Load the scenes that :func:`stage` drew; ``name`` is train or held_out."""
    with np.load(out / f"scenes-{name}.npz") as file:
        return Scenes(file["images"], file["tags"], file["masks"])
