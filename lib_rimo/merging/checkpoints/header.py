"""The head of a ``.safetensors`` file: read with suspicion, written with care.

Source: the format's description, https://huggingface.co/docs/safetensors. A file is 8 bytes of little-endian length
``N``, ``N`` bytes of JSON, then the tensors' bytes without gaps. Nothing that the JSON claims is believed before it
was checked against the size of the file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import torch

from lib_rimo.errors import CheckpointError
from lib_rimo.files import json_text, whole_text
from lib_rimo.said import say

LENGTH_BYTES = 8
GGUF = b"GGUF"
"""What a file of that format begins with."""
MAX_JSON_BYTES = 100_000_000
"""The format's own limit; a longer header is an attempt to fill the memory."""
MAX_DIGITS = 18
"""Longest integer that is converted: more than any file offset has, and never slow to parse."""

_NAMES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
DTYPES: Mapping[str, torch.dtype] = {
    code: getattr(torch, name) for code, name in _NAMES.items() if hasattr(torch, name)
}
"""The format's names of the number types that this torch knows."""
CODES: Mapping[torch.dtype, str] = {dtype: code for code, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a tensor is, without its numbers.

    Attributes:
        dtype: Number type.
        shape: Sizes of the dimensions; empty for a single number.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def numel(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes that the numbers take."""
        return self.numel * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Header:
    """A checked header.

    Attributes:
        specs: Tensor name -> what it is.
        starts: Tensor name -> position of its first byte in the file.
        metadata: The file's own texts.
        raw: The JSON as it stands in the file.
    """

    specs: Mapping[str, TensorSpec]
    starts: Mapping[str, int]
    metadata: Mapping[str, str]
    raw: bytes


class _ForgedError(ValueError):
    """The header contradicts itself or the file; the text says how."""


def read_header(file: BinaryIO, size_bytes: int, path: Path) -> Header:
    """Reads and checks the head of an open file.

    Args:
        file: The file, opened for reading in binary; its position is changed.
        size_bytes: Size of the whole file.
        path: For the error text.

    Raises:
        CheckpointError: The file is truncated, forged, or not a safetensors file.
    """
    file.seek(0)
    if file.read(len(GGUF)) == GGUF:
        raise gguf_error(path)
    try:
        return _read(file, size_bytes)
    except _ForgedError as error:
        raise CheckpointError(
            f"The checkpoint {path.name} is damaged or not a safetensors file",
            found=str(error),
            wanted="a complete .safetensors file",
            fix="Download or copy the file again",
        ) from error


def gguf_error(path: Path) -> CheckpointError:
    """What is said of a GGUF file, whatever it is called."""
    return CheckpointError(
        say("{1} is quantised, so its numbers cannot be used", path.name),
        found="a GGUF file",
        wanted="fp16, bf16, fp32 or plain fp8",
        fix="Choose the model's fp16 file, from which this one was made",
    )


def _read(file: BinaryIO, size_bytes: int) -> Header:
    file.seek(0)
    head = file.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        raise _ForgedError(f"only {len(head)} bytes in the file")
    length = int.from_bytes(head, "little")
    if not 2 <= length <= MAX_JSON_BYTES:
        raise _ForgedError(f"a header of {length} bytes")
    if LENGTH_BYTES + length > size_bytes:
        raise _ForgedError(f"a header of {length} bytes in a file of {size_bytes} bytes")
    raw = file.read(length)
    if len(raw) < length:
        raise _ForgedError("the file ends inside its header")
    data_start = LENGTH_BYTES + length
    data = _parse(raw)
    metadata = _metadata(data.pop("__metadata__", {}))
    specs: dict[str, TensorSpec] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in data.items():
        specs[name], start, end = _entry(name, entry)
        spans.append((start, end, name))
    spans.sort()
    position = 0
    for start, end, name in spans:
        if start != position:
            raise _ForgedError(f"tensor {name!r} begins at byte {start}, the one before ends at {position}")
        position = end
    if data_start + position != size_bytes:
        raise _ForgedError(f"{size_bytes - data_start} bytes of numbers, the header describes {position}")
    return Header(specs, {name: data_start + start for start, _, name in spans}, metadata, raw)


def _parse(raw: bytes) -> dict[str, Any]:
    if raw[:1] != b"{":
        raise _ForgedError("a header that does not begin with '{'")
    try:
        data = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_int=_integer, parse_constant=_refuse
        )
    except _ForgedError:
        raise
    except (ValueError, RecursionError) as error:
        raise _ForgedError(f"a header that is not valid JSON ({type(error).__name__})") from error
    if not isinstance(data, dict):
        raise _ForgedError("a header that is not a JSON object")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _ForgedError(f"the name {twice!r} twice in the header")
    return out


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _ForgedError(f"a number of {len(text)} digits")
    return int(text)


def _refuse(text: str) -> NoReturn:
    raise _ForgedError(f"the value {text} in the header")


def _metadata(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _ForgedError("metadata that is not a list of texts")
    return value


def _entry(name: str, entry: object) -> tuple[TensorSpec, int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _ForgedError(f"tensor {name!r} without dtype, shape and data_offsets")
    code = entry["dtype"]
    dtype = DTYPES.get(code) if isinstance(code, str) else None
    if dtype is None:
        raise _ForgedError(f"tensor {name!r} with unknown number type {code!r}")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _naturals(shape):
        raise _ForgedError(f"tensor {name!r} with impossible shape")
    if not _naturals(offsets) or len(offsets) != len(("start", "end")):
        raise _ForgedError(f"tensor {name!r} with impossible data_offsets")
    spec = TensorSpec(dtype, tuple(shape))
    start, end = offsets
    if end - start != spec.size_bytes:
        raise _ForgedError(
            f"tensor {name!r} with {end - start} bytes where its shape asks for {spec.size_bytes}"
        )
    return spec, start, end


MAX_DIMENSIONS = 64
"""What torch itself can hold."""


def _naturals(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_DIMENSIONS
        and all(type(n) is int and n >= 0 for n in value)  # bool is an int to isinstance
    )


def build_header(
    specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]
) -> tuple[bytes, dict[str, int]]:
    """Lays out a new file.

    Args:
        specs: Tensor name -> what it is.
        metadata: Texts to keep in the file; the format's own library opens none with half characters.

    Returns:
        The bytes that the file begins with, and each tensor's position in the file. Wide types come first so that
        every tensor is aligned to its element size, and the head is padded to 8 bytes, as other writers do.
    """
    order = sorted(specs, key=lambda name: (-specs[name].dtype.itemsize, name))
    texts = {name: whole_text(text) for name, text in sorted(metadata.items())}
    data: dict[str, Any] = {"__metadata__": texts} if metadata else {}
    position = 0
    relative: dict[str, int] = {}
    for name in order:
        spec = specs[name]
        relative[name] = position
        end = position + spec.size_bytes
        data[name] = {"dtype": CODES[spec.dtype], "shape": list(spec.shape), "data_offsets": [position, end]}
        position = end
    raw = json_text(data, separators=(",", ":")).encode("utf-8")
    raw += b" " * (-len(raw) % LENGTH_BYTES)
    start = LENGTH_BYTES + len(raw)
    return len(raw).to_bytes(LENGTH_BYTES, "little") + raw, {n: start + at for n, at in relative.items()}
