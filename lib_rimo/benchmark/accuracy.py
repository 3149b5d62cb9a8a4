"""Accuracy over many pictures: micro, macro, by category, and differences of two models on the same prompts.

Pictures of one prompt are one cluster; how the intervals are made and how well they cover stands in ``interval``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from lib_rimo.benchmark.interval import (
    LEVEL,
    Floats,
    Interval,
    difference_interval,
    quotient_interval,
    share_interval,
)
from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.benchmark.tags import Catalogue

if TYPE_CHECKING:
    import pandas as pd

WHOLE = "all"
"""Name of the table's row over all categories."""


def micro(prompts: Sequence[Prompt], scores: Sequence[ImageScore], *, level: float = LEVEL) -> Interval:
    """Share of all prompted tags that were found; a prompt with more tags weighs more.

    Args:
        prompts: The pool, or the part of it that was drawn.
        scores: One or more per prompt, in any order; prompts without a score do not count.
        level: Coverage of the interval.

    Raises:
        ValueError: There is no score, or one that belongs to none of the prompts.
    """
    return _share(_clusters(prompts, scores, _tags_hit), scores, level)


def macro(prompts: Sequence[Prompt], scores: Sequence[ImageScore], *, level: float = LEVEL) -> Interval:
    """Mean over pictures of each one's share of found tags; every picture weighs the same.

    Args, Raises: As ``micro``.
    """
    return _share(_clusters(prompts, scores, _own_share), scores, level)


def mean_value(
    prompts: Sequence[Prompt], scores: Sequence[ImageScore], scorer: str, *, level: float = LEVEL
) -> Interval:
    """Mean over pictures of what a scorer beside ``tags`` gave. Args, Raises: As ``micro``."""
    return _share(_clusters(prompts, scores, _value_of(scorer)), scores, level)


def by_category(
    prompts: Sequence[Prompt], scores: Sequence[ImageScore], catalogue: Catalogue, *, level: float = LEVEL
) -> dict[str, Interval]:
    """Micro accuracy within each category, in the catalogue's order; categories never prompted are left out.

    Raises:
        CatalogueError: A prompt has a tag that the catalogue does not know.
        ValueError: As ``micro``.
    """
    out = {}
    for category, columns in _by_category(prompts, catalogue).items():
        chosen = [score for score in scores if score.prompt_id in columns]
        if chosen:
            clusters = _clusters(prompts, chosen, _hits_of(columns))
            tags = sum(len(columns[score.prompt_id]) for score in chosen)
            mean, low, high = share_interval(*_sums(clusters), level)
            out[category] = Interval(mean, low, high, len(chosen), tags, level)
    return out


def paired_difference(
    prompts: Sequence[Prompt],
    a: Sequence[ImageScore],
    b: Sequence[ImageScore],
    *,
    metric: Literal["micro", "macro"] = "micro",
    scorer: str | None = None,
    level: float = LEVEL,
) -> Interval:
    """Accuracy of ``a`` minus accuracy of ``b``, drawn for the same prompts with the same noise.

    Args:
        prompts: The pool, or the part of it that was drawn.
        a: Scores, as many per prompt as ``b`` has.
        b: Scores.
        metric: How tags are averaged.
        scorer: One beside ``tags``, whose values are compared instead.
        level: Coverage of the interval.

    Returns:
        The difference; exactly 0 with an interval of no width if the two are the same pictures.

    Raises:
        ValueError: The two do not have the same prompts, or as ``micro``.
    """
    measure = _value_of(scorer) if scorer else _tags_hit if metric == "micro" else _own_share
    of_a, of_b = _clusters(prompts, a, measure), _clusters(prompts, b, measure)
    if {i: asked for i, (_, asked) in of_a.items()} != {i: asked for i, (_, asked) in of_b.items()}:
        raise ValueError("the two sides of a paired difference have different prompts")
    images, tags = len(a), sum(len(score.hits) for score in a)
    if sorted(map(_content, a)) == sorted(map(_content, b)):
        return Interval(0.0, 0.0, 0.0, images, tags, level)
    gained = np.array([of_a[i][0] - of_b[i][0] for i in of_a])
    asked = np.array([asked for _, asked in of_a.values()])
    mean, low, high = difference_interval(gained, asked, level)
    return Interval(mean, low, high, images, tags, level)


def table(
    prompts: Sequence[Prompt],
    merged: Sequence[ImageScore],
    base: Sequence[ImageScore],
    partners: Mapping[str, Sequence[ImageScore]],
    catalogue: Catalogue,
    *,
    level: float = LEVEL,
) -> pd.DataFrame:
    """The accuracy table: one row per category, the whole first.

    Args:
        prompts: The pool that all were drawn for.
        merged: Scores of the merged model.
        base: Scores of the base.
        partners: Scores of each partner by name.
        catalogue: Tells a tag's category.
        level: Coverage of the intervals.

    Returns:
        A frame indexed by ``category`` with ``merged``, ``base`` and ``parents`` (mean over base and partners), ends
        of intervals as ``_low`` and ``_high``, ``deviation_percent`` = 100 * (merged - parents) / parents with its
        interval, and ``images`` and ``tags`` behind the merged model's figure. A deviation from nothing is NaN.
    """
    import pandas as pd  # heavy, and only this function needs it

    parents = [base, *partners.values()]
    groups = {WHOLE: {prompt.id: tuple(range(len(prompt.tags))) for prompt in prompts}}
    groups.update(_by_category(prompts, catalogue))
    rows = []
    for category, columns in groups.items():
        measure = _hits_of(columns)

        def sums(
            scores: Sequence[ImageScore],
            columns: Mapping[int, tuple[int, ...]] = columns,
            measure: _Measure = measure,
        ) -> tuple[Floats, Floats]:
            chosen = [score for score in scores if score.prompt_id in columns]
            return _sums(_clusters(prompts, chosen, measure)) if chosen else (np.zeros(0), np.zeros(0))

        found, asked = sums(merged)
        if not len(found):
            continue
        of_base, of_parents = sums(base), [sums(scores) for scores in parents]
        if any(not np.array_equal(asked, other) for _, other in of_parents):
            raise ValueError("the models of a table were drawn for different prompts")
        mean_found = np.mean([other for other, _ in of_parents], axis=0)
        row: dict[str, object] = {"category": category}
        row.update(_named("merged", share_interval(found, asked, level)))
        row.update(_named("base", share_interval(*of_base, level)))
        row.update(_named("parents", share_interval(mean_found, asked, level)))
        deviation = quotient_interval(found, mean_found, level)
        row.update(_named("deviation_percent", [100.0 * (end - 1.0) for end in deviation]))
        row["images"] = sum(score.prompt_id in columns for score in merged)
        row["tags"] = int(asked.sum())
        rows.append(row)
    frame: pd.DataFrame = pd.DataFrame(rows).set_index("category")
    return frame


_Measure = Callable[[ImageScore], tuple[float, float]]


def _tags_hit(score: ImageScore) -> tuple[float, float]:
    return float(sum(score.hits)), float(len(score.hits))


def _own_share(score: ImageScore) -> tuple[float, float]:
    return score.accuracy, 1.0


def _value_of(scorer: str) -> _Measure:
    return lambda score: (score.values[scorer], 1.0)


def _hits_of(columns: Mapping[int, tuple[int, ...]]) -> _Measure:
    """Counts only some of a prompt's tags: prompt id -> their positions."""

    def measure(score: ImageScore) -> tuple[float, float]:
        chosen = columns[score.prompt_id]
        return float(sum(score.hits[c] for c in chosen)), float(len(chosen))

    return measure


def _by_category(prompts: Iterable[Prompt], catalogue: Catalogue) -> dict[str, dict[int, tuple[int, ...]]]:
    """Category -> prompt id -> positions of that category's tags in the prompt."""
    out: dict[str, dict[int, tuple[int, ...]]] = {category: {} for category in catalogue.categories}
    for prompt in prompts:
        for position, tag in enumerate(prompt.tags):
            columns = out[catalogue.category_of(tag)]
            columns[prompt.id] = (*columns.get(prompt.id, ()), position)
    return out


def _clusters(
    prompts: Iterable[Prompt], scores: Sequence[ImageScore], measure: _Measure
) -> dict[int, tuple[float, float]]:
    """Prompt id -> (found, asked), summed over its pictures; in the order of the ids."""
    if not scores:
        raise ValueError("no scores")
    tags = {prompt.id: len(prompt.tags) for prompt in prompts}
    out: dict[int, tuple[float, float]] = {}
    for score in scores:
        if tags.get(score.prompt_id) != len(score.hits):
            raise ValueError(f"the score of prompt {score.prompt_id} belongs to none of the prompts")
        found, asked = measure(score)
        before = out.get(score.prompt_id, (0.0, 0.0))
        out[score.prompt_id] = (before[0] + found, before[1] + asked)
    return dict(sorted(out.items()))


def _sums(clusters: Mapping[int, tuple[float, float]]) -> tuple[Floats, Floats]:
    found, asked = np.array(list(clusters.values()), dtype=np.float64).T
    return found, asked


def _share(
    clusters: Mapping[int, tuple[float, float]], scores: Sequence[ImageScore], level: float
) -> Interval:
    mean, low, high = share_interval(*_sums(clusters), level)
    return Interval(mean, low, high, len(scores), sum(len(score.hits) for score in scores), level)


def _named(name: str, ends: Sequence[float]) -> dict[str, float]:
    mean, low, high = ends
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _content(score: ImageScore) -> tuple[object, ...]:
    return score.prompt_id, score.probabilities, score.hits, sorted(score.values.items())
