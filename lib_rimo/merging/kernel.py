"""The arithmetic of a merge: a weighted sum in float32 with one rounding at the end.

Notation
    x_j    source j (base first, then the partners in the recipe's order), any floating type
    w_j    its weight, rounded to float32
    out    rounding of  (..((w_0 x_0 + w_1 x_1) + w_2 x_2) .. )  to the type of ``out``

Every product and every sum is rounded to float32 by itself, never fused into one step. So each element depends on
nothing but the elements in its place: not on the size of the pieces, the number of threads, the width of the
processor's vectors, or whether an element falls into a vector or a remainder.

Why pieces: whole-tensor arithmetic writes and reads temporaries of the model's size through main memory and took ten
times as long. Here a piece of 128 Ki elements goes through all steps while it lies in the cache. torch converts
(numpy's conversion of half floats is slow), numpy computes (its calls cost a fifth of torch's). torch would split a
call of more than 32 Ki elements over its own threads, which collapses when anybody else uses the processor;
conversions therefore go in slices of exactly that size, and threads are ours (``parallel``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

SLICE = 32_768
"""Elements per conversion: torch's own threshold for splitting work over threads."""
PIECE = 4 * SLICE
"""Elements per round: two float32 buffers of this size are 1 MiB, the second-level cache of today's processors."""

Term = tuple[torch.Tensor, float]
"""A source tensor, flat and contiguous, and its weight."""


def float32_weight(weight: float) -> float:
    """The weight as the arithmetic sees it; one that vanishes in float32 is a zero."""
    return float(np.float32(weight))


class Blender:
    """Blends tensors; one per thread, because it owns its buffers.

    Args:
        piece: Elements per round; any positive number gives the same results.
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
        total = out.numel()
        if len(terms) == 1 and terms[0][1] == 1.0:
            for start in range(0, total, PIECE):
                _convert(out[start : start + PIECE], terms[0][0][start : start + PIECE])
            return
        first, second = self._pair(out.dtype, total)
        weight_type = np.float64 if first.dtype == torch.float64 else np.float32
        weights = [weight_type(weight) for _, weight in terms]
        with np.errstate(all="ignore"):  # infinities and NaN of the sources go through, without a warning each
            for start in range(0, total, self._piece):
                stop = min(start + self._piece, total)
                size = stop - start
                a, b = first[:size], second[:size]
                sum_, product = a.numpy(), b.numpy()
                for j, (source, _) in enumerate(terms):
                    into = b if j else a
                    _convert(into, source[start:stop])
                    if j:
                        np.multiply(product, weights[j], out=product)
                        np.add(sum_, product, out=sum_)
                    else:
                        np.multiply(sum_, weights[j], out=sum_)
                _convert(out[start:stop], a)

    def _pair(self, dtype: torch.dtype, total: int) -> tuple[torch.Tensor, torch.Tensor]:
        # float64 is only ever used where the result is float64 itself.
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        size = min(self._piece, total)
        pair = self._buffers.get(wide)
        if pair is None or pair[0].numel() < size:
            pair = (torch.empty(size, dtype=wide), torch.empty(size, dtype=wide))
            self._buffers[wide] = pair
        return pair


_copy_lists: Any = getattr(torch, "_foreach_copy_", None)
# One call for several slices where this torch has it; without it the loop below does the same, a little slower.


def _convert(into: torch.Tensor, source: torch.Tensor) -> None:
    if into.numel() <= SLICE:
        into.copy_(source)
    elif _copy_lists is not None:
        _copy_lists(torch.split(into, SLICE), torch.split(source, SLICE))
    else:
        for a, b in zip(torch.split(into, SLICE), torch.split(source, SLICE), strict=True):
            a.copy_(b)
