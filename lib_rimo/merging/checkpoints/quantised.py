"""Checkpoints whose numbers are not what they stand for: scaled fp8, 8-bit and 4-bit files.

Each weight of a scaled fp8 file is stored as large as fp8 allows, with the factor that makes it right in a tensor
beside it; files in 8 or 4 bits hold whole numbers and the tables to read them. Mixed as they are, they give weights
that are hundreds of times too large, or nothing at all. Plain fp8 files are numbers like any others.

Sources: the files that ComfyUI, sd-scripts, ModelOpt and bitsandbytes write.
"""

from __future__ import annotations

import torch

from lib_rimo.errors import CheckpointError
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.keys import place_of
from lib_rimo.said import say

_FP8 = tuple(
    getattr(torch, name)
    for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
    if hasattr(torch, name)
)
_SCALES = ("scale_weight", "weight_scale", "weight_scale_inv", "weight_scale_2", "weight._scale", "scale")
"""How the factor of ``X.weight`` is called, after ``X.``."""
_MARK = "scaled_fp8"
"""An empty tensor of this name, anywhere in the file, tells that its fp8 weights are scaled."""


def refuse_quantised(checkpoint: Checkpoint) -> None:
    """Makes sure that a checkpoint's weights are plain numbers.

    Args:
        checkpoint: Only names and number types are looked at, nothing is read.

    Raises:
        CheckpointError: They are scaled or packed; the text says how and what to do.
    """
    marked = any(key.rpartition(".")[2] == _MARK for key in checkpoint)
    scaled: list[str] = []
    packed: list[str] = []
    for key in checkpoint:
        if place_of(key) is None or not key.endswith(".weight"):
            continue
        dtype = checkpoint.dtype(key)
        if dtype in _FP8:
            stem = key.removesuffix("weight")
            if marked or any(stem + name in checkpoint for name in _SCALES):
                scaled.append(key)
        elif not dtype.is_floating_point:
            packed.append(key)
    for keys, kind in ((scaled, "scaled fp8"), (packed, "whole numbers of 8 or 4 bits")):
        if keys:
            raise CheckpointError(
                say("{1} is quantised, so its numbers cannot be mixed", checkpoint.name),
                found=say("{1} weights stored as {2}, the first is {3}", len(keys), kind, keys[0]),
                wanted="fp16, bf16, fp32 or plain fp8",
                fix="Choose the model's fp16 file, from which this one was made",
            )
