"""The default search: trivial points first, one weight per partner next, then every weight, then a check.

Every method is a function of (problem, settings, history) alone, so that replaying a journal gives the same asks.
What is kept between calls is a cache and nothing else.

Source: the staging and constants were measured, see ``lib_rimo/search/README.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lib_rimo.errors import SettingsError
from lib_rimo.search import posterior as model
from lib_rimo.search.acquisition import Box, suggest
from lib_rimo.search.history import (
    Z95,
    Floats,
    Incumbent,
    Observation,
    Proposal,
    Weights,
    freeze,
    images_of,
    tabulate,
)
from lib_rimo.search.problem import Problem
from lib_rimo.search.settings import SearchSettings

FEWEST = 4
"""No trial draws fewer pictures than this, unless the prompts run out."""
CLAIM = 1.1
"""The claimed standard deviation of a gain is the model's times this: scales are fitted and then taken for certain, and
the winner is one of many. Found on 400 simulated searches, where intervals without it held the truth in 94 %."""


class DefaultStrategy:
    """See the module. Args: the problem and the settings.

    Attributes:
        label: See ``strategy.Kind``, as the next.
        reason: See there.
        polishes: Whether the end may ask for a recipe that was not met before.
    """

    label = "A model of mixes and prompts"
    reason = "The usual one. Draws few images of each mix and learns from all of them together."
    polishes = True

    def __init__(self, problem: Problem, settings: SearchSettings) -> None:
        self.problem = problem
        self.settings = settings
        self._hyper: dict[tuple[Observation, ...], model.Hyper] = {}
        self._last: tuple[tuple[Observation, ...], model.Posterior] | None = None

    # -- what is asked -------------------------------------------------------------------------------------------

    def ask(self, history: Sequence[Observation], pending: Sequence[Proposal] = ()) -> Proposal | None:
        """The next pictures to draw; None when the budget is spent.

        Proposals that are being drawn count as if they had scored what is expected of them.
        """
        problem, settings = self.problem, self.settings
        problem.check(history)
        history = [*history, *(self._believed(history, proposal) for proposal in pending)]
        left = problem.budget_images - images_of(history)
        full = min(settings.prompts_per_trial, max(8, problem.budget_images // 12), problem.pool_size)
        if not history:
            share = int(settings.base_share * problem.budget_images)
            count = min(settings.base_prompts, max(full, share), problem.pool_size, left)
            return Proposal(problem.zero(), problem.next_prompts(history, count), "base")
        if left < 1:
            return None
        if left >= max(FEWEST, full // 2) and (self.polishes or left > self._reserve()):
            search = self._next if left > self._reserve() else self._best
            weights, stage, wanted = search(history, full)
            prompts = problem.next_prompts(history, _of(left, wanted), self._seen(history, weights))
            if prompts:
                return Proposal(weights, prompts, stage)
        return self._check(history, left)

    def _believed(self, history: Sequence[Observation], proposal: Proposal) -> Observation:
        if not history:
            return proposal.answered([0.5] * len(proposal.prompt_ids))
        flat = np.asarray(proposal.weights, dtype=np.float64).reshape(-1)
        scores = model.expected(self.posterior(history), flat, proposal.prompt_ids)
        return proposal.answered(np.clip(scores, 0.0, 1.0).tolist())

    def _reserve(self) -> int:
        return int(self.settings.check_share * self.problem.budget_images)

    def _seen(self, history: Sequence[Observation], weights: Weights) -> frozenset[int]:
        return frozenset(p for o in history if o.weights == weights for p in o.prompt_ids)

    def _next(self, history: Sequence[Observation], full: int) -> tuple[Weights, str, int]:
        """Weights, stage, and how many prompts to draw if there are so many left."""
        met = {o.weights for o in history}
        for ladder in self.trivial():
            for weights in ladder:
                if weights not in met:
                    return weights, "shared", min(full, self.settings.trivial_prompts)
                if self._chance(history, weights) < self.settings.hopeless_chance:
                    break  # what lies further up the ladder is worse still
        tried = {o.weights for o in history if o.stage == "shared"}
        hopeful = any(self._chance(history, w) >= self.settings.hopeful_chance for w in tried)
        staged = (
            len(np.unique(self.problem.labels)) > self.problem.n_partners
            and hopeful
            and len(tried) < self._shared_trials()
        )
        return (*self._optimise(history, shared=staged), full)

    def _chance(self, history: Sequence[Observation], weights: Weights) -> float:
        """How likely a recipe that was met is better than the base."""
        known = self.posterior(history)
        at, base = known.table.find(weights), known.table.find(self.problem.zero())
        if base < 0:
            return 1.0
        return _chance(known.mean[at] - known.mean[base], _gap_sd(known.cov, at, base))

    def _shared_trials(self) -> int:
        """Recipes of the shared stage, the trivial ones included; at most a third of what the budget allows."""
        wanted = self.settings.shared_factor * (1 + self.problem.n_partners)
        allowed = self.problem.budget_images // (3 * self.settings.prompts_per_trial)
        return min(wanted, allowed)

    def trivial(self) -> list[list[Weights]]:
        """Recipes that need no search and are often good: ladders, each climbed until it is hopeless to go on."""
        problem, settings = self.problem, self.settings
        k, shape = problem.n_partners, (problem.n_partners, problem.n_groups)
        average = 1.0 / (k + 1) if settings.average is None else settings.average
        ladders = [[np.full(shape, v) for v in sorted({*settings.equal_weights, average})]]
        if k > 1:
            rows = np.eye(k)[:, :, None] * np.ones(shape)
            alone = [v for v in settings.single_weights if v <= float(problem.high.max())]
            ladders += [[v * row for v in alone] for row in rows]
        frozen = [[problem.matrix(w.reshape(-1)) for w in ladder] for ladder in ladders]
        return [[w for w in dict.fromkeys(ladder) if w != problem.zero()] for ladder in frozen]

    def _optimise(self, history: Sequence[Observation], *, shared: bool) -> tuple[Weights, str]:
        """The most promising recipe, and the stage's name."""
        settings = self.settings
        done = min(1.0, images_of(history) / max(1, self.problem.budget_images - self._reserve()))
        reach = math.inf if shared else settings.region
        kappa = _between(settings.kappa_start, settings.kappa_end, done)
        where = Box.of(self.problem, shared=shared)
        return self._suggest(history, where, reach, kappa), "shared" if shared else "blocks"

    def _best(self, history: Sequence[Observation], full: int) -> tuple[Weights, str, int]:
        """What the model thinks is best of all recipes near the leader, met or not; see ``_next``."""
        wanted = max(full, self._reserve() // self.settings.check_recipes)
        where = Box.of(self.problem)
        return self._suggest(history, where, self.settings.check_region, 0.0), "check", wanted

    def _suggest(self, history: Sequence[Observation], box: Box, reach: float, kappa: float) -> Weights:
        problem, known = self.problem, self.posterior(history)
        flat = suggest(
            known,
            box,
            centre=known.table.weights[int(np.argmax(known.mean))],
            half_width=reach,
            kappa=kappa,
            n_points=self.settings.n_points,
            n_restarts=self.settings.n_restarts,
            chance=np.random.RandomState([problem.seed % 2**32, len(history)]),
        )
        return problem.matrix(flat)

    def _check(self, history: Sequence[Observation], left: int) -> Proposal | None:
        """The leaders on prompts they have not met, the least known of them first."""
        known = self.posterior(history)
        order = np.argsort(-known.mean, kind="stable")[: self.settings.check_recipes]
        best = max(order, key=lambda i: known.mean[i] + known.cov[i, i] ** 0.5)
        count = max(self.settings.prompts_per_trial, self._reserve() // self.settings.check_recipes)
        prompts = self.problem.next_prompts(history, _of(left, count), known.table.seen[best])
        if not prompts:
            return None
        shape = (self.problem.n_partners, self.problem.n_groups)
        return Proposal(freeze(known.table.weights[best].reshape(shape)), prompts, "check")

    # -- what is known -------------------------------------------------------------------------------------------

    def leader(self, history: Sequence[Observation]) -> Incumbent:
        """The recipe to return now: the best posterior mean, or the base if that is not likely enough better."""
        known = self.posterior(history)
        base = known.table.find(self.problem.zero())
        best = int(np.argmax(known.mean))
        if base >= 0 and best != base:
            gain = known.mean[best] - known.mean[base]
            if _chance(gain, _gap_sd(known.cov, best, base)) < self.settings.keep_chance:
                best = base
        return leader_at(known, best, base, (self.problem.n_partners, self.problem.n_groups))

    def estimate(self, history: Sequence[Observation], weights: Weights) -> Incumbent:
        """What a history says of one of its recipes.

        Raises:
            SettingsError: The history does not hold that recipe.
        """
        known = self.posterior(history)
        if (at := known.table.find(freeze(weights))) < 0:
            raise SettingsError("weights", "The history does not hold this recipe", found=weights)
        base = known.table.find(self.problem.zero())
        return leader_at(known, at, base, (self.problem.n_partners, self.problem.n_groups))

    def posterior(self, history: Sequence[Observation]) -> model.Posterior:
        """The model conditioned on a history."""
        key = tuple(history)
        if self._last is None or self._last[0] != key:
            table = tabulate(key, self.problem.size)
            self._last = (key, model.condition(table, self._scales(key), self.problem.n_groups))
        return self._last[1]

    def _scales(self, history: tuple[Observation, ...]) -> model.Hyper:
        """Scales, fitted on the prefix at which a fit was last due."""
        settings, size = self.settings, int(self.problem.free.sum())
        due = _last_fit(min(len(history), settings.fit_until), settings.fit_growth)
        if not due:
            return model.prior(size, settings.shares)
        prefix = history[:due]
        if prefix not in self._hyper:
            fitted = model.fit_hyper(
                tabulate(prefix, self.problem.size),
                size,
                self.problem.n_groups,
                model.Fit(settings.shares, settings.share_sd, settings.relevance_sd, settings.fit_iterations),
            )
            self._hyper = {prefix: fitted}
        return self._hyper[prefix]


def leader_at(known: model.Posterior, best: int, base: int, shape: tuple[int, int]) -> Incumbent:
    """A recipe of the table with its estimates; ``base`` is -1 if the zero recipe was never met."""
    mean, sd = float(known.mean[best]), float(known.cov[best, best]) ** 0.5
    gain = float(known.mean[best] - known.mean[base]) if base >= 0 else 0.0
    gap = CLAIM * _gap_sd(known.cov, best, base) if base >= 0 else 0.0
    return Incumbent(
        index=best,
        weights=freeze(known.table.weights[best].reshape(shape)),
        mean=mean,
        sd=sd,
        low=mean - Z95 * sd,
        high=mean + Z95 * sd,
        gain=gain,
        gain_low=gain - Z95 * gap,
        gain_high=gain + Z95 * gap,
    )


def _of(left: int, wanted: int) -> int:
    """How many pictures to draw: those wanted, or all that are left if otherwise only a few would remain."""
    return left if left - wanted < FEWEST else wanted


def _gap_sd(cov: Floats, i: int, j: int) -> float:
    return math.sqrt(max(float(cov[i, i] + cov[j, j] - 2.0 * cov[i, j]), 0.0))


def _chance(gain: float, sd: float) -> float:
    return 0.5 * (1.0 + math.erf(gain / max(sd, 1e-12) / math.sqrt(2.0)))


def _between(start: float, end: float, done: float) -> float:
    return start * (end / start) ** done if start > 0 and end > 0 else start + (end - start) * done


def _last_fit(n: int, growth: float) -> int:
    """The last length at or below ``n`` at which a fit was due: 8, then growing by ``growth``; 0 before."""
    due = 0
    at = 8.0
    while math.ceil(at) <= n:
        due = math.ceil(at)
        at *= growth
    return due
