"""The tiny family: offered when it is asked for, and never among the user's own models."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from lib_rimo.toy.family import DATA, Family, unpack


class DemoFamily:
    """Implements ``studies.Demo``.

    Args:
        folder: It is unpacked into, once somebody asks; apart from the user's own models.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._one = threading.Lock()
        self.family: Family | None = None

    @property
    def offered(self) -> bool:
        """Whether it was asked for."""
        return self.family is not None

    def offer(self) -> None:
        """Unpacks it, if that was not done before.

        Raises:
            RimoError: It cannot be unpacked.
        """
        with self._one:
            if self.family is None:
                self.family = unpack(self._folder)

    def hides(self, checkpoint: Path) -> bool:
        """Whether a checkpoint is one of it and nobody asked."""
        return not self.offered and checkpoint.parent == self._folder

    def files(self) -> list[Path]:
        """Where its checkpoints lie, or will."""
        rows = json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))["checkpoints"]
        return [self._folder / f"{row['name']}.safetensors" for row in rows]

    def defaults(self) -> dict[str, Any]:
        """The checkpoints that are offered first, once it was asked for."""
        if self.family is None:
            return {}
        return {"base": self.family.base, "partners": [str(path) for path in self.family.specialists]}
