"""The pictures that a study keeps in its folder: the sample grids, and the one drawn last."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from lib_rimo.errors import StudyError

GRIDS = "grids"
LATEST = "latest"
_NAME = re.compile(rf"({GRIDS}|{LATEST})/[a-z0-9-]+\.(webp|png)")


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

    def _write(self, name: str, image: Image.Image) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        image.save(temporary, "PNG" if path.suffix == ".png" else "WEBP")
        temporary.replace(path)


def picture_path(folder: Path, name: str) -> Path:
    """The file behind a name from a snapshot.

    Raises:
        StudyError: No snapshot gave that name, or the picture is gone.
    """
    path = folder / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise StudyError("There is no such picture", found=name)
    return path
