"""A scorer of one's own: the search looks at more than tags; what is reported stays comparable."""

import numpy as np

import lib_rimo
from lib_rimo.benchmark.scorer import Reading
from lib_rimo.benchmark.scoring import SCORERS


class Contrast:
    """How far a picture's light and dark are apart."""

    def __init__(self, tagger):
        """The study's tagger, for scorers that want to see what it sees."""

    def score(self, prompts, images):
        """One reading for each picture, its value in [0, 1]."""
        spreads = [np.asarray(image.convert("L"), dtype=np.float64).std() / 128 for image in images]
        return [Reading(min(1.0, float(spread))) for spread in spreads]


# A package of its own does this by an entry point in the group "rimo.scorers".
SCORERS.register("contrast", Contrast)

family = lib_rimo.demo_family()
found = lib_rimo.mix(
    family.base,
    family.specialists[:2],
    scorers=["tags=1", "contrast=0.5"],
    budget=64,  # see mix_the_tiny_family.py
    unseen=4,
    steps=4,
    checked=0,
)
print(found)
