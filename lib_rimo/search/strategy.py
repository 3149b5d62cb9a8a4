"""The strategies by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from lib_rimo.errors import SettingsError
from lib_rimo.search.default import DefaultStrategy
from lib_rimo.search.history import Leader, Observation, Proposal
from lib_rimo.search.problem import Bounds, Problem
from lib_rimo.search.random_box import RandomStrategy
from lib_rimo.search.settings import SearchSettings
from lib_rimo.search.upstream import UpstreamRo, UpstreamTheater

STRATEGIES: Final = ("default", "upstream-theater", "upstream-ro", "random")


class Strategy(Protocol):
    """A search: a pure function of the history, for one problem, seed and settings."""

    def ask(self, history: Sequence[Observation]) -> Proposal | None:
        """The next pictures to draw; None when the budget is spent."""

    def leader(self, history: Sequence[Observation]) -> Leader:
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
