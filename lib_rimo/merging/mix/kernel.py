"""The arithmetic of a merge: a weighted sum in float32 with one rounding at the end.

Notation
    x_j    source j (base first, then the partners in the recipe's order), any floating type
    w_j    its weight, rounded to float32
    out    rounding of  (..((w_0 x_0 + w_1 x_1) + w_2 x_2) .. )  to the type of ``out``

Every product and every sum is rounded to float32 by itself, never fused into one step. So each element depends on
nothing but the elements in its place: not on the size of the pieces, the number of threads, the width of the
processor's vectors, or whether an element falls into a vector or a remainder.

Why pieces: whole-tensor arithmetic writes and reads temporaries of the model's size through main memory and took ten
times as long. Here a piece goes through all steps while it lies in the cache. torch would split each step over threads
of its own, which collapses when anybody else uses the processor; threads are ours (``parallel``), with torch's own
turned off in them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

PIECE = 1 << 19
"""Elements per round: two float32 buffers of this size are 4 MiB, which stay in a last-level cache, and calls are few.
By processor time, against copying the same bytes: 32 Ki elements 4.9, 128 Ki 3.4, 256 Ki 2.9, 512 Ki 2.4 times."""

Term = tuple[torch.Tensor, float]
"""A source tensor, flat and contiguous, and its weight."""


def float32_weight(weight: float) -> float:
    """The weight as the arithmetic sees it; one that vanishes in float32 is a zero."""
    return float(np.float32(weight))


class WeightedSum:
    """Blends tensors; one per thread, because it owns its buffers.

    Args:
        piece: Elements per round. Any number gives the same results.
    """

    def __init__(self, piece: int = PIECE) -> None:
        if piece < 1:
            raise ValueError(f"a piece of {piece} elements")
        self._piece = piece
        self._buffers: dict[torch.dtype, tuple[torch.Tensor, torch.Tensor]] = {}

    def blend(self, out: torch.Tensor, terms: Sequence[Term]) -> None:
        """Writes the weighted sum of the terms into ``out``.

        Args:
            out: Flat contiguous tensor on the CPU, shape ``(n,)``, of any floating type (any type at all where
                there is one term of weight one).
            terms: At least one; each tensor of shape ``(n,)``. Sources of weight zero must be left out. A single
                term of weight one is copied: bit for bit within one type, by one conversion between types.
        """
        if len(terms) == 1 and terms[0][1] == 1.0:
            out.copy_(terms[0][0])
            return
        # float64 is only ever used where the result is float64 itself.
        double = out.dtype == torch.float64
        weights = [weight if double else float32_weight(weight) for _, weight in terms]
        whole, spare = self._of_type(torch.float64 if double else torch.float32)
        for start in range(0, out.numel(), self._piece):
            end = min(start + self._piece, out.numel())
            total, product = whole[: end - start], spare[: end - start]
            total.copy_(terms[0][0][start:end]).mul_(weights[0])
            for (source, _), weight in zip(terms[1:], weights[1:], strict=True):
                total.add_(product.copy_(source[start:end]).mul_(weight))
            out[start:end].copy_(total)

    def _of_type(self, wide: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        if wide not in self._buffers:
            self._buffers[wide] = (torch.empty(self._piece, dtype=wide), torch.empty(self._piece, dtype=wide))
        return self._buffers[wide]
