"""A whole search on any landscape, without models or pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lib_rimo.errors import SettingsError
from lib_rimo.search.history import Floats, Ints, Leader, Observation
from lib_rimo.search.problem import Bounds
from lib_rimo.search.settings import SearchSettings
from lib_rimo.search.strategy import make_strategy

Score = Callable[[Floats, Ints], npt.ArrayLike]
"""``score(weights, prompt_ids)``: weights ``(n_partners, n_groups)``, ids ``(n,)``; scores in [0, 1], ``(n,)``."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """What a search found.

    Attributes:
        weights: The recipe to use, shape ``(n_partners, n_groups)``; zeros where the base was not beaten.
        images: Pictures drawn.
        history: Every recipe asked, with its prompts and scores, in order.
        accuracy: Estimated expected score of ``weights``.
        low: Lower end of its 95 % interval.
        high: Upper end.
        leader: The same and the gain over the base, with its interval.
    """

    weights: Floats
    images: int
    history: tuple[Observation, ...]
    accuracy: float
    low: float
    high: float
    leader: Leader


def run_search(
    score: Score,
    *,
    n_partners: int,
    n_groups: int,
    bounds: Bounds,
    budget_images: int,
    pool_size: int,
    seed: int,
    strategy: str = "default",
    settings: SearchSettings | None = None,
) -> SearchResult:
    """Searches until the budget is spent; never draws more than ``budget_images``.

    Args:
        score: Draws and scores pictures of one recipe. A prompt id fixes the picture's noise.
        n_partners: Partners.
        n_groups: Block groups.
        bounds: One ``(low, high)`` for all weights, or one per weight.
        budget_images: Pictures that may be drawn in all.
        pool_size: Prompts in the pool.
        seed: Of everything that the search draws by chance.
        strategy: One of ``STRATEGIES``.
        settings: Constants; the defaults if absent.

    Raises:
        SettingsError: An argument is out of range, or ``score`` returned something that is no score.
    """
    search = make_strategy(
        strategy,
        n_partners=n_partners,
        n_groups=n_groups,
        bounds=bounds,
        budget_images=budget_images,
        pool_size=pool_size,
        seed=seed,
        settings=settings,
    )
    history: list[Observation] = []
    while (proposal := search.ask(history)) is not None:
        drawn = score(np.array(proposal.weights), np.array(proposal.prompt_ids, dtype=np.intp))
        scores = np.asarray(drawn, dtype=np.float64)
        if scores.shape != (len(proposal.prompt_ids),):
            raise SettingsError(
                "score",
                "The score function returned another number of scores",
                found=f"shape {scores.shape}",
                wanted=f"({len(proposal.prompt_ids)},)",
            )
        history.append(proposal.answered(scores))
    best = search.leader(history)
    return SearchResult(
        np.array(best.weights),
        sum(len(o.prompt_ids) for o in history),
        tuple(history),
        best.mean,
        best.low,
        best.high,
        best,
    )
