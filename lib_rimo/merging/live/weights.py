"""The live model as the merge sees it: checkpoint key -> the places in memory that hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class LiveSlot:
    """One place where a checkpoint tensor lives in a running model.

    A checkpoint tensor may have several (a token embedding wrapped twice, a fused projection split in three).

    Attributes:
        tensor: The live parameter or buffer. It is written in place, so its address never changes.
        view: Takes a tensor of the checkpoint's shape to the part and shape that this slot holds; None where
            the shapes agree. Must be a view, never a copy, and must work for any dtype and device.
    """

    tensor: torch.Tensor
    view: Callable[[torch.Tensor], torch.Tensor] | None = None


@dataclass(frozen=True, slots=True)
class LiveWeights:
    """What can be swapped in a running model now. Ask the host afresh for each swap: models get moved.

    Attributes:
        slots: Checkpoint key -> its places.
        refused: Checkpoint key -> why it cannot or must not be swapped (quantised, replaced by the user's VAE).
    """

    slots: Mapping[str, tuple[LiveSlot, ...]]
    refused: Mapping[str, str]


def live_weights(module: torch.nn.Module) -> LiveWeights:
    """The weights of a module whose tensors are named like the checkpoint's.

    Args:
        module: Any module; parameters and buffers are found by ``state_dict`` names, aliases included.
    """
    slots: dict[str, tuple[LiveSlot, ...]] = {}
    refused: dict[str, str] = {}
    for key, tensor in module.state_dict(keep_vars=True).items():
        if not isinstance(tensor, torch.Tensor):  # a module may keep extra state of any kind there
            continue
        if tensor.is_meta:
            refused[key] = "it is not in memory now (offloaded)"
        elif tensor.is_quantized or tensor.layout != torch.strided:
            refused[key] = "it is stored in a packed form"
        else:
            slots[key] = (LiveSlot(tensor),)
    return LiveWeights(slots, refused)
