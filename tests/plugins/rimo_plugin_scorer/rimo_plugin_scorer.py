"""A scorer made outside of the program: how much of a picture is not flat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from lib_rimo.benchmark import Prompt, Reading, Tagger

STEP = 8
"""Levels of 255 by which a pixel has to differ from the one beside it."""


class Texture:
    """The share of pixels that differ from their right neighbour. It needs neither prompt nor tagger."""

    def __init__(self, tagger: Tagger) -> None:
        pass

    def score(self, prompts: Sequence[Prompt], images: Sequence[Image.Image]) -> list[Reading]:
        """One value per picture."""
        grey = [np.asarray(image.convert("L"), np.int16) for image in images]
        return [Reading(float((np.abs(np.diff(levels, axis=1)) >= STEP).mean())) for levels in grey]
