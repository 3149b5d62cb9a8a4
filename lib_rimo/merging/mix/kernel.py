"""One thread's memory for merging, and how pieces of tensors go through it.

Why pieces: whole-tensor arithmetic writes and reads temporaries of the model's size through main memory and took ten
times as long. Here a piece goes through all steps while it lies in the cache. torch would split each step over threads
of its own, which collapses when anybody else uses the processor; threads are ours (``parallel``), with torch's own
turned off in them.
"""

from __future__ import annotations

import numpy as np
import torch

PIECE = 1 << 19
"""Elements per round: two float32 buffers of this size are 4 MiB, which stay in a last-level cache, and calls are few.
By processor time, against copying the same bytes: 32 Ki elements 4.9, 128 Ki 3.4, 256 Ki 2.9, 512 Ki 2.4 times."""


def float32_weight(weight: float) -> float:
    """The weight as the arithmetic sees it; one that vanishes in float32 is a zero."""
    return float(np.float32(weight))


def wide_type(dtype: torch.dtype) -> torch.dtype:
    """The number type that a result of this type is computed in: float64 only for what is float64 itself."""
    return torch.float64 if dtype == torch.float64 else torch.float32


class Workspace:
    """Memory that one thread uses over and over, for one tensor at a time.

    Args:
        piece: Elements per round. Any number gives the same results.
    """

    def __init__(self, piece: int = PIECE) -> None:
        if piece < 1:
            raise ValueError(f"a piece of {piece} elements")
        self.piece = piece
        self._held: dict[tuple[str, torch.dtype], torch.Tensor] = {}

    def take(self, name: str, numel: int, dtype: torch.dtype) -> torch.Tensor:
        """Uninitialised memory, shape ``(numel,)``; the same memory again for the same name and type."""
        held = self._held.get((name, dtype))
        if held is None or held.numel() < numel:
            held = self._held[name, dtype] = torch.empty(numel, dtype=dtype)
        return held[:numel]
