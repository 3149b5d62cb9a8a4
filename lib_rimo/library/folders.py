"""Where checkpoints, studies, taggers and measurements lie."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import lib_rimo

APPLICATION = "rimo-random-mix"
EXTENSION = Path("scripts", "rimo_random_mix.py")
"""Lies beside the package in a checkout and inside a WebUI, and nowhere else."""


def home() -> Path:
    """The folder that holds all the others.

    Returns:
        ``RIMO_HOME`` if it is set; else the checkout or the WebUI's extension that the package lies in; else, for an
        installed package, the user's data folder: nothing is ever written beside other people's packages.
    """
    if chosen := os.environ.get("RIMO_HOME"):
        return Path(chosen)
    top = Path(lib_rimo.__file__).resolve().parents[1]
    if (top / EXTENSION).is_file():
        return top
    from platformdirs import user_data_path  # a WebUI does not have it, and does not come here

    return user_data_path(APPLICATION, appauthor=False)


@dataclass(frozen=True, slots=True)
class Folders:
    """One folder for each kind of file. None is made before something is put into it.

    Attributes:
        models: Checkpoints to choose from, and saved mixes.
        studies: One folder per study.
        results: Measurements of checkpoints, so that none is drawn twice.
        taggers: Those that were downloaded.
        demo: The tiny family, apart from the user's own models.
    """

    models: Path
    studies: Path
    results: Path
    taggers: Path
    demo: Path

    @classmethod
    def of(
        cls,
        folder: str | Path | None = None,
        *,
        models: Path | None = None,
        studies: Path | None = None,
        results: Path | None = None,
    ) -> Folders:
        """The folders below one.

        Args:
            folder: Holds them; ``home()`` if left out.
            models: In place of the one there, as the next two.
            studies: Measurements made for these studies are then kept beside them.
            results: Measurements.
        """
        top = Path(folder).expanduser() if folder is not None else home()
        beside = top / "bench" if studies is None else studies / "bench"
        return cls(
            models or top / "models",
            studies or top / "studies",
            results or beside,
            top / "taggers",
            top / "demo",
        )
