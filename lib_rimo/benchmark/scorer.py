"""The protocol of what judges pictures: a number in [0, 1] for each, and tag by tag where it looks for tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.tagger import Tagger

TAGS = "tags"
"""Name of the scorer whose hits are the accuracy: how well a tagger finds the prompted tags."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a scorer makes of one picture.

    Attributes:
        value: In [0, 1]; higher is better. What a search that asks for this scorer looks at.
        hits: Whether each of the prompt's tags was found, in the order of ``Prompt.tags``; empty of a scorer that does
            not look for tags.
        probabilities: Of each of these tags, in the same order.
        features: All that was read of the picture, ``(n_features,)``, by which pictures of one prompt are compared.
    """

    value: float
    hits: tuple[bool, ...] = ()
    probabilities: tuple[float, ...] = ()
    features: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


class Scorer(Protocol):
    """Judges pictures. Equal pictures of equal prompts get equal readings, whatever stands beside them."""

    def score(self, prompts: Sequence[Prompt], images: Sequence[Image.Image]) -> Sequence[Reading]:
        """Judges a batch.

        Args:
            prompts: One per picture; a prompt may come several times.
            images: The pictures, RGB, in the same order.

        Returns:
            One reading per picture, in order.
        """
        ...


ScorerMaker = Callable[[Tagger], Scorer]
"""What a scorer is registered as, its class as a rule: made once per study, with the study's tagger."""
