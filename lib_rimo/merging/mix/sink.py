"""Where merged tensors go: a dict, a file, a running model. One tensor is in flight per thread, never a model."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import BinaryIO, Protocol

import torch

from lib_rimo.merging.checkpoints.header import TensorSpec, build_header


class Sink(Protocol):
    """Takes merged tensors. ``place`` and ``put`` are called from several threads, each key by one of them."""

    def accepts(self, key: str, /) -> bool:
        """Whether the sink has a place for this key."""

    def begin(self, specs: Mapping[str, TensorSpec], /) -> None:
        """Announces everything that will come, before the first tensor."""

    def place(self, key: str, spec: TensorSpec, /) -> torch.Tensor:
        """Memory to write the tensor into: flat, contiguous, on the CPU, of the spec's type and size."""

    def put(self, key: str, spec: TensorSpec, flat: torch.Tensor, /) -> None:
        """The tensor is complete; ``flat`` is what ``place`` gave, now filled."""


class Scratch:
    """Memory that each thread uses over and over for one tensor at a time."""

    def __init__(self) -> None:
        self._local = threading.local()

    def flat(self, spec: TensorSpec) -> torch.Tensor:
        """Uninitialised memory for a tensor; the same memory again for the thread's next one."""
        bytes_: torch.Tensor | None = getattr(self._local, "bytes_", None)
        if bytes_ is None or bytes_.numel() < spec.size_bytes:
            bytes_ = torch.empty(spec.size_bytes, dtype=torch.uint8)
            self._local.bytes_ = bytes_
        return bytes_[: spec.size_bytes].view(spec.dtype)


class DictSink:
    """Keeps everything in memory: for tests and small models.

    Attributes:
        tensors: Key -> merged tensor.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, torch.Tensor] = {}

    def accepts(self, _key: str) -> bool:
        """Everything."""
        return True

    def begin(self, _specs: Mapping[str, TensorSpec]) -> None:
        """Nothing to prepare."""

    def place(self, _key: str, spec: TensorSpec) -> torch.Tensor:
        """A new tensor, an ordinary one: merging itself runs in inference mode, whose tensors stay read-only."""
        with torch.inference_mode(False):
            return torch.empty(spec.numel, dtype=spec.dtype)

    def put(self, key: str, spec: TensorSpec, flat: torch.Tensor) -> None:
        """Keeps it."""
        with torch.inference_mode(False):
            self.tensors[key] = flat.view(spec.shape)


class FileSink:
    """Streams into an open file in the safetensors format.

    Args:
        file: Opened for writing in binary, empty. Errors of writing are the caller's to handle.
        metadata: Texts for the header.
    """

    def __init__(self, file: BinaryIO, metadata: Mapping[str, str]) -> None:
        self._file = file
        self._metadata = metadata
        self._starts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._scratch = Scratch()

    def accepts(self, _key: str) -> bool:
        """Everything."""
        return True

    def begin(self, specs: Mapping[str, TensorSpec]) -> None:
        """Writes the header."""
        head, self._starts = build_header(specs, self._metadata)
        self._file.write(head)

    def place(self, _key: str, spec: TensorSpec) -> torch.Tensor:
        """The thread's scratch memory."""
        return self._scratch.flat(spec)

    def put(self, key: str, spec: TensorSpec, flat: torch.Tensor) -> None:
        """Writes the tensor where the header says."""
        if not spec.numel:
            return
        data = flat.view(torch.uint8).numpy().data
        with self._lock:
            self._file.seek(self._starts[key])
            while data:  # an unbuffered file may take less than it is given
                data = data[self._file.write(data) :]
