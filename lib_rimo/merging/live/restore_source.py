"""How a live tensor can be given back to the user: from the base's file, or from a copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lib_rimo.errors import HostError
from lib_rimo.merging.live.sink import part_for
from lib_rimo.merging.live.weights import LiveSlot
from lib_rimo.merging.mix.kernel import PIECE

WAYS: tuple[torch.dtype | None, ...] = (None, torch.float16, torch.bfloat16)
"""Types that a host may pass through when it loads a file: a half-precision host that stores in 8 bits rounds twice
(seen in both WebUIs)."""


@dataclass(frozen=True, slots=True)
class RestoreSource:
    """Where a live tensor's own numbers can be had again.

    Attributes:
        through: Type between the file's and the live one that loading rounded to, if there was one.
        backup: A copy per slot where the file does not give them; None where it does.
    """

    through: torch.dtype | None = None
    backup: tuple[torch.Tensor, ...] | None = None

    @classmethod
    def copy_of(cls, slots: tuple[LiveSlot, ...]) -> RestoreSource:
        """Copies the live tensors to the CPU's memory."""
        with torch.inference_mode(False):
            return cls(None, tuple(slot.tensor.detach().to("cpu", copy=True) for slot in slots))

    @property
    def size_bytes(self) -> int:
        """Memory that the copies take."""
        return sum(t.numel() * t.element_size() for t in self.backup or ())

    def write_back(self, slots: tuple[LiveSlot, ...]) -> None:
        """Gives the copies back."""
        for slot, tensor in zip(slots, self.backup or (), strict=True):
            slot.tensor.data.copy_(tensor)


def find_restore_source(key: str, tensor: torch.Tensor, slots: tuple[LiveSlot, ...]) -> RestoreSource | None:
    """Finds the way from the base's file to the live tensor.

    Args:
        key: For error texts.
        tensor: The base's tensor.
        slots: The live places of it.

    Returns:
        The way, or None if the live tensor holds other numbers.

    Raises:
        HostError: The live tensor has another shape or does not hold floating-point numbers.
    """
    for slot in slots:
        shape = tuple(part_for(slot, tensor).shape)
        if tuple(slot.tensor.shape) != shape or not slot.tensor.is_floating_point() or slot.tensor.is_meta:
            raise HostError(
                f"The live model's {key} does not fit the checkpoint",
                found=f"{slot.tensor.dtype} of shape {tuple(slot.tensor.shape)} on {slot.tensor.device}",
                wanted=f"a floating-point tensor of shape {shape}",
                fix="Load the base without quantisation, or freeze its block group",
            )
    for way in WAYS:
        if all(_equal(slot, tensor, way) for slot in slots):
            return RestoreSource(way)
    return None


def _equal(slot: LiveSlot, tensor: torch.Tensor, way: torch.dtype | None) -> bool:
    live = slot.tensor.detach()
    if slot.view is None and live.device.type == "cpu" and live.is_contiguous():
        ours, theirs = tensor.reshape(-1), live.view(-1)
        return all(
            _same_bits(_cast(ours[at : at + PIECE], way, live.dtype), theirs[at : at + PIECE])
            for at in range(0, live.numel(), PIECE)
        )
    return _same_bits(_cast(part_for(slot, tensor), way, live.dtype), live.cpu())


def _cast(tensor: torch.Tensor, way: torch.dtype | None, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(dtype) if way is None else tensor.to(way).to(dtype)


def _same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    raw = [t.contiguous().view(-1).view(torch.uint8).numpy() for t in (a, b)]
    return bool(np.array_equal(raw[0], raw[1]))
