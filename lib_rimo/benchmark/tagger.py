"""The protocol between the score and whatever reads tags off pictures, and how a tagger folder is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lib_rimo.errors import TaggerError


class Tagger(Protocol):
    """Reads tags off pictures."""

    @property
    def name(self) -> str:
        """For messages and reports."""
        ...

    @property
    def tags(self) -> tuple[str, ...]:
        """What it can see, in the order of the columns."""
        ...

    @property
    def threshold(self) -> float:
        """Probability from which a tag counts as found."""
        ...

    def probabilities(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """The probability of each tag on each picture.

        Args:
            images: Pictures of any size and mode.

        Returns:
            Shape ``(n_images, n_tags)``, between 0 and 1.

        Raises:
            TaggerError: The model could not be run.
        """
        ...


@runtime_checkable
class TellsCharacters(Protocol):
    """A tagger with a threshold of its own for tags that name a character."""

    @property
    def character_threshold(self) -> float | None:
        """Probability from which such a tag counts as found; None if it sees none."""
        ...

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """That of each tag, ``(n_tags,)``."""
        ...


def thresholds_of(tagger: Tagger) -> NDArray[np.float64]:
    """Probability from which each of a tagger's tags counts as found, ``(n_tags,)``."""
    if isinstance(tagger, TellsCharacters):
        return tagger.thresholds
    return np.full(len(tagger.tags), tagger.threshold)


def character_threshold_of(tagger: Tagger) -> float | None:
    """That of tags that name a character; None where a tagger does not tell them apart."""
    return tagger.character_threshold if isinstance(tagger, TellsCharacters) else None


def open_tagger(
    folder: Path,
    threshold: float | None = None,
    character_threshold: float | None = None,
    *,
    device: str = "auto",
    threads: int | None = None,
) -> Tagger:
    """Opens the tagger in a folder; its style is told by its list of tags.

    Args:
        folder: Holds either ``selected_tags.csv`` and ``model.onnx`` (WD14 style) or ``classes.json`` and an
            ``.onnx`` file (ML-Danbooru style).
        threshold: Probability from which a tag counts as found, above 0 and at most 1; None takes the style's own.
        character_threshold: The same for tags that name a character, where the list of tags tells them apart.
        device: ``auto`` (a graphics card if the installed onnxruntime can use one, else the CPU), ``cpu`` or
            ``gpu``.
        threads: CPU threads of one run; None lets onnxruntime decide.

    Raises:
        TaggerError: The folder or a file is missing or damaged, or onnxruntime is not installed.
    """
    from lib_rimo.benchmark.ml_danbooru import LABELS as ML_LABELS
    from lib_rimo.benchmark.ml_danbooru import MLDanbooruTagger
    from lib_rimo.benchmark.wd14 import LABELS as WD_LABELS
    from lib_rimo.benchmark.wd14 import WD14Tagger

    folder = Path(folder)
    if not folder.is_dir():
        raise TaggerError(
            "The tagger's folder is missing",
            found=folder,
            wanted=f"a folder with model.onnx and {WD_LABELS}, or an .onnx file and {ML_LABELS}",
            fix="Put the tagger's files there or choose another folder",
        )
    for given in (threshold, character_threshold):
        if given is not None and not 0 < given <= 1:
            raise TaggerError(
                "The tagger's threshold is out of range", found=given, wanted="above 0, at most 1"
            )
    if (folder / WD_LABELS).is_file():
        return WD14Tagger(folder, threshold, character_threshold, device=device, threads=threads)
    if (folder / ML_LABELS).is_file():
        return MLDanbooruTagger(folder, threshold, device=device, threads=threads)
    names = sorted(path.name for path in folder.iterdir())
    raise TaggerError(
        f"The folder {folder} holds no tagger that is understood",
        found=", ".join(names[:8]) or "an empty folder",
        wanted=f"{WD_LABELS} beside model.onnx (WD14), or {ML_LABELS} beside an .onnx file (ML-Danbooru)",
        fix="Copy the list of tags there too",
    )
