"""How much of what is asked any checkpoints draw, all on the same prompts and noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.accuracy import by_category, micro, paired_difference
from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.suite import MIXED, Suite, SuiteSettings
from lib_rimo.benchmark.suite_run import Progress, Results
from lib_rimo.errors import CheckpointError
from lib_rimo.library.folders import Folders
from lib_rimo.library.workplace import Workplace, open_workplace
from lib_rimo.study.measure.measurement import Measuring

DEFAULT_IMAGES = 400
"""Prompts per checkpoint; four times as many halve the intervals."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found in the pictures of one checkpoint.

    Attributes:
        name: Of the file; of two with one name also of their folders.
        accuracy: Share of the prompted tags that the tagger found.
        categories: The same by category of tags.
        minus_first: Paired difference to the first checkpoint, on the same prompts.
    """

    name: str
    accuracy: Interval
    categories: Mapping[str, Interval]
    minus_first: Interval


def bench(
    checkpoints: Sequence[str | Path],
    *,
    images: int = DEFAULT_IMAGES,
    tagger: str | Path | None = None,
    catalogue: str | Path | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    config: str | Path | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    **look: object,
) -> tuple[Measured, ...]:
    """Measures checkpoints; blocks until it is done. What was measured before is not drawn again.

    Args:
        checkpoints: Their files.
        images: Random prompts per checkpoint, one picture each.
        tagger: A known one by name, which is downloaded when it is first used, or the folder of any; the tiny family's
            files have their own.
        catalogue: CSV or YAML of tags and categories; the one that comes along if left out.
        seed: Of prompts and noise.
        folder: Holds taggers and measurements; the user's data folder if left out.
        config: Diffusers configuration of the checkpoints; None for the hub's standard one of their family.
        device: Such as ``cuda`` or ``cpu``; None for the best there is.
        progress: Called with a checkpoint's name, its pictures so far, and how many there will be.
        look: How pictures are drawn, by the names of ``rimo bench``: ``width``, ``height``, ``steps``, ``cfg``,
            ``sampler``, ``prefix``, ``negative``, ``threshold``.

    Returns:
        One for each checkpoint, in their order.

    Raises:
        RimoError: A file is missing, or drawer, tagger or catalogue cannot be used.

    Example:
        >>> import lib_rimo
        >>> family = lib_rimo.demo_family()
        >>> first, second = lib_rimo.bench([family.base, family.specialists[0]], images=8, steps=2)
        >>> 0 <= second.accuracy.low <= second.accuracy.mean <= second.accuracy.high <= 1
        True
        >>> second.minus_first.images
        8
    """
    files = [Path(path).expanduser() for path in checkpoints]
    place = open_workplace(
        Folders.of(folder), files=files, config=None if config is None else Path(config), device=device
    )
    try:
        values = {"tagger": tagger, "catalogue": catalogue, **look}
        measuring = open_measuring(place, files, values)
        suite = Suite(
            SuiteSettings(measuring.look, per_tag=0, many=(), mixed=images, seed=seed), measuring.catalogue
        )
        return measured(measuring.run(measuring.checkpoints(files), suite, progress or _silent), suite)
    finally:
        place.studies.close()


def open_measuring(
    place: Workplace, files: Sequence[Path], values: Mapping[str, Any], results: Path | None = None
) -> Measuring:
    """Loads the first file, whose configuration decides what is not given.

    Args:
        place: With the files among its checkpoints.
        files: What will be measured.
        values: Settings of a study that say how pictures are drawn and read, None for what is not given.
        results: Where results are kept; None for the place's own folder.

    Raises:
        RimoError: A file is missing, or drawer, tagger or catalogue cannot be used.
    """
    if not files:
        raise CheckpointError("There is nothing to measure", wanted="one checkpoint or more")
    for path in files:
        if not path.is_file():
            raise CheckpointError("There is no such checkpoint", found=path, fix="Check the path")
    given = {name: value for name, value in values.items() if value is not None}
    settings = place.studies.measure_settings(str(files[0].resolve()), given)
    return Measuring.open(
        settings,
        place.drawer,
        lambda s: place.taggers.open(s.tagger, s.threshold, s.character_threshold),
        results or place.folders.results,
    )


def measured(results: Results, suite: Suite) -> tuple[Measured, ...]:
    """What the random prompts of a benchmark say of each checkpoint, in their order."""
    prompts = next(part.prompts for part in suite.parts if part.name == MIXED)
    scores = {name: parts[MIXED].scores for name, parts in results.items()}
    first = next(iter(scores.values()))
    return tuple(
        Measured(
            name,
            micro(prompts, own),
            by_category(prompts, own, suite.catalogue),
            paired_difference(prompts, own, first),
        )
        for name, own in scores.items()
    )


def _silent(_name: str, _done: int, _of: int) -> None:
    pass
