"""What is compared: the strategies of the library, and choices that need no search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lib_rimo.search import STRATEGIES, SearchSettings, make_strategy, run_search
from lib_rimo.search.history import Floats, Incumbent, Observation, images_of
from lib_rimo.search.landscape import Landscape

POOL = 200
SWEEP = 16
"""Equal weights that the sweep tries."""
UPSTREAM_IMAGES = 5100
"""An epoch of upstream: 51 trials of 100 prompts."""
SHRUNKEN = (0.3, 0.6)
"""How far the boxes of the random searches are shrunk; these stand for the strategy ``random``."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a method returned at some number of pictures.

    Attributes:
        budget: That number.
        weights: The recipe, shape ``(n_partners, n_groups)``.
        leader: Its estimates, where the method has any.
    """

    budget: int
    weights: Floats
    leader: Incumbent | None = None


Method = Callable[[Landscape, int, list[int]], list[Found]]
"""``method(landscape, seed, budgets)``: one recipe for each budget."""


def by_search(strategy: str, settings: SearchSettings | None = None) -> Method:
    """A strategy that plans for its budget: one search for each."""

    def method(landscape: Landscape, seed: int, budgets: list[int]) -> list[Found]:
        out = []
        for budget in budgets:
            result = run_search(
                landscape.score,
                n_partners=landscape.shape[0],
                n_groups=landscape.shape[1],
                bounds=(landscape.kind.low, landscape.kind.high),
                budget_images=budget,
                pool_size=POOL,
                seed=seed,
                strategy=strategy,
                settings=settings,
            )
            out.append(Found(budget, result.weights, result.leader))
        return out

    return method


def upstream(strategy: str) -> Method:
    """A strategy that does not plan for a budget: one search of an epoch, looked at on the way and at its end."""

    def method(landscape: Landscape, seed: int, budgets: list[int]) -> list[Found]:
        shape = landscape.shape
        bounds = (landscape.kind.low, landscape.kind.high)
        search = make_strategy(
            strategy,
            n_partners=shape[0],
            n_groups=shape[1],
            bounds=bounds,
            budget_images=UPSTREAM_IMAGES,
            pool_size=POOL,
            seed=seed,
        )
        history: list[Observation] = []
        while (proposal := search.ask(history)) is not None:
            drawn = landscape.score(np.array(proposal.weights), np.array(proposal.prompt_ids))
            history.append(proposal.answered(drawn))
        out = []
        for budget in [*budgets, UPSTREAM_IMAGES]:
            known = [o for i, o in enumerate(history) if images_of(history[: i + 1]) <= budget]
            out.append(Found(budget, np.array(search.leader(known).weights)))
        return out

    return method


def equal(weight: float | None) -> Method:
    """The same weight everywhere; the plain average of base and partners if None. Draws nothing."""

    def method(landscape: Landscape, seed: int, budgets: list[int]) -> list[Found]:
        del seed
        value = 1.0 / (1 + landscape.shape[0]) if weight is None else weight
        return [Found(budget, np.full(landscape.shape, value)) for budget in budgets]

    return method


def sweep(landscape: Landscape, seed: int, budgets: list[int]) -> list[Found]:
    """The equal weight that scores best, each tried on the same prompts until the budget is spent; the base too."""
    values = [0.0, *np.linspace(landscape.kind.low, landscape.kind.high, SWEEP - 1)]
    out = []
    for budget in budgets:
        prompts = np.random.default_rng([seed, 1]).permutation(POOL)[: min(budget // SWEEP, POOL)]
        means = [landscape.score(np.full(landscape.shape, v), prompts).mean() for v in values]
        out.append(Found(budget, np.full(landscape.shape, values[int(np.argmax(means))])))
    return out


METHODS: dict[str, Method] = {
    **{
        name: by_search(name) if STRATEGIES[name].plans else upstream(name)
        for name in STRATEGIES.names()
        if name != "random"
    },
    "0.1 everywhere": equal(0.1),
    "plain average": equal(None),
    "best equal weight": sweep,
    **{f"random in {s:g} of the box": by_search("random", SearchSettings(random_shrink=s)) for s in SHRUNKEN},
}
