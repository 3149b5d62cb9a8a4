"""Checkpoint files in folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lib_rimo.merging.checkpoints.checkpoint import SUFFIXES


def checkpoint_files(folders: Sequence[Path]) -> list[Path]:
    """Every checkpoint file in some folders, in the order of their paths.

    Args:
        folders: Subfolders and linked folders included; a file stands for itself.

    Returns:
        One path for each file, however many links lead to it.
    """
    found: dict[Path, Path] = {}
    for folder in folders:
        for path in _below(folder) if folder.is_dir() else [folder]:
            if path.suffix.lower() in SUFFIXES and path.is_file():
                found.setdefault(path.resolve(), path)
    return sorted(found.values(), key=str)


def _below(folder: Path) -> list[Path]:
    seen: set[Path] = set()
    paths: list[Path] = []
    for root, folders, files in os.walk(folder, followlinks=True):
        real = Path(root).resolve()
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        paths.extend(Path(root, name) for name in files)
    return paths
