"""The nearest matrix of low rank, by a randomised singular value decomposition.

Notation
    D      difference of two tensors as a matrix, ``(rows, cols)``; m = min(rows, cols), n = max(rows, cols)
    M      D or its transpose, whichever has m rows
    l      columns of the random sketch (``contact_spec.sketch_size``)
    Q      orthonormal basis of the sketch after power iterations, ``(m, l)``
    P      the leading left singular vectors of M as Q sees them, ``(m, r)``
    C      P^T M, ``(r, n)``;  P C is the approximation of rank r

Source: Halko, Martinsson & Tropp, Finding structure with randomness, SIAM Review 53 (2011), algorithms 4.4 and 5.1.
The approximation is a projection of M itself, so its error is known exactly: |M - P C|^2 = |M|^2 - |C|^2 (Frobenius).

How good it is: against the best possible approximation of the same rank, found in float64, the error is larger by a
factor of at most ``ERROR_FACTOR`` for every rank up to 64, also in plain noise, where there is nothing to find. Where
singular values fall like 1 / sqrt(i) or faster it is below ``FALLING_FACTOR``. Matrices with few rows are decomposed
exactly. ``tests/merging/contact/test_low_rank.py`` measures it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch

POWER_ITERATIONS = 2
"""Passes that pull the sketch towards the leading vectors. Each reads M twice; a third gains 0.7 % at rank 64."""
EXACT_FACTOR = 2
"""Up to twice as many rows as the sketch has columns, the exact way costs no more."""
ERROR_FACTOR = 1.02
FALLING_FACTOR = 1.01


@dataclass(frozen=True, slots=True)
class Factors:
    """A decomposed difference.

    Attributes:
        left: Rows are singular vectors on the side of D's rows, ``(l, rows)``, the leading one first.
        right: Rows are singular vectors on the side of D's columns times their singular values (or the other way
            round where D has more rows than columns), ``(l, cols)``.
        energies: Squares of the singular values, ``(l,)``, float64.
        total: Sum of squares of D.
    """

    left: torch.Tensor
    right: torch.Tensor
    energies: torch.Tensor
    total: float

    def cut(self, rank: int) -> Factors:
        """Only the leading ones, in memory of their own."""
        return Factors(
            self.left[:rank].clone(), self.right[:rank].clone(), self.energies[:rank].clone(), self.total
        )

    def added_to(self, start: torch.Tensor, rank: int, weight: float = 1.0) -> torch.Tensor:
        """``start`` plus a weight times the approximation of this rank, ``(rows, cols)``."""
        return torch.addmm(start, self.left[:rank].T, self.right[:rank], alpha=weight)

    @property
    def size_bytes(self) -> int:
        """Memory that they take."""
        return sum(t.numel() * t.element_size() for t in (self.left, self.right, self.energies))


def decompose(difference: torch.Tensor, sketch: int, name: str) -> Factors:
    """Decomposes a difference of two tensors.

    Args:
        difference: ``(rows, cols)``, float32 or float64, on any device.
        sketch: Columns of the random sketch: the highest rank wanted and some more.
        name: The tensor's name; the random numbers depend on nothing else.
    """
    wide = difference.shape[0] <= difference.shape[1]
    matrix = difference if wide else difference.T
    if matrix.shape[0] <= EXACT_FACTOR * sketch:
        basis = None
        projected = matrix
    else:
        basis = _basis(matrix, sketch, name)
        projected = basis.T @ matrix
    exact = projected.to(torch.float64) if projected.device.type != "mps" else projected
    energies, vectors = torch.linalg.eigh(exact @ exact.T)
    count = min(sketch, len(energies))
    leading = vectors.flip(1)[:, :count].to(matrix.dtype)
    other = leading.T @ projected
    own = leading if basis is None else basis @ leading
    total = float(torch.linalg.vector_norm(matrix, dtype=exact.dtype)) ** 2
    energies = energies.flip(0)[:count].clamp(min=0.0).cpu()
    ours, theirs = own.T.contiguous(), other.contiguous()
    return Factors(*((ours, theirs) if wide else (theirs, ours)), energies, total)


def _basis(matrix: torch.Tensor, sketch: int, name: str) -> torch.Tensor:
    """An orthonormal basis, ``(m, l)``, of what the matrix does to random vectors."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1
    # Drawn on the CPU: a graphics card's generator gives other numbers.
    random = torch.randn(
        (matrix.shape[1], sketch), generator=torch.Generator().manual_seed(seed), dtype=matrix.dtype
    )
    basis: torch.Tensor = torch.linalg.qr(matrix @ random.to(matrix.device))[0]
    for _ in range(POWER_ITERATIONS):
        basis = torch.linalg.qr(matrix @ (matrix.T @ basis))[0]
    return basis
