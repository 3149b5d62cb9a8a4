"""The model behind the search: a Gaussian process over recipes and, per prompt, another one.

Notation
    n recipes, N pictures; U the N x n matrix that says which picture is of which recipe

    score of a picture of recipe w on prompt p  =  level + f(w) + a_p + h_p(w) + e

    f    how good recipes are:         GP, sd ``gain_sd``, correlation as in ``kernel.py``
    a_p  how easy a prompt is:         sd ``prompt_sd``
    h_p  what a prompt likes in w:     one GP per prompt, sd ``taste_sd``, same correlation as f
    e    the rest of the noise:        sd ``noise_sd``

Given which pictures share a prompt, everything but f is a covariance B with one block per prompt. What the pictures
say about f is then ``M = U' B^-1 U`` (a precision, n x n) and ``b = U' B^-1 scores``: exact inference over thousands
of pictures costs no more than the number of recipes cubed. This is a two-way fit (recipe + prompt effects, both
shrunk) in which, on top, neighbouring recipes share what a prompt thinks of them.

Source: Woodbury identity and evidence of a GP, Rasmussen & Williams 2006, A.3 and 2.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

from lib_rimo.search.history import Floats, Ints, Table
from lib_rimo.search.kernel import Kernel

LEVEL_SD: Final = 0.5
"""Prior sd of the level: accuracies lie anywhere in [0, 1]."""
NUGGET_SD: Final = 0.003
"""Roughness of f that no kernel follows; also keeps its covariance invertible when recipes nearly coincide."""


class Hyper(NamedTuple):
    """Scales of the model, all in units of the score but ``length`` (units of weights)."""

    gain_sd: float
    length: float
    prompt_sd: float
    taste_sd: float
    noise_sd: float


SPREAD: Final = Hyper(0.5, 0.4, 0.7, 0.5, 0.4)
"""Prior sd of the logarithm of each scale: within a factor of about two either way."""


def prior(size: int) -> Hyper:
    """Where the scales are expected before anything is seen.

    Source: measured on simulated studies and on the tiny family: gains near 0.1, sd over prompts 0.15-0.2, of which
    about half remains between recipes that are far apart.

    Args:
        size: Number of free weights; distances between random recipes grow with its root.
    """
    return Hyper(0.10, 0.25 * math.sqrt(size), 0.15, 0.08, 0.07)


class Evidence(NamedTuple):
    """What the pictures say about f.

    Attributes:
        precision: ``M``, shape ``(n, n)``.
        pull: ``b``, shape ``(n,)``.
        square: ``scores' B^-1 scores``.
        logdet: ``log |B|``.
    """

    precision: Floats
    pull: Floats
    square: float
    logdet: float


def gather(table: Table, hyper: Hyper, corr: Floats) -> Evidence:
    """Sums over prompts; ``corr`` is the correlation between the table's recipes, shape ``(n, n)``."""
    n = len(table.weights)
    eye = np.eye(table.recipe.shape[1])
    i, both = table.recipe, table.mask[:, :, None] & table.mask[:, None, :]
    block = hyper.prompt_sd**2 + hyper.taste_sd**2 * corr[i[:, :, None], i[:, None, :]]
    block = np.where(both, block + hyper.noise_sd**2 * eye, eye)
    inverse = np.where(both, np.linalg.inv(block), 0.0)
    pulled = (inverse @ table.score[:, :, None])[:, :, 0]
    flat = (i[:, :, None] * n + i[:, None, :]).reshape(-1)
    precision = _sums(flat, inverse, n * n).reshape(n, n)
    pull = _sums(i, pulled, n)
    logdet = float(np.linalg.slogdet(block)[1].sum())
    return Evidence(precision, pull, float((table.score * pulled).sum()), logdet)


def _sums(where: Ints, values: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(where.reshape(-1), values.reshape(-1), size), dtype=np.float64)


def shrunken(precision: Floats, prior_cov: Floats) -> tuple[Floats, float]:
    """Posterior covariance ``(K^-1 + M)^-1`` and ``log |I + K M|`` for a prior covariance ``K``."""
    low = cholesky(prior_cov, lower=True)
    inner = cholesky(np.eye(len(low)) + low.T @ precision @ low, lower=True)
    half = np.asarray(np.linalg.solve(inner, low.T), dtype=np.float64)
    out: Floats = half.T @ half
    return out, 2.0 * float(np.log(np.diag(inner)).sum())


def log_evidence(table: Table, hyper: Hyper, kernel: Kernel) -> float:
    """Log marginal likelihood of the scores, up to a constant; the kernel's length is replaced by the scales'."""
    corr = kernel._replace(length=hyper.length)(table.weights, table.weights)
    ev = gather(table, hyper, corr)
    cov = LEVEL_SD**2 + hyper.gain_sd**2 * corr + NUGGET_SD**2 * np.eye(len(corr))
    shrunk, logdet = shrunken(ev.precision, cov)
    return -0.5 * (ev.square - float(ev.pull @ shrunk @ ev.pull) + ev.logdet + logdet)


def fit_hyper(table: Table, size: int, kernel: Kernel, *, iterations: int) -> Hyper:
    """The most probable scales, found from the prior's by a few quasi-Newton steps (deterministic).

    Args:
        table: The history.
        size: Number of free weights.
        kernel: Structure; its length is replaced.
        iterations: At most so many steps.
    """
    start = np.log(np.asarray(prior(size)))
    spread = np.asarray(SPREAD)

    def loss(step: Floats) -> float:
        return 0.5 * float(step @ step) - log_evidence(table, Hyper(*np.exp(start + spread * step)), kernel)

    found = minimize(
        loss,
        np.zeros(len(spread)),
        method="L-BFGS-B",
        bounds=[(-3.0, 3.0)] * len(spread),
        options={"maxiter": iterations, "eps": 1e-3},
    )
    return Hyper(*(float(v) for v in np.exp(start + spread * found.x)))


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What is known about the recipes of a history.

    Attributes:
        table: The history.
        hyper: Scales.
        kernel: Correlation of f, at the scales' length.
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


def condition(table: Table, hyper: Hyper, kernel: Kernel) -> Posterior:
    """Conditions the model on a history, with the scales given; the kernel's length is replaced by theirs."""
    n = len(table.weights)
    kernel = kernel._replace(length=hyper.length)
    corr = kernel(table.weights, table.weights)
    ev = gather(table, hyper, corr)
    cov = hyper.gain_sd**2 * corr + NUGGET_SD**2 * np.eye(n)
    full, _ = shrunken(ev.precision, cov + LEVEL_SD**2)
    shrunk, _ = shrunken(ev.precision, cov)
    one = ev.precision.sum(axis=1)  # M 1, as every picture is of one recipe
    level = float((one - ev.precision @ shrunk @ one).sum())
    level = float((ev.pull - ev.precision @ shrunk @ ev.pull).sum()) / level
    low = cholesky(ev.precision + 1e-9 * np.eye(n), lower=True)
    target = cho_solve((low, True), ev.pull) - level
    return Posterior(table, hyper, kernel, ev.precision, level, target, full @ ev.pull, full)
