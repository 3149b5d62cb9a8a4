"""The scorer ``tags``: which of a prompt's tags a tagger finds in its picture."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from PIL import Image

from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.scorer import Reading
from lib_rimo.benchmark.tagger import Tagger, thresholds_of
from lib_rimo.benchmark.tags import tag_key, with_suggestions
from lib_rimo.errors import CatalogueError

DECIMALS = 5
"""Digits kept of a probability: far below a tagger's noise, and the journal stays small."""


class TagAccuracy:
    """A tag is hit when its probability reaches the tagger's threshold for it; the value is the tags' mean probability.

    The probability itself, without a transform: it moves where hit or miss cannot yet, and ranked recipes closer to
    their true accuracy than hit or miss did on equally many pictures (rank correlation .76 against .71 on 33 merges of
    the tiny family's prototype). A logit would let a tag that is hopelessly absent outweigh the others.

    Args:
        tagger: Reads the pictures.
    """

    def __init__(self, tagger: Tagger) -> None:
        self._tagger = tagger

    def score(self, prompts: Sequence[Prompt], images: Sequence[Image.Image]) -> list[Reading]:
        """See ``Scorer``. The features are the probabilities of all tags that the tagger knows.

        Raises:
            CatalogueError: A prompt asks for a tag that the tagger does not know.
            TaggerError: The tagger failed.
        """
        wanted = self._wanted(prompts)
        limits = thresholds_of(self._tagger)
        readings = []
        for columns, line in zip(wanted, self._tagger.probabilities(images), strict=True):
            found = [float(line[column]) for column in columns]
            kept = tuple(round(p, DECIMALS) for p in found)
            hits = tuple(bool(p >= limits[column]) for p, column in zip(found, columns, strict=True))
            readings.append(Reading(sum(kept) / len(kept), hits, kept, line))
        return readings

    def _wanted(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """The tagger's columns of each prompt's tags."""
        columns = _columns(self._tagger.tags)
        wanted = [[columns.get(tag_key(tag), -1) for tag in prompt.tags] for prompt in prompts]
        missing = {
            t
            for p, row in zip(prompts, wanted, strict=True)
            for t, c in zip(p.tags, row, strict=True)
            if c < 0
        }
        if missing:
            raise CatalogueError(
                f"The tagger {self._tagger.name} does not know a prompted tag",
                found=with_suggestions(sorted(missing), self._tagger.tags),
                fix="Check the catalogue against the tagger before drawing prompts",
            )
        return wanted


@functools.lru_cache(maxsize=4)
def _columns(tags: tuple[str, ...]) -> dict[str, int]:
    """Tag key -> column. A name that comes twice means its first column."""
    columns: dict[str, int] = {}
    for column, tag in enumerate(tags):
        columns.setdefault(tag_key(tag), column)
    return columns
