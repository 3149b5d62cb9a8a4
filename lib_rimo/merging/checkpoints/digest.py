"""SHA-256 of checkpoint files: of the whole file, as the WebUI names models, and of the tensors alone.

The second is the modelspec standard's ``modelspec.hash_sha256``: it leaves the header out, so it stays the same when
only a title or another text changes, and it proves that a rebuilt checkpoint holds the same bits.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from lib_rimo.merging.checkpoints.header import LENGTH_BYTES

DATA_HASH_KEY = "modelspec.hash_sha256"
NO_DATA_HASH = "0x" + 64 * "0"
"""Stands in the header until the tensors are written; equally long, so that it can be replaced in place."""

_READ_BYTES = 1 << 20
_LEGACY_START, _LEGACY_BYTES, _LEGACY_DIGITS = 0x100000, 0x10000, 8
"""The WebUI's first way to name a model: a hash over 64 KiB at 1 MiB."""


def file_sha256(path: Path) -> str:
    """SHA-256 of a whole file in hex, empty if it is gone by now (an open study survives that)."""
    try:
        with path.open("rb") as file:
            return _rest(file)
    except OSError:
        return ""


def data_sha256(path: Path) -> str:
    """SHA-256 in hex of everything behind a safetensors file's header.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        file.seek(LENGTH_BYTES + length)
        return _rest(file)


def legacy_hash(path: Path) -> str:
    """The eight digits by which old versions of the WebUI knew a model; empty if the file is gone."""
    try:
        with path.open("rb") as file:
            file.seek(_LEGACY_START)
            return hashlib.sha256(file.read(_LEGACY_BYTES)).hexdigest()[:_LEGACY_DIGITS]
    except OSError:
        return ""


def read_hashes(path: Path, wanted: frozenset[str] | None = None) -> tuple[str, str]:
    """Both hashes of a whole file, opened once.

    Args:
        path: The file.
        wanted: Short hashes, see ``legacy_hash``; a file that has none of them is not read to its end. None reads
            any file.

    Returns:
        The short hash, and the SHA-256 in hex; the second is empty where the file was not read.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(_LEGACY_START)
        short = hashlib.sha256(file.read(_LEGACY_BYTES)).hexdigest()[:_LEGACY_DIGITS]
        if wanted is not None and short not in wanted:
            return short, ""
        file.seek(0)
        return short, _rest(file)


def write_data_hash(path: Path) -> str:
    """Puts the hash of the tensors into a header that was written with ``NO_DATA_HASH``.

    Returns:
        The hash in hex; empty if the header has no place for it, and then nothing is changed.

    Raises:
        OSError: The file cannot be read or written.
    """
    found = data_sha256(path)
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        place = file.read(length).find(f'"{DATA_HASH_KEY}":"{NO_DATA_HASH}"'.encode())
        if place < 0:
            return ""
        file.seek(LENGTH_BYTES + place + len(f'"{DATA_HASH_KEY}":"0x'))
        file.write(found.encode())
        file.flush()
    return found


def _rest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_READ_BYTES):
        digest.update(piece)
    return digest.hexdigest()
