"""How different the pictures of one prompt are.

    diversity = 1 - mean cosine of the features of consecutive pictures of a prompt

Source: upstream's benchmark, which takes CLIP ViT-B/32 for the features. Here they are the tagger's probabilities, so
that no further model is needed: figures compare checkpoints with each other, not with upstream's published ones.
A checkpoint that draws one and the same picture for a prompt has 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lib_rimo.benchmark.interval import LEVEL, Interval, quotient_interval


def likeness(features: NDArray[np.float32]) -> float:
    """Mean cosine of consecutive pictures; 1 where there is only one.

    Args:
        features: Of the pictures of one prompt in the order of their seeds, ``(n_images, n_features)``, not negative.
    """
    rows = np.asarray(features, dtype=np.float64)
    if len(rows) < 2:
        return 1.0
    lengths = np.maximum(np.linalg.norm(rows, axis=1), 1e-12)
    cosines = (rows[:-1] * rows[1:]).sum(axis=1) / (lengths[:-1] * lengths[1:])
    return float(cosines.mean())


def diversity(likenesses: list[float], images: int, *, level: float = LEVEL) -> Interval:
    """One minus the mean likeness of prompts, with its interval.

    Args:
        likenesses: One per prompt.
        images: Pictures behind them.
        level: Coverage of the interval.

    Raises:
        ValueError: There is none.
    """
    if not likenesses:
        raise ValueError("no prompts")
    different = 1.0 - np.array(likenesses, dtype=np.float64)
    mean, low, high = quotient_interval(different, np.ones_like(different), level)
    return Interval(mean, max(0.0, low), min(1.0, high), images, len(likenesses), level)
