"""The folders that checkpoints lie in, by short names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def places(files: Sequence[Path], names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The folder above all checkpoints, and where each one lies: short names that begin with that folder's.

    Args:
        files: The checkpoints.
        names: What each is called in the lists.
    """
    parents = [file.parent for file in files]
    try:
        root = Path(os.path.commonpath(parents))
    except ValueError:  # no checkpoints, or on several drives
        return "*", dict(zip(names, map(str, parents), strict=True))
    name = root.name or str(root)
    below = ["/".join((name, *parent.relative_to(root).parts)) for parent in parents]
    return name, dict(zip(names, below, strict=True))
