"""Merged tensors into a running model, in place."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from lib_rimo.merging.checkpoints.header import TensorSpec
from lib_rimo.merging.live.weights import LiveSlot, LiveWeights
from lib_rimo.merging.mix.sink import Scratch


class LiveSink:
    """Writes into a running model, in place.

    Args:
        live: The model's tensors now.
        through: Key -> number type that the host's own loading passed through between the file's type and the
            live one, where it did; a merge takes the same way, so that it is rounded as the saved file would be.
    """

    def __init__(self, live: LiveWeights, through: Mapping[str, torch.dtype] | None = None) -> None:
        self._live = live
        self._through = through or {}
        self._scratch = Scratch()

    def accepts(self, key: str) -> bool:
        """What the model has and allows."""
        return key in self._live.slots and key not in self._live.refused

    def begin(self, _specs: Mapping[str, TensorSpec]) -> None:
        """Nothing to prepare."""

    def place(self, key: str, spec: TensorSpec) -> torch.Tensor:
        """The live memory itself where it is as plain as the merged tensor, else the thread's scratch memory."""
        slots = distinct(self._live.slots[key])
        if len(slots) == 1 and _plain(slots[0], spec) and key not in self._through:
            return slots[0].tensor.data.view(-1)
        return self._scratch.flat(spec)

    def put(self, key: str, spec: TensorSpec, flat: torch.Tensor) -> None:
        """Copies into each live place what was not written there directly."""
        merged = flat.view(spec.shape)
        if key in self._through:
            merged = merged.to(self._through[key])
        for slot in distinct(self._live.slots[key]):
            if slot.tensor.data_ptr() != flat.data_ptr() or not _plain(slot, spec):
                slot.tensor.data.copy_(part_for(slot, merged))


def part_for(slot: LiveSlot, tensor: torch.Tensor) -> torch.Tensor:
    """What of a checkpoint tensor a slot holds."""
    return tensor if slot.view is None else slot.view(tensor)


def distinct(slots: tuple[LiveSlot, ...]) -> tuple[LiveSlot, ...]:
    """The slots without those that are the same memory seen twice (a shared parameter under two names)."""
    if len(slots) == 1:
        return slots
    seen: dict[tuple[object, ...], LiveSlot] = {}
    for slot in slots:
        t = slot.tensor
        seen.setdefault((t.device, t.data_ptr(), t.dtype, t.shape, t.stride(), slot.view), slot)
    return tuple(seen.values())


def _plain(slot: LiveSlot, spec: TensorSpec) -> bool:
    tensor = slot.tensor
    return (
        slot.view is None
        and tensor.device.type == "cpu"
        and tensor.dtype == spec.dtype
        and tuple(tensor.shape) == spec.shape
        and tensor.is_contiguous()
    )
