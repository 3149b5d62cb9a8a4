"""Opening checkpoint files: mapped into memory, checked first, never executed."""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import BinaryIO

import torch

from lib_rimo.errors import CheckpointError
from lib_rimo.merging.checkpoints.header import Header, TensorSpec, gguf_error, read_header
from lib_rimo.merging.checkpoints.keys import canonical_names
from lib_rimo.said import say

SUFFIXES = (".safetensors", ".ckpt")
"""Files that can be opened; anything else is refused by name."""
VAE_SUFFIXES = (*SUFFIXES, ".pt")
"""How a VAE's file may end as well; the WebUIs' ``model.vae.pt`` is read by the safe way only."""

SAMPLE_BLOCKS = 256
SAMPLE_BYTES = 65_536
"""A fingerprint reads 256 blocks of 64 KiB, evenly spread (16 MiB; smaller files whole): two trainings of one model
differ in every tensor, so a sample tells them apart, and a 7 GB file is named in a fraction of a second."""

SCAN_ELEMENTS = 1 << 18
"""Elements looked at together when searching for NaN: 1 MiB as float32, which stays in the processor's cache."""


class Checkpoint(ABC):
    """An open checkpoint. Tensors are views of the mapped file: read them, never write to them.

    On POSIX the file may be deleted or replaced by rename while it is open; the tensors stay what they were.

    Attributes:
        path: Where the file was when it was opened.
        name: File name.
        metadata: The file's own texts; empty for ``.ckpt``.
        fingerprint: SHA-256 in hex over size, header and evenly spread blocks.
    """

    is_computed = False
    """Whether its tensors are computed from other checkpoints when they are read, so that it has no file."""
    left_out: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Of one that is computed: name of a source -> tensors that it should have given but lacks."""

    def __init__(
        self, path: Path, metadata: Mapping[str, str], fingerprint: str, names: Iterable[str]
    ) -> None:
        self.path = path
        self.name = path.name
        self.metadata = metadata
        self.fingerprint = fingerprint
        self._stored = canonical_names(names)

    def keys(self) -> tuple[str, ...]:
        """Tensor names in today's spelling (older files leave ``text_model`` out), in the file's order."""
        return tuple(self._stored)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __contains__(self, key: object) -> bool:
        return key in self._stored

    def stored_name(self, key: str) -> str:
        """How the file itself spells a name; ``KeyError`` where there is none."""
        return self._stored[key]

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape of a tensor; ``KeyError`` where there is none."""
        return self.spec(key).shape

    def dtype(self, key: str) -> torch.dtype:
        """Number type of a tensor; ``KeyError`` where there is none."""
        return self.spec(key).dtype

    def spec(self, key: str) -> TensorSpec:
        """Shape and number type of a tensor; ``KeyError`` where there is none."""
        return self._spec(self._stored[key])

    def tensor(self, key: str) -> torch.Tensor:
        """A tensor on the CPU, a view of the mapped file where its alignment allows it."""
        return self._tensor(self._stored[key])

    def nonfinite(self, key: str) -> bool:
        """Whether a tensor holds NaN or infinity; reads it in small pieces, without a copy of its size."""
        return not_finite(self.tensor(key))

    def nonfinite_keys(self, keys: Iterable[str] | None = None) -> tuple[str, ...]:
        """The tensors among ``keys`` (default: all) that hold NaN or infinity."""
        return tuple(k for k in (self.keys() if keys is None else keys) if self.nonfinite(k))

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Lets the file go. Tensors that were handed out stay valid until they are dropped."""

    @abstractmethod
    def _spec(self, stored: str) -> TensorSpec: ...

    @abstractmethod
    def _tensor(self, stored: str) -> torch.Tensor: ...


def not_finite(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds NaN or infinity."""
    return not math.isfinite(largest(tensor))


def largest(tensor: torch.Tensor) -> float:
    """The largest absolute value of a tensor; looks at small pieces, without a copy of its size.

    Returns:
        NaN or infinity where it holds one, 0 for whole numbers and for no numbers at all.
    """
    found = 0.0
    if not tensor.dtype.is_floating_point or not tensor.numel():
        return found
    for piece in torch.split(tensor.reshape(-1), SCAN_ELEMENTS):
        low, high = torch.aminmax(piece.to(torch.float32) if piece.dtype.itemsize < 4 else piece)
        for end in (abs(float(low)), abs(float(high))):
            if not math.isfinite(end):
                return end
            found = max(found, end)
    return found


def open_checkpoint(path: Path, suffixes: Sequence[str] = SUFFIXES) -> Checkpoint:
    """Opens a checkpoint after checking it.

    Args:
        path: A ``.safetensors`` file, or a ``.ckpt`` that holds nothing but numbers.
        suffixes: How the file may end; what is not ``.safetensors`` is read as a ``.ckpt``.

    Raises:
        CheckpointError: The file is missing, of another kind, truncated, forged, or wants to run code.
    """
    path = Path(path)
    if path.suffix.lower() == ".gguf":
        raise gguf_error(path)
    if path.suffix.lower() not in suffixes:
        raise CheckpointError(
            say("{1} is not a checkpoint that can be opened", path.name),
            found=path.suffix,
            wanted=" or ".join(suffixes),
        )
    try:
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            if path.suffix.lower() == ".safetensors":
                header = read_header(file, size_bytes, path)
                print_of = _fingerprint(file, size_bytes, header.raw)
                # A private mapping: torch wants writable memory, and a stray write must never reach the file.
                memory = mmap.mmap(file.fileno(), size_bytes, access=mmap.ACCESS_COPY)
                return _Safetensors(path, header, print_of, memory)
            return _Pickled(path, _unpickle(path), _fingerprint(file, size_bytes, b""))
    except OSError as error:
        raise CheckpointError(
            say("The checkpoint {1} cannot be read", path.name),
            found=error.strerror or str(error),
            wanted=say("a readable file at {1}", path),
            fix="Check that the file is there and may be read",
        ) from error


def _fingerprint(file: BinaryIO, size_bytes: int, header: bytes) -> str:
    digest = hashlib.sha256(f"{size_bytes}\n".encode())
    digest.update(hashlib.sha256(header).digest())
    if size_bytes <= SAMPLE_BLOCKS * SAMPLE_BYTES:
        starts: Iterable[int] = range(0, size_bytes, SAMPLE_BYTES)
    else:
        last = size_bytes - SAMPLE_BYTES
        starts = (last * i // (SAMPLE_BLOCKS - 1) for i in range(SAMPLE_BLOCKS))
    for start in starts:
        file.seek(start)
        digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


class _Safetensors(Checkpoint):
    def __init__(self, path: Path, header: Header, fingerprint: str, memory: mmap.mmap) -> None:
        super().__init__(path, header.metadata, fingerprint, header.specs)
        self._header = header
        self._memory: mmap.mmap | None = memory

    def _spec(self, stored: str) -> TensorSpec:
        return self._header.specs[stored]

    def _tensor(self, stored: str) -> torch.Tensor:
        if self._memory is None:
            raise CheckpointError(say("The checkpoint {1} was closed already", self.name))
        spec, start = self._header.specs[stored], self._header.starts[stored]
        if spec.numel == 0:
            return torch.empty(spec.shape, dtype=spec.dtype)
        if start % spec.dtype.itemsize:  # old writers did not align; such a tensor is copied
            piece = bytearray(self._memory[start : start + spec.size_bytes])
            return torch.frombuffer(piece, dtype=spec.dtype).view(spec.shape)
        flat = torch.frombuffer(self._memory, dtype=spec.dtype, count=spec.numel, offset=start)
        return flat.view(spec.shape)

    def close(self) -> None:
        # Not memory.close(): it refuses while tensors exist, and the last reference closes it anyway.
        self._memory = None


class _Pickled(Checkpoint):
    def __init__(self, path: Path, tensors: dict[str, torch.Tensor], fingerprint: str) -> None:
        super().__init__(path, {}, fingerprint, tensors)
        self._tensors = tensors

    def _spec(self, stored: str) -> TensorSpec:
        tensor = self._tensors[stored]
        return TensorSpec(tensor.dtype, tuple(tensor.shape))

    def _tensor(self, stored: str) -> torch.Tensor:
        return self._tensors[stored]

    def close(self) -> None:
        self._stored = {}
        self._tensors = {}


def _unpickle(path: Path) -> dict[str, torch.Tensor]:
    try:
        data = _load(path)
    except OSError:
        raise
    except Exception as error:  # a forged pickle may raise anything at all
        raise CheckpointError(
            say("The checkpoint {1} is damaged or holds more than numbers", path.name),
            found=say("{1} while loading it in the safe mode", type(error).__name__),
            wanted="a file that needs no code to load",
            fix="Use the .safetensors version of this model",
        ) from error
    while isinstance(data, dict) and isinstance(data.get("state_dict"), dict):
        data = data["state_dict"]
    tensors = {}
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(key, str) and isinstance(value, torch.Tensor) and value.layout == torch.strided:
                tensors[key] = value.detach()
    if not tensors:
        raise CheckpointError(
            say("The checkpoint {1} holds no tensors", path.name), fix="Choose a model file"
        )
    return tensors


def _load(path: Path) -> object:
    try:
        return torch.load(str(path), map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise
        # Files older than torch 1.6 are no zip archives and cannot be mapped.
        return torch.load(str(path), map_location="cpu", weights_only=True)
