"""The strategies by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from lib_rimo.errors import SettingsError
from lib_rimo.search.default import DefaultStrategy
from lib_rimo.search.history import Incumbent, Observation, Proposal
from lib_rimo.search.problem import Bounds, Problem, Ties
from lib_rimo.search.random_box import RandomStrategy
from lib_rimo.search.settings import SearchSettings
from lib_rimo.search.upstream import UpstreamRo, UpstreamTheater

STRATEGIES: Final = ("default", "upstream-theater", "upstream-ro", "random")


class Strategy(Protocol):
    """A search: a pure function of the history, for one problem, seed and settings."""

    def ask(self, history: Sequence[Observation], pending: Sequence[Proposal] = ()) -> Proposal | None:
        """The next pictures to draw; None when the budget is spent, or there is nothing to do beside ``pending``."""

    def leader(self, history: Sequence[Observation]) -> Incumbent:
        """The recipe to return now."""


def make_strategy(
    name: str,
    *,
    n_partners: int,
    n_groups: int,
    bounds: Bounds,
    budget_images: int,
    pool_size: int,
    seed: int,
    settings: SearchSettings | None = None,
    ties: Ties | None = None,
) -> Strategy:
    """Makes a strategy for one epoch.

    Args:
        name: One of ``STRATEGIES``.
        n_partners: Partners.
        n_groups: Block groups.
        bounds: One ``(low, high)`` for all weights, or one per weight; equal ends freeze a weight.
        budget_images: Pictures that may be drawn in all, the final check included.
        pool_size: Prompts in the epoch's pool.
        seed: Of everything drawn by chance.
        settings: Constants; the defaults if absent.
        ties: Which weights are searched as one: equal labels, shape ``(n_partners, n_groups)``.

    Raises:
        SettingsError: One of them is out of range; the error names it.
    """
    problem = Problem.create(
        n_partners=n_partners,
        n_groups=n_groups,
        bounds=bounds,
        budget_images=budget_images,
        pool_size=pool_size,
        seed=seed,
        ties=ties,
    )
    settings = settings or SearchSettings()
    if name == "default":
        return DefaultStrategy(problem, settings)
    if name == "random":
        return RandomStrategy(problem, settings)
    if name == "upstream-theater":
        return UpstreamTheater(problem)
    if name == "upstream-ro":
        return UpstreamRo(problem)
    raise SettingsError(
        "strategy",
        "There is no such strategy",
        found=name,
        wanted=", ".join(STRATEGIES),
        fix="Choose one of these",
    )


def ask_batch(
    strategy: Strategy, history: Sequence[Observation], count: int, pending: Sequence[Proposal] = ()
) -> list[Proposal]:
    """Several trials to draw at once, for a large batch or several workers.

    Args:
        strategy: Proposes.
        history: What is known.
        count: How many are wanted.
        pending: Proposals that others are drawing already.

    Returns:
        ``count`` proposals, fewer at the end of the budget or where the strategy works one by one.
    """
    out: list[Proposal] = []
    while len(out) < count and (proposal := strategy.ask(history, [*pending, *out])) is not None:
        out.append(proposal)
    return out
