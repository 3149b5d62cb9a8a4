"""The weighted sum: in float32, with one rounding at the end.

Notation
    x_j    source j (base first, then the partners in the recipe's order), any floating type
    w_j    its weight, rounded to float32; the base has what the partners leave of 1, found exactly
    out    rounding of  (..((w_0 x_0 + w_1 x_1) + w_2 x_2) .. )  to the type of ``out``

Every product and every sum is rounded to float32 by itself, never fused into one step. So each element depends on
nothing but the elements in its place: not on the size of the pieces, the number of threads, the width of the
processor's vectors, or whether an element falls into a vector or a remainder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from lib_rimo.merging.mix.kernel import Workspace, float32_weight, wide_type
from lib_rimo.merging.mix.method import merge_method

Term = tuple[torch.Tensor, float]


def _terms(
    base: torch.Tensor, partners: Sequence[torch.Tensor], weights: Sequence[float], wide: torch.dtype
) -> list[Term]:
    """The sources that take part; a NaN in one of weight zero does no harm."""
    rest = 1.0 - math.fsum(weights)  # fsum, so that .3 + .7 leaves nothing
    terms = zip((base, *partners), (rest, *weights), strict=True)
    return [
        (source, weight if wide == torch.float64 else float32_weight(weight))
        for source, weight in terms
        if float32_weight(weight) != 0.0
    ]


def _quick(
    out: torch.Tensor,
    base: torch.Tensor,
    partners: Sequence[torch.Tensor],
    weights: Sequence[float],
    workspace: Workspace,
) -> None:
    """In two buffers, however many partners there are."""
    wide = wide_type(out.dtype)
    (first, share), *others = _terms(base, partners, weights, wide)
    step = min(workspace.piece, out.numel())
    whole, spare = (workspace.take(name, step, wide) for name in ("total", "product"))
    for start in range(0, out.numel(), max(1, step)):
        end = min(start + step, out.numel())
        total, product = whole[: end - start], spare[: end - start]
        total.copy_(first[start:end]).mul_(share)
        for source, weight in others:
            total.add_(product.copy_(source[start:end]).mul_(weight))
        out[start:end].copy_(total)


@merge_method(shares=lambda weights: weights, quick=_quick, label="Weighted sum")
def weighted_sum(
    base: torch.Tensor, partners: Sequence[torch.Tensor], weights: Sequence[float]
) -> torch.Tensor:
    """Base and partners, each times its weight; the base has what the partners leave of 1."""
    (first, share), *others = _terms(base, partners, weights, base.dtype)
    total = first * share
    for source, weight in others:
        total = total + source * weight
    return total
