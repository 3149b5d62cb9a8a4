"""Everything that pictures are judged by: the scorers by name, and several of them over one batch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.benchmark.scorer import TAGS, Reading, Scorer, ScorerMaker
from lib_rimo.benchmark.tag_accuracy import DECIMALS, TagAccuracy
from lib_rimo.benchmark.tagger import Tagger
from lib_rimo.errors import RimoError, ScorerError
from lib_rimo.registry import Registry
from lib_rimo.said import say


def _check(name: str, member: Any) -> ScorerMaker:
    if not callable(member) or (isinstance(member, type) and not callable(getattr(member, "score", None))):
        raise TypeError(f"{member!r} is no class with a method score")
    if not name.strip() or "=" in name:
        raise TypeError(f"{name!r} is no name that can be given a weight")
    return cast("ScorerMaker", member)


SCORERS: Registry[ScorerMaker] = Registry("rimo.scorers", "scorer", _check, {TAGS: TagAccuracy})
"""Scorers by name. A package adds its own by an entry point in ``rimo.scorers``."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A batch that was judged.

    Attributes:
        scores: One per picture, in order.
        features: What the tagger read of each, ``(n_pictures, n_tags)``.
    """

    scores: tuple[ImageScore, ...]
    features: NDArray[np.float32]


class Scoring:
    """Judges pictures by their tags, and by further scorers.

    Args:
        tagger: Reads the pictures.
        names: Further scorers.

    Raises:
        PluginError: There is no such scorer.
        ScorerError: One of them cannot be made.
    """

    def __init__(self, tagger: Tagger, names: Iterable[str] = ()) -> None:
        self.tagger = tagger
        self._scorers: dict[str, Scorer] = {}
        for name in (TAGS, *(name for name in names if name != TAGS)):
            maker = SCORERS[name]
            try:
                self._scorers[name] = maker(tagger)
            except RimoError:
                raise
            except Exception as error:  # foreign code
                raise _failed(name, error) from error

    def score(self, prompts: Sequence[Prompt], images: Sequence[Image.Image]) -> Scored:
        """Judges a batch.

        Args:
            prompts: One per picture; a prompt may come several times.
            images: The pictures, in the same order.

        Raises:
            CatalogueError: A prompt asks for a tag that the tagger does not know.
            TaggerError: The tagger failed.
            ScorerError: A scorer failed, or gave something that is no reading.
        """
        if len(prompts) != len(images):
            raise ValueError(f"{len(prompts)} prompts and {len(images)} images")
        if not prompts:
            return Scored((), np.empty((0, len(self.tagger.tags)), np.float32))
        readings = {name: _read(name, scorer, prompts, images) for name, scorer in self._scorers.items()}
        tags = readings.pop(TAGS)
        scores = tuple(
            ImageScore(prompt.id, own.hits, own.probabilities, _values(readings, number))
            for number, (prompt, own) in enumerate(zip(prompts, tags, strict=True))
        )
        return Scored(scores, np.stack([own.features for own in tags if own.features is not None]))


def score_images(
    prompts: Sequence[Prompt], images: Sequence[Image.Image], tagger: Tagger
) -> list[ImageScore]:
    """Scores pictures on the tags of their prompts.

    Args:
        prompts: One per picture; a prompt may come several times.
        images: The pictures, in the same order.
        tagger: Reads them.

    Returns:
        One score per picture, in order. A tag is hit when its probability reaches the tagger's threshold.

    Raises:
        CatalogueError: A prompt asks for a tag that the tagger does not know.
        TaggerError: The tagger failed.
    """
    return list(Scoring(tagger).score(prompts, images).scores)


def _values(readings: Mapping[str, Sequence[Reading]], number: int) -> dict[str, float]:
    return {name: round(float(of[number].value), DECIMALS) for name, of in readings.items()}


def _read(
    name: str, scorer: Scorer, prompts: Sequence[Prompt], images: Sequence[Image.Image]
) -> Sequence[Reading]:
    try:
        readings = scorer.score(prompts, images)
        values = [float(reading.value) for reading in readings]
    except RimoError:
        raise
    except Exception as error:  # foreign code
        raise _failed(name, error) from error
    if len(values) != len(images):
        raise ScorerError(
            say("The scorer {1} lost count", name),
            found=say("{1} readings", len(values)),
            wanted=say("{1}, one per image", len(images)),
        )
    if bad := [value for value in values if not (math.isfinite(value) and 0.0 <= value <= 1.0)]:
        raise ScorerError(
            say("The scorer {1} gave a value out of range", name), found=bad[0], wanted="0 to 1"
        )
    return readings


def _failed(name: str, error: Exception) -> ScorerError:
    return ScorerError(
        say("The scorer {1} failed", name),
        found=say("{1}: {2}", type(error).__name__, error),
        fix=say("Update {1}, or leave the scorer out", SCORERS.maker(name)),
    )
