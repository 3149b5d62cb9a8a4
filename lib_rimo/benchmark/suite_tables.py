"""The tables of a benchmark: accuracy by category and by number of tags, diversity, and the points of the scatter.

Rules, as upstream's: a single tag counts only if some checkpoint hit it at least twice (a tag that no checkpoint can
draw, or that the tagger does not see, tells nothing), and a row of 32 pictures or fewer is left out. The three best of
a row are marked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from lib_rimo.benchmark.accuracy import micro
from lib_rimo.benchmark.diversity import diversity
from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.benchmark.suite import MIXED, SINGLE, Part, Suite
from lib_rimo.benchmark.suite_run import Results
from lib_rimo.said import say

LEAST_HITS = 2
LEAST_IMAGES = 33
MARKED = 3
WHOLE = "all"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Attributes:
        label: A category, or a number of tags.
        cells: One per candidate.
    """

    label: str
    cells: tuple[Interval, ...]

    def ranks(self) -> tuple[int, ...]:
        """Place of each cell, 1 for the best; equals share a place."""
        means = [cell.mean for cell in self.cells]
        return tuple(1 + sum(other > mean for other in means) for mean in means)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with one column per candidate.

    Attributes:
        title: Its heading.
        about: One sentence on what the numbers are.
        columns: Contestants.
        rows: The whole first.
    """

    title: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A candidate in the scatter of accuracy against diversity.

    Attributes:
        name: The candidate.
        accuracy: Over all prompts of many tags.
        diversity: Over the same prompts.
    """

    name: str
    accuracy: Interval
    diversity: Interval


def tables(results: Results, suite: Suite) -> tuple[Table, ...]:
    """All tables of a benchmark that have rows."""
    parts = {part.name: part for part in suite.parts}
    many = [part for name, part in parts.items() if name not in (SINGLE, MIXED)]
    found = []
    if MIXED in parts:
        rows = [Row(WHOLE, _accuracies(results, parts[MIXED]))]
        found.append(("Random prompts", "Share of prompted tags found, one picture per prompt.", rows))
    if SINGLE in parts:
        found.append(
            (
                "Single tags by category",
                "Share of pictures of a single tag on which it was found.",
                _single_rows(results, parts[SINGLE], suite),
            )
        )
    if many:
        rows = [Row(say("{1} tags", part.name), _accuracies(results, part)) for part in many]
        found.append(("Many tags", "Share of prompted tags found, by the number of tags in a prompt.", rows))
    varied = [part for part in many if part.per_prompt > 1]
    if varied:
        rows = [Row(say("{1} tags", part.name), _diversities(results, [part])) for part in varied]
        whole = [Row(WHOLE, _diversities(results, varied))]
        about = (
            "One minus the mean cosine of the tagger's readings of consecutive pictures of a prompt: "
            "0 is one and the same picture."
        )
        found.append(("Diversity", about, whole + rows))
    return tuple(Table(title, about, tuple(results), tuple(rows)) for title, about, rows in found if rows)


def points(results: Results, suite: Suite) -> tuple[Point, ...]:
    """The scatter; empty where no prompt of many tags has several pictures."""
    varied = [p for p in suite.parts if p.name not in (SINGLE, MIXED) and p.per_prompt > 1]
    if not varied:
        return ()
    accuracies, diversities = _all_accuracies(results, varied), _diversities(results, varied)
    return tuple(
        Point(name, accuracy, different)
        for name, accuracy, different in zip(results, accuracies, diversities, strict=True)
    )


def _accuracies(results: Results, part: Part) -> tuple[Interval, ...]:
    return tuple(micro(part.prompts, parts[part.name].scores) for parts in results.values())


def _all_accuracies(results: Results, parts: Sequence[Part]) -> tuple[Interval, ...]:
    """Over several parts, whose prompts are numbered anew."""
    numbered = [(part.name, number, prompt) for part in parts for number, prompt in enumerate(part.prompts)]
    place = {(name, number): at for at, (name, number, _) in enumerate(numbered)}
    prompts = [dataclasses.replace(prompt, id=at) for at, (_, _, prompt) in enumerate(numbered)]
    out = []
    for of in results.values():
        scores = [
            ImageScore(place[part.name, score.prompt_id], score.hits, score.probabilities)
            for part in parts
            for score in of[part.name].scores
        ]
        out.append(micro(prompts, scores))
    return tuple(out)


def _diversities(results: Results, parts: Sequence[Part]) -> tuple[Interval, ...]:
    return tuple(
        diversity(
            [value for part in parts for value in of[part.name].likenesses], sum(p.images for p in parts)
        )
        for of in results.values()
    )


def _single_rows(results: Results, part: Part, suite: Suite) -> list[Row]:
    categories = {prompt.id: suite.catalogue.category_of(prompt.tags[0]) for prompt in part.prompts}
    counting = _counting(results, part)
    wanted: dict[str, list[int]] = {WHOLE: list(counting)}
    for category in suite.catalogue.categories:
        family = category.partition("/")[0]
        for row in dict.fromkeys((family, category)):
            wanted.setdefault(row, [])
    for prompt_id in counting:
        category = categories[prompt_id]
        for row in dict.fromkeys((category.partition("/")[0], category)):
            wanted[row].append(prompt_id)
    return [
        Row(row, _cells(results, part, frozenset(ids)))
        for row, ids in wanted.items()
        if len(ids) * part.per_prompt >= LEAST_IMAGES
    ]


def _counting(results: Results, part: Part) -> list[int]:
    """Prompts whose tag some candidate drew."""
    least = min(LEAST_HITS, part.per_prompt)
    hits: dict[int, int] = {}
    for of in results.values():
        own: dict[int, int] = {}
        for score in of[part.name].scores:
            own[score.prompt_id] = own.get(score.prompt_id, 0) + score.hits[0]
        for prompt_id, count in own.items():
            hits[prompt_id] = max(hits.get(prompt_id, 0), count)
    return [prompt.id for prompt in part.prompts if hits.get(prompt.id, 0) >= least]


def _cells(results: Results, part: Part, ids: frozenset[int]) -> tuple[Interval, ...]:
    return tuple(
        micro(part.prompts, [score for score in of[part.name].scores if score.prompt_id in ids])
        for of in results.values()
    )
