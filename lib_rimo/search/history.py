"""What a search has seen, what it asks for, and what it thinks is best: plain values that a journal can hold.

Notation
    n_partners, n_groups   shape of one weight matrix
    prompt id              position in the epoch's prompt pool, 0 .. pool_size - 1
    recipe                 here: one weight matrix; two observations of equal weights are of one recipe
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lib_rimo.errors import SettingsError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Weights = tuple[tuple[float, ...], ...]

Z95: Final = 1.959964
"""Normal quantile of a two-sided 95 % interval."""
STAGES: Final = ("base", "shared", "blocks", "check")
"""``base``: the zero recipe. ``shared``: one weight per partner in all groups. ``blocks``: every weight free.
``check``: a leader met again on further prompts."""


def freeze(weights: Floats | Sequence[Sequence[float]]) -> Weights:
    """The weight matrix as nested tuples; minus zero becomes zero, so that equal recipes compare equal."""
    return tuple(tuple(float(w) + 0.0 for w in row) for row in weights)


@dataclass(frozen=True, slots=True)
class Observation:
    """Pictures of one recipe, scored.

    Attributes:
        weights: Shape ``(n_partners, n_groups)``.
        prompt_ids: The prompts that were drawn.
        scores: One score in [0, 1] per prompt; higher is better.
        stage: The stage of the proposal that it answers, one of ``STAGES``.
    """

    weights: Weights
    prompt_ids: tuple[int, ...]
    scores: tuple[float, ...]
    stage: str = "blocks"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", freeze(self.weights))
        object.__setattr__(self, "prompt_ids", tuple(int(p) for p in self.prompt_ids))
        object.__setattr__(self, "scores", tuple(float(s) for s in self.scores))
        if len(self.prompt_ids) != len(self.scores):
            raise SettingsError(
                "scores",
                "An observation needs one score per prompt",
                found=len(self.scores),
                wanted=len(self.prompt_ids),
            )
        bad = [s for s in self.scores if not (math.isfinite(s) and 0.0 <= s <= 1.0)]
        if bad:
            raise SettingsError(
                "scores", "A score is out of range", found=bad[0], wanted="a number in [0, 1]"
            )
        if self.stage not in STAGES:
            raise SettingsError("stage", "Unknown stage", found=self.stage, wanted=", ".join(STAGES))


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next pictures to draw.

    Attributes:
        weights: Shape ``(n_partners, n_groups)``.
        prompt_ids: The prompts to draw, none twice.
        stage: One of ``STAGES``.
    """

    weights: Weights
    prompt_ids: tuple[int, ...]
    stage: str

    def answered(self, scores: Iterable[float]) -> Observation:
        """The observation that these scores make of it."""
        return Observation(self.weights, self.prompt_ids, tuple(scores), self.stage)


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The recipe that a search would return now, and how good it thinks it is.

    Attributes:
        index: Position among the history's distinct recipes, in the order they were first met.
        weights: Shape ``(n_partners, n_groups)``.
        mean: Estimated expected score over prompts like those of the pool.
        sd: Standard deviation of that estimate.
        low: Lower end of its 95 % interval.
        high: Upper end.
        gain: Estimated difference to the zero recipe; 0 if it is the zero recipe.
        gain_low: Lower end of the difference's 95 % interval.
        gain_high: Upper end.
    """

    index: int
    weights: Weights
    mean: float
    sd: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float

    @classmethod
    def observed(cls, history: Sequence[Observation], targets: Floats | Sequence[float]) -> Incumbent:
        """The observation with the highest target, as observed: its interval knows nothing of the selection.

        Args:
            history: At least one observation; the first is of the base.
            targets: What is compared, one per observation; minus infinity for what must not win.
        """
        best, base = history[int(np.argmax(targets))], history[0]
        scores = np.array(best.scores)
        mean, sd = float(scores.mean()), _error(scores)
        reference = dict(zip(base.prompt_ids, base.scores, strict=True))
        gaps = [s - reference[p] for p, s in zip(best.prompt_ids, best.scores, strict=True) if p in reference]
        gain, gap_sd = float(np.mean(gaps)) if gaps else 0.0, _error(np.array(gaps))
        distinct = list(dict.fromkeys(o.weights for o in history))
        return cls(
            index=distinct.index(best.weights),
            weights=best.weights,
            mean=mean,
            sd=sd,
            low=mean - Z95 * sd,
            high=mean + Z95 * sd,
            gain=gain,
            gain_low=gain - Z95 * gap_sd,
            gain_high=gain + Z95 * gap_sd,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A history as arrays, grouped by prompt. A prompt that a recipe met twice counts once: same noise, same picture.

    Attributes:
        weights: Distinct recipes, flattened, shape ``(n, n_partners * n_groups)``, in order of first meeting.
        recipe: Recipe of each picture, shape ``(n_prompts, width)``, padded with 0.
        score: Score of each picture, same shape, padded with 0.
        mask: Whether the entry is a picture, same shape.
        images: Pictures in the history, repeats included: what was paid for.
        seen: For each recipe, the prompts that it met.
        prompts: Prompt of each row.
    """

    weights: Floats
    recipe: Ints
    score: Floats
    mask: npt.NDArray[np.bool_]
    images: int
    seen: tuple[frozenset[int], ...]
    prompts: tuple[int, ...]

    def find(self, weights: Weights) -> int:
        """Index of a recipe, or -1."""
        flat = np.asarray(weights, dtype=np.float64).reshape(-1)
        hits = np.flatnonzero((self.weights == flat).all(axis=1)) if len(self.weights) else np.empty(0, int)
        return int(hits[0]) if hits.size else -1


def _error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def images_of(history: Iterable[Observation]) -> int:
    """Pictures that a history cost."""
    return sum(len(o.prompt_ids) for o in history)


def tabulate(history: Sequence[Observation], size: int) -> Table:
    """Groups a history by prompt.

    Args:
        history: Observations in the order they were made.
        size: ``n_partners * n_groups``.
    """
    order: dict[Weights, int] = {}
    seen: list[dict[int, float]] = []
    for o in history:
        i = order.setdefault(o.weights, len(order))
        if i == len(seen):
            seen.append({})
        for p, s in zip(o.prompt_ids, o.scores, strict=True):
            seen[i].setdefault(p, s)
    by_prompt: dict[int, list[tuple[int, float]]] = {}
    for i, scores in enumerate(seen):
        for p, s in scores.items():
            by_prompt.setdefault(p, []).append((i, s))
    width = max((len(v) for v in by_prompt.values()), default=0)
    shape = (len(by_prompt), width)
    recipe, score, mask = np.zeros(shape, np.intp), np.zeros(shape), np.zeros(shape, bool)
    prompts = tuple(sorted(by_prompt))
    for row, p in enumerate(prompts):
        for col, (i, s) in enumerate(by_prompt[p]):
            recipe[row, col], score[row, col], mask[row, col] = i, s, True
    flat = np.asarray(list(order), dtype=np.float64).reshape(len(order), size)
    met = tuple(frozenset(s) for s in seen)
    return Table(flat, recipe, score, mask, images_of(history), met, prompts)
