"""The model behind the search: a Gaussian process over recipes and, per prompt, another one.

Notation
    n recipes, N pictures; U the N x n matrix that says which picture is of which recipe

    score of a picture of recipe w on prompt p  =  level + f(w) + a_p + h_p(w) + e

    f    how good recipes are:         GP, sd ``gain_sd``, correlation as in ``kernel.py``
    a_p  how easy a prompt is:         sd ``prompt_sd``
    h_p  what a prompt likes in w:     one GP per prompt, sd ``taste_sd``, a length of its own
    e    the rest of the noise:        sd ``noise_sd``

Given which pictures share a prompt, everything but f is a covariance B with one block per prompt. What the pictures
say about f is then ``M = U' B^-1 U`` (a precision, n x n) and ``b = U' B^-1 scores``: exact inference over thousands
of pictures costs no more than the number of recipes cubed. This is a two-way fit (recipe + prompt effects, both
shrunk) in which, on top, neighbouring recipes share what a prompt thinks of them.

Source: Woodbury identity and evidence of a GP, Rasmussen & Williams 2006, A.3 and 2.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from lib_rimo.search.history import Floats, Ints, Table
from lib_rimo.search.kernel import Kernel, distances

LEVEL_SD: Final = 0.5
"""Prior sd of the level: accuracies lie anywhere in [0, 1]."""
NUGGET_SD: Final = 0.003
"""Roughness of f that no kernel follows; also keeps its covariance invertible when recipes nearly coincide."""


class Hyper(NamedTuple):
    """Scales of the model, in units of the score but for lengths (units of weights) and the two last.

    Attributes:
        gain_sd: Of f.
        length: Of f.
        prompt_sd: Of how easy prompts are.
        taste_sd: Of what prompts like.
        taste_length: The same.
        noise_sd: Of the rest.
        shares: Of the three parts of f, see ``kernel.py``.
        relevance: How much each group matters for f.
    """

    gain_sd: float
    length: float
    prompt_sd: float
    taste_sd: float
    taste_length: float
    noise_sd: float
    shares: tuple[float, float, float]
    relevance: tuple[float, ...] = ()


SCALES: Final = 6
"""How many of them are plain scales."""
SPREAD: Final = (0.5, 0.4, 0.7, 0.5, 0.5, 0.4)
"""Prior sd of the logarithm of each scale: within a factor of about two either way."""


def prior(size: int, shares: tuple[float, float, float]) -> Hyper:
    """Where the scales are expected before anything is seen.

    Source: measured on simulated studies and on the tiny family: gains near 0.1, sd over prompts 0.15-0.2, of which
    about half remains between recipes that are far apart.

    Args:
        size: Number of free weights; distances between random recipes grow with its root.
        shares: Expected shares of the kernel's parts.
    """
    root = 0.25 * math.sqrt(size)
    return Hyper(0.10, root, 0.15, 0.08, root, 0.07, shares)


class Evidence(NamedTuple):
    """What the pictures say about f.

    Attributes:
        precision: ``M``, shape ``(n, n)``.
        pull: ``b``, shape ``(n,)``.
        square: ``scores' B^-1 scores``.
        logdet: ``log |B|``.
        inverse: ``B^-1``, one block per prompt, shape ``(n_prompts, width, width)``.
    """

    precision: Floats
    pull: Floats
    square: float
    logdet: float
    inverse: Floats


def gather(table: Table, hyper: Hyper, taste: Floats) -> Evidence:
    """Sums over prompts; ``taste`` is the correlation of likings between the table's recipes, shape ``(n, n)``."""
    n = len(table.weights)
    eye = np.eye(table.recipe.shape[1])
    i, both = table.recipe, table.mask[:, :, None] & table.mask[:, None, :]
    block = hyper.prompt_sd**2 + hyper.taste_sd**2 * taste[i[:, :, None], i[:, None, :]]
    block = np.where(both, block + hyper.noise_sd**2 * eye, eye)
    inverse = np.where(both, np.linalg.inv(block), 0.0)
    pulled = (inverse @ table.score[:, :, None])[:, :, 0]
    flat = (i[:, :, None] * n + i[:, None, :]).reshape(-1)
    precision = _sums(flat, inverse, n * n).reshape(n, n)
    pull = _sums(i, pulled, n)
    logdet = float(np.linalg.slogdet(block)[1].sum())
    return Evidence(precision, pull, float((table.score * pulled).sum()), logdet, inverse)


def likings(square: Floats, length: float) -> Floats:
    """Correlation of what prompts like in recipes, for squared distances per group ``(n_groups, n, n)``."""
    return np.asarray(np.exp(-0.5 / length**2 * square[:-1].sum(axis=0)))


def _sums(where: Ints, values: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(where.reshape(-1), values.reshape(-1), size), dtype=np.float64)


def shrunken(precision: Floats, prior_cov: Floats) -> tuple[Floats, float]:
    """Posterior covariance ``(K^-1 + M)^-1`` and ``log |I + K M|`` for a prior covariance ``K``."""
    low = cholesky(prior_cov, lower=True)
    inner = cholesky(np.eye(len(low)) + low.T @ precision @ low, lower=True)
    half = np.asarray(solve_triangular(inner, low.T, lower=True), dtype=np.float64)
    out: Floats = half.T @ half
    return out, 2.0 * float(np.log(np.diag(inner)).sum())


def log_evidence(table: Table, hyper: Hyper, kernel: Kernel) -> float:
    """Log marginal likelihood of the scores, up to a constant; ``kernel`` is that of f, as ``kernel_of`` makes it."""
    return evidence_and_slope(table, distances(table.weights, table.weights, kernel.n_groups), hyper, kernel)[
        0
    ]


def evidence_and_slope(table: Table, square: Floats, hyper: Hyper, kernel: Kernel) -> tuple[float, Floats]:
    """Log marginal likelihood of the scores, up to a constant, and its slope.

    Args:
        table: The history.
        square: ``distances`` of its recipes.
        hyper: Scales.
        kernel: Of f.

    Returns:
        The value, and the derivatives in the logarithms of the six scales, in the three shares and in the logarithms
        of the relevances, shape ``(9 + n_groups,)``.
    """
    n = len(table.weights)
    corr, taste = kernel.of(square), likings(square, hyper.taste_length)
    ev = gather(table, hyper, taste)
    m = ev.precision
    cov = LEVEL_SD**2 + hyper.gain_sd**2 * corr + NUGGET_SD**2 * np.eye(n)
    shrunk, logdet = shrunken(m, cov)
    mean = shrunk @ ev.pull
    value = -0.5 * (ev.square - float(ev.pull @ mean) + ev.logdet + logdet)
    # Slope in the covariance C of the pictures: (r r' - C^-1) / 2 with r = C^-1 scores. First as f sees it, then
    # within each prompt, with C^-1 = B^-1 - B^-1 U shrunk U' B^-1.
    rest = ev.pull - m @ mean
    pull = hyper.gain_sd**2 * 0.5 * (np.outer(rest, rest) - m + m @ shrunk @ m)
    i = table.recipe
    near = i[:, :, None], i[:, None, :]
    r = (ev.inverse @ (table.score - mean[i])[:, :, None])[:, :, 0]
    within = ev.inverse @ shrunk[near] @ ev.inverse - ev.inverse + r[:, :, None] * r[:, None, :]
    within *= 0.5
    liked = hyper.taste_sd**2 * _sums(near[0] * n + near[1], within, n * n).reshape(n, n) * taste
    length, shares, groups = kernel.slopes(square, pull)
    slope = [
        2.0 * float((pull * corr).sum()),
        length,
        2.0 * hyper.prompt_sd**2 * float(within.sum()),
        2.0 * float(liked.sum()),
        float((liked * square[:-1].sum(axis=0)).sum()) / hyper.taste_length**2,
        2.0 * hyper.noise_sd**2 * float(np.einsum("pii->", within)),
        *shares,
        *groups,
    ]
    return value, np.asarray(slope)


@dataclass(frozen=True, slots=True)
class Fit:
    """How scales are fitted.

    Attributes:
        shares: Expected shares of the kernel's parts.
        share_sd: Prior sd of the shares' logarithms before they are made to add up to 1; 0: as expected.
        relevance_sd: Prior sd of the logarithm of a group's relevance; 0: all groups alike.
        iterations: Quasi-Newton steps at most.
    """

    shares: tuple[float, float, float]
    share_sd: float
    relevance_sd: float
    iterations: int


def fit_hyper(table: Table, size: int, n_groups: int, how: Fit) -> Hyper:
    """The most probable scales, found from the prior's (deterministic).

    Args:
        table: The history.
        size: Number of free weights.
        n_groups: Groups.
        how: Priors and effort.
    """
    square = distances(table.weights, table.weights, n_groups)
    centre = np.log(np.asarray(prior(size, how.shares)[:SCALES], dtype=np.float64))
    spread = np.asarray(SPREAD)
    split = SCALES + len(how.shares)

    def at(step: Floats) -> Hyper:
        gain, length, prompt, taste, taste_length, noise = np.exp(centre + spread * step[:SCALES]).tolist()
        mixed = np.asarray(how.shares) * np.exp(how.share_sd * step[SCALES:split])
        first, second, third = (mixed / mixed.sum()).tolist()
        relevance = np.exp(how.relevance_sd * step[split:]).tolist()
        shares = (first, second, third)
        return Hyper(gain, length, prompt, taste, taste_length, noise, shares, tuple(relevance))

    def loss(step: Floats) -> tuple[float, Floats]:
        hyper = at(step)
        value, slope = evidence_and_slope(table, square, hyper, kernel_of(hyper, n_groups))
        slope[:SCALES] *= spread
        mixed, pulls = np.asarray(hyper.shares), slope[SCALES:split].copy()
        slope[SCALES:split] = how.share_sd * mixed * (pulls - float(mixed @ pulls))
        slope[split:] *= how.relevance_sd
        return 0.5 * float(step @ step) - value, step - slope

    found = minimize(
        loss,
        np.zeros(split + n_groups),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-3.0, 3.0)] * (split + n_groups),
        options={"maxiter": how.iterations},
    )
    return at(np.asarray(found.x, dtype=np.float64))


def kernel_of(hyper: Hyper, n_groups: int) -> Kernel:
    """The kernel of f."""
    return Kernel(n_groups, hyper.shares, hyper.length, hyper.relevance)


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What is known about the recipes of a history.

    Attributes:
        table: The history.
        hyper: Scales.
        kernel: Correlation of f.
        precision: ``M``, shape ``(n, n)``.
        level: Estimated level.
        target: The recipes' scores as the pictures alone say (noise covariance ``M^-1``), less the level, ``(n,)``.
        mean: Expected score of each recipe, ``(n,)``.
        cov: Their covariance, uncertainty of the level included, ``(n, n)``.
    """

    table: Table
    hyper: Hyper
    kernel: Kernel
    precision: Floats
    level: float
    target: Floats
    mean: Floats
    cov: Floats


def condition(table: Table, hyper: Hyper, n_groups: int) -> Posterior:
    """Conditions the model on a history, with the scales given."""
    n = len(table.weights)
    kernel = kernel_of(hyper, n_groups)
    square = distances(table.weights, table.weights, n_groups)
    corr = kernel.of(square)
    ev = gather(table, hyper, likings(square, hyper.taste_length))
    cov = hyper.gain_sd**2 * corr + NUGGET_SD**2 * np.eye(n)
    full, _ = shrunken(ev.precision, cov + LEVEL_SD**2)
    shrunk, _ = shrunken(ev.precision, cov)
    one = ev.precision.sum(axis=1)  # M 1, as every picture is of one recipe
    level = float((one - ev.precision @ shrunk @ one).sum())
    level = float((ev.pull - ev.precision @ shrunk @ ev.pull).sum()) / level
    low = cholesky(ev.precision + 1e-9 * np.eye(n), lower=True)
    target = cho_solve((low, True), ev.pull) - level
    return Posterior(table, hyper, kernel, ev.precision, level, target, full @ ev.pull, full)


def expected(known: Posterior, weights: Floats, prompt_ids: Sequence[int]) -> Floats:
    """What pictures of a recipe are expected to score, shape ``(len(prompt_ids),)``.

    Args:
        known: What is known.
        weights: The recipe, shape ``(size,)``; it need not have been met.
        prompt_ids: Prompts, met or not.
    """
    table, hyper, groups = known.table, known.hyper, known.kernel.n_groups
    ev = gather(table, hyper, likings(distances(table.weights, table.weights, groups), hyper.taste_length))
    square = distances(weights[None], table.weights, groups)
    prior_cov = LEVEL_SD**2 + hyper.gain_sd**2 * known.kernel.of(square)[0]
    mean = float(prior_cov @ (ev.pull - ev.precision @ known.mean))
    rest = (ev.inverse @ (table.score - known.mean[table.recipe])[:, :, None])[:, :, 0]
    alike = hyper.prompt_sd**2 + hyper.taste_sd**2 * likings(square, hyper.taste_length)[0]
    liked = dict(
        zip(table.prompts, (rest * alike[table.recipe] * table.mask).sum(axis=1).tolist(), strict=True)
    )
    return np.array([mean + liked.get(p, 0.0) for p in prompt_ids])
