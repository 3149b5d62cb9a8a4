"""Which block groups mattered, as far as the trials can tell.

Notation
    f      accuracy as a function of the weights: the search's Gaussian process, given the trials of an epoch
    w      weights drawn evenly around the epoch's best recipe, within the bounds
    w/g    the same weights but for group g, whose weights are drawn anew
    T[g]   mean of (f(w) - f(w/g))^2 / 2: how much accuracy changes when only this group changes (total effect;
           Jansen 1999, as in Saltelli et al. 2010, eq. 19)
    B[g]   p(scores | model) / p(scores | the same model, blind to group g)

The *decision* is B[g], summed up in logarithms over the epochs: a group matters where the trials are at least
three times as probable with it as without it, it is *dead* where they are at least three times as probable without it,
and between the two nothing is claimed ("positive evidence" in the scale of Kass & Raftery 1995). Absence of evidence is
therefore not called dead.

The *importance* of a group is T[g] / sum T. It is worked out on many functions that the trials allow (draws from the
posterior); in each of them a group has no effect at all with the probability 1 / (1 + B[g]) that the trials leave to
that. So it comes as a mean with a 95 % range, and the range begins at zero unless the group is needed.

Measured by ``tools/bench_sensitivity.py`` on simulated searches with two groups of no effect among nine (8 of each of 3
kinds of landscape, strategy ``random``; groups by their true share):

    images   no effect: dead / matters    up to 15 %: dead / matters    above: dead / matters    range holds the truth
      640           .02 / .25                    .01 / .37                    .00 / .83                  .89
    1,500           .60 / .00                    .27 / .43                    .00 / .94                  .90
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.linalg import cholesky

from lib_rimo.errors import StudyError
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.said import say
from lib_rimo.search.default import DefaultStrategy
from lib_rimo.search.history import Floats, Observation
from lib_rimo.search.posterior import LEVEL_SD, NUGGET_SD, Posterior, shrunken
from lib_rimo.search.problem import Bounds, Problem
from lib_rimo.search.settings import SearchSettings
from lib_rimo.study.analysis.block_labels import network_of, parts_of
from lib_rimo.study.record.choice import in_order, table_of
from lib_rimo.study.record.observations import constraints_of, observations
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.settings.constraints import guide

LEAST_TRIALS = 8
"""Of an epoch; before, even the scales of the model are a guess."""
MOST_TRIALS = 300
"""Of an epoch; the work grows with the cube. More than a thorough study has."""
POINTS = 600
"""Recipes that a draw from the posterior is looked at, all groups together."""
DRAWS = 200
"""Functions drawn from the posterior: enough for the ends of a 95 % range."""
HALF_WIDTH = 0.25
"""Half side of the box around the best recipe: the region that the search begins with."""
POSITIVE = math.log(3.0)
"""Evidence, as a log ratio, from which something is claimed."""


class Sensitivity:
    """Works sensitivities out once per trial, for whoever asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[tuple[str, int], Mapping[str, Any]] | None = None

    def of(self, record: StudyRecord) -> Mapping[str, Any]:
        """What each block group of a study does.

        Returns:
            ``groups``: all groups in the order of the data flow, each with what ``block_labels.parts_of`` says of it,
            ``importance``, ``low``, ``high`` (None if
            it was frozen), ``evidence`` (log B) and ``state``: ``matters``, ``unclear``, ``dead`` or ``frozen``.
            ``dead``: the names of the dead ones. ``weights``: the best mix, ``(n_partners, n_groups)``.

        Raises:
            StudyError: There are too few trials to say anything.
        """
        done = sum(trial.done is not None for trial in record.trials)
        key = (record.opened.study, done)
        with self._lock:
            if self._last is None or self._last[0] != key:
                self._last = (key, _blocks(record, done))
            return self._last[1]


def _blocks(record: StudyRecord, done: int) -> Mapping[str, Any]:
    searched = record.opened.groups
    known = [
        (observations(record, epoch)[-MOST_TRIALS:], constraints_of(record, epoch).bounds)
        for epoch in record.partners
        if len(record.of_epoch(epoch)) >= LEAST_TRIALS
    ]
    if not known:
        raise StudyError(
            "There are too few trials to say what mattered",
            found=done,
            wanted=say("{1} in an epoch", LEAST_TRIALS),
        )
    models = [model_of(history, len(searched), bounds) for history, bounds in known]
    effects = np.sum([total_effects(m, of[1]) for m, of in zip(models, known, strict=True)], axis=0)
    evidence = np.sum([group_evidence(model) for model in models], axis=0)
    shares = effect_shares(effects, evidence)
    low, high = np.quantile(shares, (0.025, 0.975), axis=0)
    mean = shares.mean(axis=0)
    guided = guide(record.settings.search, [s.name for s in record.sources[1:]], searched)
    moved = np.any(guided.bounds, axis=(0, 2))
    column = {group: i for i, group in enumerate(searched) if moved[i]}
    best, rows = table_of(record, record.best())
    partition = load_partition(record.settings.search.partition)
    groups = []
    names = in_order(record, {*best, *record.settings.search.frozen})
    places = parts_of(names, partition, network_of(record.sources[0].path))
    for name in names:
        row: dict[str, Any] = {"name": name, **places[name], "frozen": name not in column}
        i = column.get(name)
        row["importance"] = None if i is None else round(float(mean[i]), 4)
        row["low"] = None if i is None else round(float(low[i]), 4)
        row["high"] = None if i is None else round(float(high[i]), 4)
        row["evidence"] = None if i is None else round(float(evidence[i]), 3)
        row["state"] = "frozen" if i is None else verdict(float(evidence[i]))
        groups.append(row)
    place = {group: i for i, group in enumerate(best)}
    return {
        "study": record.opened.study,
        "partners": [source.name for source in record.sources[1:]],
        "groups": groups,
        "weights": [[row[place[n]] if n in place else 0.0 for n in names] for row in rows],
        "dead": [row["name"] for row in groups if row["state"] == "dead"],
        "trials": done,
    }


def verdict(evidence: float) -> str:
    """What a group's evidence (log B) allows to say."""
    if evidence >= POSITIVE:
        return "matters"
    return "dead" if evidence <= -POSITIVE else "unclear"


def model_of(history: Sequence[Observation], n_groups: int, bounds: Bounds) -> Posterior:
    """The search's own model of these trials."""
    problem = Problem.create(
        n_partners=len(history[0].weights),
        n_groups=n_groups,
        bounds=bounds,
        budget_images=1_000_000,
        pool_size=1 + max(p for seen in history for p in seen.prompt_ids),
        seed=0,
    )
    return DefaultStrategy(problem, SearchSettings()).posterior(history)


def group_evidence(known: Posterior) -> Floats:
    """Log B of each group, shape ``(n_groups,)``; what the pictures say of the recipes is the same for both models."""
    n_groups, weights, m = known.kernel.n_groups, known.table.weights, known.precision
    pull = m @ (known.target + known.level)

    def log_probability(seen: Floats) -> float:
        """Of the scores, up to a constant (Rasmussen & Williams 2006, 2.30, in terms of the precision)."""
        prior = known.hyper.gain_sd**2 * known.kernel(seen, seen) + NUGGET_SD**2 * np.eye(len(seen))
        shrunk, logdet = shrunken(m, prior + LEVEL_SD**2)
        return 0.5 * float(pull @ shrunk @ pull) - 0.5 * logdet

    whole = log_probability(weights)
    out = np.empty(n_groups)
    for g in range(n_groups):
        blind = weights.copy()
        blind[:, g::n_groups] = 0.0
        out[g] = whole - log_probability(blind)
    return out


def total_effects(known: Posterior, bounds: Bounds) -> Floats:
    """T of each group on functions drawn from the posterior, shape ``(DRAWS, n_groups)``.

    Args:
        known: The model.
        bounds: One pair for all weights, or one for each.
    """
    n_groups = known.kernel.n_groups
    rng = np.random.default_rng(0)  # the same trials give the same figures
    best = known.table.weights[int(np.argmax(known.mean))]
    lowest, highest = np.asarray(bounds, dtype=np.float64).reshape(-1, 2).T
    low, high = np.maximum(best - HALF_WIDTH, lowest), np.minimum(best + HALF_WIDTH, highest)
    count = max(16, POINTS // (n_groups + 1))
    first, second = (rng.uniform(low, high, size=(count, len(best))) for _ in range(2))
    points = [first]
    for g in range(n_groups):
        turned = first.copy()
        turned[:, g::n_groups] = second[:, g::n_groups]
        points.append(turned)
    drawn = _draws(known, np.concatenate(points), rng).reshape(DRAWS, n_groups + 1, count)
    return np.asarray(((drawn[:, 1:] - drawn[:, :1]) ** 2).mean(axis=2) / 2.0)


def effect_shares(effects: Floats, evidence: Floats) -> Floats:
    """Each group's share of the effect of all, shape ``(DRAWS, n_groups)``.

    Args:
        effects: T on functions drawn from the posterior, shape ``(DRAWS, n_groups)``.
        evidence: Log B, shape ``(n_groups,)``; says how often a group has an effect at all.
    """
    chance = 1.0 / (1.0 + np.exp(-np.clip(evidence, -50.0, 50.0)))
    there = np.random.default_rng(1).uniform(size=effects.shape) < chance
    kept = np.where(there, effects, 0.0)
    return np.asarray(kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-300))


def _draws(known: Posterior, points: Floats, rng: np.random.Generator) -> Floats:
    """Functions drawn from the posterior at some points, shape ``(DRAWS, n_points)``; the level left out."""
    told, m, variance = known.table.weights, known.precision, known.hyper.gain_sd**2
    prior = variance * known.kernel(told, told) + NUGGET_SD**2 * np.eye(len(told))
    shrunk, _ = shrunken(m, prior)
    across = variance * known.kernel(points, told)
    pull = m @ known.target
    mean = across @ (pull - m @ (shrunk @ pull))
    cov = variance * known.kernel(points, points) - across @ (m - m @ shrunk @ m) @ across.T
    root = cholesky(cov + 1e-8 * variance * np.eye(len(cov)) * len(cov) ** 0.5, lower=True)
    return np.asarray(mean + rng.standard_normal((DRAWS, len(points))) @ root.T)
