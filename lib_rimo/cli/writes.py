"""Measures what is written to checkpoints while trials run: nothing should be."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

SUFFIXES = {".safetensors", ".ckpt", ".pt", ".bin"}

Stamp = tuple[int, int, int]


class CheckpointWrites:
    """Watches folders of checkpoints between the first and the last trial.

    Args:
        folders: Watched whole.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._before: dict[Path, Stamp] | None = None
        self._process_before: int | None = None
        self._bytes = 0
        self._process_bytes: int | None = None
        self._ended = False

    def begin(self) -> None:
        """Call at the first trial; further calls do nothing."""
        if self._before is None:
            self._before = self._stamps()
            self._process_before = _process_bytes_written()

    def end(self) -> None:
        """Call after the last trial; further calls do nothing."""
        if self._before is None or self._ended:
            return
        self._ended = True
        changed = {p: s for p, s in self._stamps().items() if self._before.get(p) != s}
        self._bytes = sum(size for size, _, _ in changed.values())
        now = _process_bytes_written()
        if now is not None and self._process_before is not None:
            self._process_bytes = now - self._process_before

    def report(self) -> dict[str, int | None]:
        """Bytes of new or changed checkpoint files, and all bytes that the process sent to disks (Linux)."""
        return {
            "bytes_written_during_trials": self._bytes,
            "process_bytes_written_during_trials": self._process_bytes,
        }

    def _stamps(self) -> dict[Path, Stamp]:
        files = [p for f in self._folders for p in f.rglob("*") if p.suffix.lower() in SUFFIXES]
        stats = {p: p.stat() for p in files if p.is_file()}
        return {p: (s.st_size, s.st_mtime_ns, s.st_ino) for p, s in stats.items()}


def _process_bytes_written() -> int | None:
    """Bytes that this process caused to be written to disks, by the kernel's own count; None elsewhere."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return int(dict(line.split(": ") for line in lines)["write_bytes"])
