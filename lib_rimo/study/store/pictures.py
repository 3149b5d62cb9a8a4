"""The pictures that a study keeps in its folder: sample grids, the one drawn last, and what the user tried."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from lib_rimo.errors import StudyError
from lib_rimo.files import whole_file

GRIDS = "grids"
LATEST = "latest"
TRIES = "tries"
KEPT_TRIES = 200
"""Pictures of prompts that the user tried; the oldest go first."""
_NAME = re.compile(rf"({GRIDS}|{LATEST}|{TRIES})/[a-z0-9-]+\.(webp|png)")


class Pictures:
    """Writes pictures under names that the snapshot may give away, and nothing else.

    Args:
        folder: The study's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._drawn = max((int(p.stem) for p in (folder / LATEST).glob("*.webp")), default=0)

    def keep_grid(self, epoch: int, images: Sequence[Image.Image]) -> tuple[str, ...]:
        """Writes an epoch's sample grid, lossless; returns the names."""
        names = tuple(f"{GRIDS}/epoch-{epoch:03d}-{i:02d}.png" for i in range(len(images)))
        for name, image in zip(names, images, strict=True):
            self._write(name, image)
        return names

    def keep_latest(self, image: Image.Image) -> str:
        """Writes the picture drawn last under a fresh name and forgets the one before the last."""
        self._drawn += 1
        name = f"{LATEST}/{self._drawn:08d}.webp"
        self._write(name, image)
        for old in sorted((self._folder / LATEST).glob("*.webp"))[:-2]:
            old.unlink(missing_ok=True)
        return name

    def keep_tries(self, images: Sequence[Image.Image]) -> tuple[str, ...]:
        """Writes pictures of a prompt that the user tried, lossless; returns the names, which are fresh."""
        old = sorted((self._folder / TRIES).glob("*.png"))
        first = int(old[-1].stem) + 1 if old else 1
        names = tuple(f"{TRIES}/{first + i:08d}.png" for i in range(len(images)))
        for name, image in zip(names, images, strict=True):
            self._write(name, image)
        for gone in old[: max(0, len(old) + len(images) - KEPT_TRIES)]:
            gone.unlink(missing_ok=True)
        return names

    def _write(self, name: str, image: Image.Image) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as draft:
            image.save(draft, "PNG" if path.suffix == ".png" else "WEBP")


def picture_path(folder: Path, name: str) -> Path:
    """The file behind a name from a snapshot.

    Raises:
        StudyError: No snapshot gave that name, or the picture is gone.
    """
    path = folder / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise StudyError("There is no such picture", found=name)
    return path
