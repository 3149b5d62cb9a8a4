"""Tag by tag, what the winner draws that the base did not, and what it lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lib_rimo.benchmark.catalogue import Catalogue
from lib_rimo.benchmark.interval import LEVEL, Interval, difference_interval
from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.study.record.results import TagRow


def tag_gains(
    prompts: Sequence[Prompt],
    merged: Sequence[ImageScore],
    base: Sequence[ImageScore],
    catalogue: Catalogue,
) -> tuple[TagRow, ...]:
    """Compares winner and base on every prompted tag, prompt by prompt.

    Hundreds of tags are looked at, each in a few pictures, so some differ by chance alone. Rows are therefore sorted
    by the end of their 95 % interval that is nearer to zero, not by the difference itself, and ``TagRow.sure``
    asks for an interval that is right for all tags at once: level ``1 - 0.05 / n_tags`` (Bonferroni).

    Args:
        prompts: The unseen prompts.
        merged: The winner's scores, one per prompt.
        base: The base's.
        catalogue: Tells a tag's category.

    Returns:
        One row per tag that was asked for, the surest gain first and the surest loss last.
    """
    tags = {prompt.id: prompt.tags for prompt in prompts}
    before = {score.prompt_id: score.hits for score in base}
    pairs: dict[str, list[tuple[bool, bool]]] = {}
    for score in merged:
        for tag, now, was in zip(tags[score.prompt_id], score.hits, before[score.prompt_id], strict=True):
            pairs.setdefault(tag, []).append((now, was))
    strict = 1.0 - (1.0 - LEVEL) / max(1, len(pairs))
    rows = [_row(tag, catalogue.category_of(tag), found, strict) for tag, found in pairs.items()]
    return tuple(sorted(rows, key=lambda row: (-_nearer(row.gain), -row.gain.mean, row.tag)))


def _row(tag: str, category: str, found: Sequence[tuple[bool, bool]], strict: float) -> TagRow:
    now, was = np.array(found, dtype=np.float64).T
    asked = np.ones(len(found))
    mean, low, high = difference_interval(now - was, asked)
    _, least, most = difference_interval(now - was, asked, strict)
    gain = Interval(mean, low, high, images=len(found), tags=len(found))
    return TagRow(tag, category, float(now.mean()), float(was.mean()), gain, least > 0 or most < 0)


def _nearer(gain: Interval) -> float:
    """How far the interval stays from zero, signed; 0 when it holds zero."""
    return max(gain.low, 0.0) + min(gain.high, 0.0)
