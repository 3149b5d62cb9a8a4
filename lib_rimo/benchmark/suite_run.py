"""Runs a benchmark over checkpoints; whatever was measured before is taken from the cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lib_rimo.benchmark.diversity import likeness
from lib_rimo.benchmark.image_statistics import Floats, statistics
from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.benchmark.scoring import Scoring
from lib_rimo.benchmark.suite import Part, Suite
from lib_rimo.benchmark.suite_cache import Cache, UnitResult
from lib_rimo.benchmark.tagger import Tagger, character_threshold_of

DECIMALS = 6

Draw = Callable[[Sequence[Prompt]], Sequence[Image.Image]]
"""Draws a batch of pictures of one size, steps and CFG."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checkpoint, or a recipe, that is measured.

    Attributes:
        name: In the tables.
        fingerprint: Of its content; equal contents share their results.
        open: Makes it ready to draw, for as long as the context is held. Only called if something is to be drawn.
    """

    name: str
    fingerprint: str
    open: Callable[[], AbstractContextManager[Draw]]


@dataclass(frozen=True, slots=True)
class PartResult:
    """What one candidate scored in one part.

    Attributes:
        scores: One per picture, prompt by prompt.
        statistics: Of each picture, ``(n_images, n_statistics)``.
        likenesses: One per prompt.
    """

    scores: tuple[ImageScore, ...]
    statistics: Floats
    likenesses: tuple[float, ...]


Results = Mapping[str, Mapping[str, PartResult]]
"""Candidate's name -> part's name -> what it scored."""

Progress = Callable[[str, int, int], None]
"""Called with a candidate's name, its pictures so far, and its pictures in all."""


def run_suite(
    candidates: Sequence[Candidate],
    suite: Suite,
    tagger: Tagger,
    folder: Path,
    *,
    batch: int,
    key: Mapping[str, Any],
    progress: Progress = lambda _name, _done, _of: None,
) -> Results:
    """Measures candidates, one after the other.

    Args:
        candidates: Names must differ.
        suite: What is measured.
        tagger: Reads the pictures.
        folder: Where results are kept.
        batch: Pictures drawn together; the last bits of a picture may depend on it.
        key: What else decides about the figures: tagger, host, sampler.
        progress: Called after each unit.

    Raises:
        ValueError: Two candidates have one name.
        RimoError: Something cannot be drawn, read or kept. What was finished before stays.
    """
    if len({candidate.name for candidate in candidates}) != len(candidates):
        raise ValueError("two candidates of one name")
    whole_key = {**key, **suite.to_json(), "batch": batch, "threshold": tagger.threshold}
    if (characters := character_threshold_of(tagger)) is not None:
        whole_key["character_threshold"] = characters
    out: dict[str, dict[str, PartResult]] = {}
    scoring = Scoring(tagger)
    for candidate in candidates:
        cache = Cache(folder, candidate.fingerprint, whole_key)
        _measure(candidate, suite, scoring, cache, batch, progress)
        out[candidate.name] = {
            part.name: _joined([cache.units[part.name, unit] for unit in range(_units(part, batch))])
            for part in suite.parts
        }
    return out


def _measure(
    candidate: Candidate, suite: Suite, scoring: Scoring, cache: Cache, batch: int, progress: Progress
) -> None:
    done = 0
    with ExitStack() as stack:
        draw: Draw | None = None
        for part in suite.parts:
            size = _prompts_per_unit(part, batch)
            for unit in range(_units(part, batch)):
                if (part.name, unit) not in cache.units:
                    if draw is None:
                        draw = stack.enter_context(candidate.open())
                    pictures = part.pictures(unit * size, (unit + 1) * size)
                    cache.add(part.name, unit, _drawn(draw, pictures, part, scoring, batch))
                done += len(cache.units[part.name, unit].scores)
                progress(candidate.name, done, suite.images)


def _drawn(draw: Draw, pictures: Sequence[Prompt], part: Part, scoring: Scoring, batch: int) -> UnitResult:
    drawn: dict[int, Image.Image] = {}
    for places in _batches(pictures, batch):
        drawn.update(zip(places, draw([pictures[place] for place in places]), strict=True))
    images = [drawn[place] for place in range(len(pictures))]
    scored = scoring.score(pictures, images)
    groups = np.split(scored.features, range(part.per_prompt, len(images), part.per_prompt))
    return UnitResult(
        scored.scores,
        tuple(tuple(round(float(x), DECIMALS) for x in statistics(image)) for image in images),
        tuple(round(likeness(group), DECIMALS) for group in groups),
    )


def _batches(pictures: Sequence[Prompt], batch: int) -> list[list[int]]:
    """Places of pictures that can be drawn together."""
    alike: dict[tuple[int, int, int, float], list[int]] = {}
    for place, picture in enumerate(pictures):
        alike.setdefault(_layout(picture), []).append(place)
    return [places[i : i + batch] for places in alike.values() for i in range(0, len(places), batch)]


def _layout(prompt: Prompt) -> tuple[int, int, int, float]:
    return prompt.width, prompt.height, prompt.steps, prompt.cfg


def _prompts_per_unit(part: Part, batch: int) -> int:
    return max(1, batch // part.per_prompt)


def _units(part: Part, batch: int) -> int:
    return math.ceil(len(part.prompts) / _prompts_per_unit(part, batch))


def _joined(units: Sequence[UnitResult]) -> PartResult:
    return PartResult(
        tuple(score for unit in units for score in unit.scores),
        np.array([row for unit in units for row in unit.statistics]),
        tuple(value for unit in units for value in unit.likenesses),
    )
