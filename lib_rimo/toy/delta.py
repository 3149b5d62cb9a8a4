"""Compact storage of a fine-tuned checkpoint as its difference to the base.

Format: an xz stream around a safetensors file. For a tensor ``k`` that differs it holds

* ``k``: int8, the difference in steps, with the tensor's shape;
* ``k.step``: float32 ``(rows,)``, the step of each row (first axis; a vector is one row).

The expanded value is ``float16(float32(base) + float32(steps) * step)``: two float32
operations and one rounding to half, each exactly defined by IEEE 754, hence the same
bytes on every machine. Tensors without a difference are the base's.
"""

from __future__ import annotations

import json
import lzma
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lib_rimo.errors import CheckpointError

Array = NDArray[np.generic]

STEPS_PER_DEVIATION = 3.0
"""Steps per standard deviation of a row: a tenth of its spread is lost to rounding."""
_STEP_SUFFIX = ".step"
_NAMES = {"F16": "<f2", "F32": "<f4", "I64": "<i8", "I8": "|i1"}
_XZ_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 0, "lp": 0, "pb": 0}]


def serialize(tensors: Mapping[str, Array]) -> bytes:
    """Return a safetensors file; equal tensors give equal bytes with every version of numpy."""
    codes = {np.dtype(code): name for name, code in _NAMES.items()}
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name in order:
        value = tensors[name]
        header[name] = {
            "dtype": codes[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [at, at + value.nbytes],
        }
        at += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    parts = [len(text).to_bytes(8, "little"), text]
    parts += [np.ascontiguousarray(tensors[name]).tobytes() for name in order]
    return b"".join(parts)


def parse(data: bytes) -> dict[str, Array]:
    """Read a safetensors file that :func:`serialize` could have written.

    Raises:
        CheckpointError: the bytes are no such file.
    """
    try:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        body = memoryview(data)[8 + size :]
        out: dict[str, Array] = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            if not 0 <= begin <= end <= len(body):
                raise ValueError(f"{name} reaches beyond the end of the file")
            flat = np.frombuffer(body[begin:end], np.dtype(_NAMES[entry["dtype"]]))
            out[name] = flat.reshape(entry["shape"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"Not a readable safetensors file: {error}.") from error
    return out


def compress(base: Mapping[str, Array], tuned: Mapping[str, Array]) -> bytes:
    """Return the compact difference of two checkpoints with equal float16 layout."""
    parts: dict[str, Array] = {}
    for name, new in tuned.items():
        old = base[name]
        if new.dtype != np.float16 or np.array_equal(new, old):
            continue
        difference = new.astype(np.float32) - old.astype(np.float32)
        rows = _rows(difference)
        step = rows.std(axis=1) / np.float32(STEPS_PER_DEVIATION)
        # int8 must reach the largest difference of the row.
        step = np.maximum(step, np.abs(rows).max(axis=1) / np.float32(127)).astype(np.float32)
        safe = np.where(step > 0, step, np.float32(1))
        parts[name] = np.rint(rows / safe[:, None]).astype(np.int8).reshape(new.shape)
        parts[name + _STEP_SUFFIX] = step
    return lzma.compress(serialize(parts), format=lzma.FORMAT_XZ, filters=_XZ_FILTERS)


def expand(base: Mapping[str, Array], data: bytes) -> dict[str, Array]:
    """Return the checkpoint that :func:`compress` stored, as float16 on the base's layout.

    Raises:
        CheckpointError: the data are damaged or belong to another base.
    """
    try:
        parts = parse(lzma.decompress(data, format=lzma.FORMAT_XZ))
    except (lzma.LZMAError, EOFError) as error:
        raise CheckpointError(f"The compact checkpoint is damaged: {error}.") from error
    out = dict(base)
    for name, steps in parts.items():
        if name.endswith(_STEP_SUFFIX):
            continue
        step = parts.get(name + _STEP_SUFFIX)
        old = base.get(name)
        if step is None or old is None or old.shape != steps.shape:
            raise CheckpointError(f"The compact checkpoint does not fit its base at {name!r}.")
        moved = _rows(steps.astype(np.float32)) * step.astype(np.float32)[:, None]
        out[name] = (_rows(old.astype(np.float32)) + moved).astype(np.float16).reshape(old.shape)
    return out


def _rows(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """View values as ``(rows, columns)``; a vector or scalar is one row."""
    rows = values.shape[0] if values.ndim > 1 else 1
    return values.reshape(rows, math.prod(values.shape) // max(rows, 1))
