"""A whole search on any landscape, without models or pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lib_rimo.errors import SettingsError
from lib_rimo.search.history import Floats, Incumbent, Ints, Observation, Proposal, images_of
from lib_rimo.search.problem import Bounds, Ties
from lib_rimo.search.settings import SearchSettings
from lib_rimo.search.strategy import Strategy, make_strategy

Score = Callable[[Floats, Ints], npt.ArrayLike]
"""``score(weights, prompt_ids)``: weights ``(n_partners, n_groups)``, ids ``(n,)``; scores in [0, 1], ``(n,)``."""


class ScoreError(SettingsError):
    """The score function failed, or returned what is no score.

    Attributes:
        result: What was found before; None if nothing was.
    """

    def __init__(self, what: str, *, found: object, wanted: object, result: SearchResult | None) -> None:
        fix = "The best recipe so far is in the error's result" if result else "Nothing was found before"
        super().__init__("score", what, found=found, wanted=wanted, fix=fix)
        self.result = result


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
    leader: Incumbent


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
    ties: Ties | None = None,
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
        ties: Which weights are searched as one: equal labels, shape ``(n_partners, n_groups)``.

    Raises:
        SettingsError: An argument is out of range.
        ScoreError: ``score`` failed or returned something that is no score; carries the result so far.
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
        ties=ties,
    )
    history: list[Observation] = []
    while (proposal := search.ask(history)) is not None:
        history.append(_draw(score, proposal, search, history))
    return _result(search, history)


def _draw(score: Score, proposal: Proposal, search: Strategy, history: list[Observation]) -> Observation:
    def failed(what: str, found: object, wanted: object) -> ScoreError:
        result = _result(search, history) if history else None
        return ScoreError(f"{what} in trial {len(history) + 1}", found=found, wanted=wanted, result=result)

    count = len(proposal.prompt_ids)
    try:
        drawn = score(np.array(proposal.weights), np.array(proposal.prompt_ids, dtype=np.intp))
    except Exception as error:  # whatever it was, hours of pictures must not be lost with it
        raise failed("Drawing or scoring failed", repr(error), f"{count} scores") from error
    scores = np.asarray(drawn, dtype=np.float64)
    if scores.shape != (count,):
        raise failed(
            "The score function returned another number of scores", f"shape {scores.shape}", f"({count},)"
        )
    if not ((scores >= 0.0) & (scores <= 1.0)).all():
        bad = float(scores[~((scores >= 0.0) & (scores <= 1.0))][0])
        raise failed("A score is out of range", bad, "a number in [0, 1]")
    return proposal.answered(scores.tolist())


def _result(search: Strategy, history: list[Observation]) -> SearchResult:
    best = search.leader(history)
    weights = np.array(best.weights)
    return SearchResult(weights, images_of(history), tuple(history), best.mean, best.low, best.high, best)
