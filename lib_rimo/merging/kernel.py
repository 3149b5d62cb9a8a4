"""The arithmetic of a merge: a weighted sum in float32 with one rounding at the end.

Notation
    x_j    source j (base first, then the partners in the recipe's order), any floating type
    w_j    its weight, rounded to float32
    out    rounding of  (..((w_0 x_0 + w_1 x_1) + w_2 x_2) .. )  to the type of ``out``

Every product and every sum is rounded to float32 by itself, never fused into one step. So each element depends on
nothing but the elements in its place: not on the size of the pieces, the number of threads, the width of the
processor's vectors, or whether an element falls into a vector or a remainder.

Why pieces: whole-tensor arithmetic writes and reads temporaries of the model's size through main memory and took ten
times as long. Here a piece of 256 Ki elements goes through all steps while it lies in the cache. torch converts
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
SLICES = 16
"""Slices per round. Two float32 buffers of 16 slices are 4 MiB, which stay in today's last-level caches; the fewer
rounds, the fewer calls. On an idle machine 4, 8 and 16 slices took 0.99, 0.78 and 0.73 s for an SD1.5 UNet; more gained
nothing."""

Term = tuple[torch.Tensor, float]
"""A source tensor, flat and contiguous, and its weight."""


def float32_weight(weight: float) -> float:
    """The weight as the arithmetic sees it; one that vanishes in float32 is a zero."""
    return float(np.float32(weight))


class _Buffers:
    """Two float buffers, seen whole by numpy and in slices by torch."""

    def __init__(self, sum_: torch.Tensor, product: torch.Tensor, slice_: int) -> None:
        self.memory = (sum_, product)
        self.sum, self.product = sum_.numpy(), product.numpy()
        self.sum_slices, self.product_slices = _split(sum_, slice_), _split(product, slice_)

    def first(self, size: int, slice_: int) -> _Buffers:
        """The beginning of the same memory."""
        return _Buffers(self.memory[0][:size], self.memory[1][:size], slice_)


class Blender:
    """Blends tensors; one per thread, because it owns its buffers.

    Args:
        slices: Slices per round.
        slice_elements: Elements per slice. Any numbers give the same results.
    """

    def __init__(self, slices: int = SLICES, slice_elements: int = SLICE) -> None:
        if slices < 1 or slice_elements < 1:
            raise ValueError(f"{slices} slices of {slice_elements} elements")
        self._slices, self._slice = slices, slice_elements
        self._buffers: dict[torch.dtype, _Buffers] = {}

    def blend(self, out: torch.Tensor, terms: Sequence[Term]) -> None:
        """Writes the weighted sum of the terms into ``out``.

        Args:
            out: Flat contiguous tensor on the CPU, shape ``(n,)``, of any floating type (any type at all where
                there is one term of weight one).
            terms: At least one; each tensor of shape ``(n,)``. Sources of weight zero must be left out. A single
                term of weight one is copied: bit for bit within one type, by one conversion between types.
        """
        if not out.numel():
            return
        target = _split(out, self._slice)
        sources = [_split(source, self._slice) for source, _ in terms]
        spans = [slice(at, at + self._slices) for at in range(0, len(target), self._slices)]
        if len(terms) == 1 and terms[0][1] == 1.0:
            for span in spans:
                _convert(target[span], sources[0][span])
            return
        # float64 is only ever used where the result is float64 itself.
        double = out.dtype == torch.float64
        weights = [np.float64(weight) if double else np.float32(weight) for _, weight in terms]
        whole = self._of_type(torch.float64 if double else torch.float32)
        tail = out.numel() % (self._slices * self._slice)
        last = whole.first(tail, self._slice) if tail else whole
        with np.errstate(
            all="ignore"
        ):  # infinities and NaN of the sources go through, without a warning each
            for span in spans:
                buffers = last if span is spans[-1] else whole
                _convert(buffers.sum_slices, sources[0][span])
                np.multiply(buffers.sum, weights[0], out=buffers.sum)
                for source, weight in zip(sources[1:], weights[1:], strict=True):
                    _convert(buffers.product_slices, source[span])
                    np.multiply(buffers.product, weight, out=buffers.product)
                    np.add(buffers.sum, buffers.product, out=buffers.sum)
                _convert(target[span], buffers.sum_slices)

    def _of_type(self, wide: torch.dtype) -> _Buffers:
        buffers = self._buffers.get(wide)
        if buffers is None:
            size = self._slices * self._slice
            sum_, product = torch.empty(size, dtype=wide), torch.empty(size, dtype=wide)
            buffers = self._buffers[wide] = _Buffers(sum_, product, self._slice)
        return buffers


def _split(tensor: torch.Tensor, size: int) -> Sequence[torch.Tensor]:
    # "unsafe" is about gradients, of which there are none; torch.split costs more than the work on a small tensor
    return torch.unsafe_split(tensor, size) if tensor.numel() > size else (tensor,)


_copy_lists: Any = getattr(torch, "_foreach_copy_", None)
# One call for several slices where this torch has it; without it the loop below does the same, a little slower.


def _convert(into: Sequence[torch.Tensor], source: Sequence[torch.Tensor]) -> None:
    if len(into) > 1 and _copy_lists is not None:
        _copy_lists(into, source)
    else:
        for a, b in zip(into, source, strict=True):
            a.copy_(b)
