"""The strategies by name, and what one is."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from lib_rimo.errors import PluginError, SettingsError
from lib_rimo.registry import Registry
from lib_rimo.search.default import DefaultStrategy
from lib_rimo.search.history import Incumbent, Observation, Proposal
from lib_rimo.search.problem import Bounds, Problem, Ties
from lib_rimo.search.random_box import RandomStrategy
from lib_rimo.search.settings import SearchSettings
from lib_rimo.search.stock_skopt import StockSkopt
from lib_rimo.search.upstream import UpstreamRo, UpstreamTheater


class Strategy(Protocol):
    """A search: a pure function of the history, for one problem, seed and settings.

    What is registered makes one of a ``Problem`` and ``SearchSettings``, usually its class, and says what it is by
    the attributes of ``Kind``. ``lib_rimo.testing.StrategyTestCase`` holds it against what the program relies on.
    """

    def ask(self, history: Sequence[Observation], pending: Sequence[Proposal] = ()) -> Proposal | None:
        """The next pictures to draw; None when the budget is spent, or there is nothing to do beside ``pending``."""

    def leader(self, history: Sequence[Observation]) -> Incumbent:
        """The recipe to return now; ``history`` has at least one observation."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a strategy before it is made.

    Attributes:
        make: Makes one for a problem.
        label: What it is called in words.
        reason: Why one would choose it, in a sentence or two.
        keeps_bounds: Whether all that it asks for, but for the zero recipe, lies within the bounds. One that does not
            is refused where single weights have limits.
        plans: Whether it plans for its budget. What does not is the same search whatever the budget, which only ends
            it.
        needs: Modules that must be there, beside what the program itself needs.
    """

    make: Callable[[Problem, SearchSettings], Strategy]
    label: str
    reason: str
    keeps_bounds: bool = True
    plans: bool = True
    needs: tuple[str, ...] = ()


def kind_of(_name: str, member: Any) -> Kind:
    """What a class says of itself; only ``label`` and ``reason`` must be said.

    Raises:
        TypeError: Something is missing, or of another type.
    """
    if not callable(member):
        raise TypeError(f"{member!r} cannot be called")
    inspect.signature(member).bind("problem", "settings")
    for method in ("ask", "leader"):
        if not callable(getattr(member, method, None)):
            raise TypeError(f"{member.__name__} has no method {method}")
    said = {name: getattr(member, name) for name in Kind.__slots__[1:] if hasattr(member, name)}
    kind = Kind(member, **said)
    for name, wanted in (("label", str), ("reason", str), ("keeps_bounds", bool), ("plans", bool)):
        if not isinstance(value := getattr(kind, name), wanted) or value == "":
            raise TypeError(f"{name} is {value!r}, which is no {wanted.__name__} or empty")
    return kind


STRATEGIES: Final = Registry(
    "rimo.strategies",
    "search strategy",
    kind_of,
    {
        name: kind_of(name, member)
        for name, member in {
            "default": DefaultStrategy,
            "upstream-theater": UpstreamTheater,
            "upstream-ro": UpstreamRo,
            "random": RandomStrategy,
            "skopt": StockSkopt,
        }.items()
    },
)


def find_strategy(name: str) -> Kind:
    """The strategy of a name.

    Raises:
        SettingsError: There is none, or a package that it needs is not installed.
    """
    try:
        kind = STRATEGIES[name]
    except PluginError as error:
        raise SettingsError(
            "strategy", error.what, found=error.found, wanted=error.wanted, fix=error.fix
        ) from error
    if missing := [module for module in kind.needs if importlib.util.find_spec(module) is None]:
        raise SettingsError(
            "strategy",
            "A package that this search strategy needs is not installed",
            found=name,
            wanted=", ".join(missing),
            fix="Install it, or choose another strategy",
        )
    return kind


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
    return find_strategy(name).make(problem, settings or SearchSettings())


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
