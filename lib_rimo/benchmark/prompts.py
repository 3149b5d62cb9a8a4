"""Prompt sets: random tags, each prompt with everything that fixes its picture but the weights.

Every draw is a pure function of (seed, what is drawn) through SHA-256, not of a generator's state. So a pool is
the same on every machine and with every version of Python and numpy, and the first prompts of a longer pool are
the shorter pool.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from lib_rimo.benchmark.settings import UPSTREAM_RO, UPSTREAM_THEATER, PromptSettings
from lib_rimo.benchmark.tags import Catalogue, Tag
from lib_rimo.errors import SettingsError

__all__ = ["UPSTREAM_RO", "UPSTREAM_THEATER", "Prompt", "PromptSettings", "draw_prompts"]

_T = TypeVar("_T")

SEED_BITS = 48
"""Width of picture seeds. Wide enough that two pools of thousands of prompts meet in one seed less than once in
a million pairs of pools; narrow enough for the numbers of JSON and JavaScript (53 bits) and for every host."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of a pool. Two recipes that meet it start from the same noise.

    Attributes:
        id: Position in its pool.
        tags: The tags asked for, as the catalogue spells them; a picture is scored on these.
        text: The positive prompt, with the tags escaped as the WebUIs' prompts want it.
        negative: The negative prompt.
        seed: Of the picture's noise.
        width: Pixels.
        height: Pixels.
        steps: Denoising steps.
        cfg: Guidance scale.
    """

    id: int
    tags: tuple[str, ...]
    text: str
    negative: str
    seed: int
    width: int
    height: int
    steps: int
    cfg: float


def draw_prompts(catalogue: Catalogue, settings: PromptSettings, n: int, seed: int) -> tuple[Prompt, ...]:
    """Draws a pool of prompts.

    With ``alike="tags"`` the next tag is always one of those used least so far, in an order shuffled anew for each
    round of use. Without ``one_per_category`` the numbers of uses therefore differ by no more than about one; with it
    they are as even as one tag per category allows. With ``alike="categories"`` the next category is one of those used
    least so far, and its next tag one of those that were used least. Sizes, steps, CFG and negative are drawn evenly
    and independently.

    Args:
        catalogue: The tags to draw from.
        settings: How prompts look.
        n: How many prompts; 1 or more.
        seed: Of the pool. Pools of different seeds share no picture seed.

    Returns:
        ``n`` prompts with ids 0 .. n - 1.

    Raises:
        SettingsError: ``n`` is too small, or the settings ask for more tags than the catalogue has.
    """
    if n < 1:
        raise SettingsError("prompts", "A pool needs prompts", found=n, wanted="1 or more")
    settings.validate(catalogue)
    queue: _TagQueue | _CategoryQueue
    if settings.alike == "categories":
        queue = _CategoryQueue(catalogue, seed, one_per_category=settings.one_per_category)
    else:
        queue = _TagQueue(catalogue.tags, seed, one_per_category=settings.one_per_category)
    taken: set[int] = set()
    return tuple(_prompt(i, queue, settings, seed, taken) for i in range(n))


def _prompt(
    i: int, queue: _TagQueue | _CategoryQueue, settings: PromptSettings, seed: int, taken: set[int]
) -> Prompt:
    count = settings.tags_min + _draw(settings.tags_max - settings.tags_min + 1, seed, "count", i)
    tags = queue.take(count)
    # Least used first would put the tags of large categories first in every prompt, where they weigh more.
    names = tuple(sorted((tag.name for tag in tags), key=lambda name: _hash(seed, "order", i, name)))
    width, height = _size(settings, seed, i)
    return Prompt(
        id=i,
        tags=names,
        text=settings.text(names),
        negative=_pick(settings.negatives, seed, "negative", i),
        seed=_picture_seed(seed, i, taken),
        width=width,
        height=height,
        steps=_pick(settings.steps, seed, "steps", i),
        cfg=_pick(settings.cfgs, seed, "cfg", i),
    )


def _size(settings: PromptSettings, seed: int, i: int) -> tuple[int, int]:
    if settings.sizes:
        return _pick(settings.sizes, seed, "size", i)
    return _pick(settings.widths, seed, "width", i), _pick(settings.heights, seed, "height", i)


class _TagQueue:
    """Tags in the order of (times used, a shuffle of its own for each number of times)."""

    def __init__(self, tags: Sequence[Tag], seed: int, *, one_per_category: bool) -> None:
        self._seed = seed
        self._one_per_category = one_per_category
        self._heap = [self._entry(tag, 0) for tag in tags]
        heapq.heapify(self._heap)

    def _entry(self, tag: Tag, used: int) -> tuple[int, int, str, Tag]:
        # The name breaks ties of the hash, so that tags themselves are never compared.
        return (used, _hash(self._seed, "tag", used, tag.name), tag.name, tag)

    def take(self, count: int) -> list[Tag]:
        """The next tags for one prompt, none twice; validated settings make sure that there are enough."""
        chosen: list[Tag] = []
        back = []
        categories: set[str] = set()
        while len(chosen) < count:
            entry = heapq.heappop(self._heap)
            used, _, _, tag = entry
            if self._one_per_category and tag.category in categories:
                back.append(entry)
                continue
            chosen.append(tag)
            categories.add(tag.category)
            back.append(self._entry(tag, used + 1))
        for entry in back:
            heapq.heappush(self._heap, entry)
        return chosen


class _CategoryQueue:
    """Categories in the order of (times used, a shuffle of its own for each number of times); so are tags in each."""

    def __init__(self, catalogue: Catalogue, seed: int, *, one_per_category: bool) -> None:
        self._seed = seed
        self._one_per_category = one_per_category
        self._tags = {
            category: _TagQueue(
                [t for t in catalogue if t.category == category], seed, one_per_category=False
            )
            for category in catalogue.categories
        }
        self._sizes = {category: sum(t.category == category for t in catalogue) for category in self._tags}
        self._heap = [self._entry(category, 0) for category in self._tags]
        heapq.heapify(self._heap)

    def _entry(self, category: str, used: int) -> tuple[int, int, str]:
        return (used, _hash(self._seed, "category", used, category), category)

    def take(self, count: int) -> list[Tag]:
        """The next tags for one prompt, none twice; validated settings make sure that there are enough."""
        wanted: dict[str, int] = {}
        full = []
        while sum(wanted.values()) < count:
            used, shuffled, category = heapq.heappop(self._heap)
            if wanted.get(category, 0) == (1 if self._one_per_category else self._sizes[category]):
                full.append((used, shuffled, category))
                continue
            wanted[category] = wanted.get(category, 0) + 1
            heapq.heappush(self._heap, self._entry(category, used + 1))
        for entry in full:
            heapq.heappush(self._heap, entry)
        return [tag for category, many in wanted.items() for tag in self._tags[category].take(many)]


def _picture_seed(seed: int, i: int, taken: set[int]) -> int:
    """A seed that no earlier prompt of the pool has."""
    attempt = 0
    while (value := _hash(seed, "picture", i, attempt) >> (256 - SEED_BITS)) in taken:
        attempt += 1
    taken.add(value)
    return value


def _hash(seed: int, what: str, *path: int | str) -> int:
    """A number of 256 bits. ``repr`` of a tuple keeps the parts apart whatever they contain."""
    return int.from_bytes(hashlib.sha256(repr((int(seed), what, *path)).encode()).digest(), "big")


def _draw(below: int, seed: int, what: str, i: int) -> int:
    """An even draw of 0 .. below - 1; the bias of the remainder is under 2**-200."""
    return _hash(seed, what, i) % below


def _pick(values: Sequence[_T], seed: int, what: str, i: int) -> _T:
    return values[_draw(len(values), seed, what, i)]
