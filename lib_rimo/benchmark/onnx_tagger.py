"""What the taggers of both styles share: files, pictures in, probabilities out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lib_rimo.benchmark.catalogue import load_catalogue
from lib_rimo.benchmark.onnx_model import Floats, OnnxModel
from lib_rimo.benchmark.tags import Catalogue, tag_key
from lib_rimo.errors import TaggerError

CATALOGUE = "catalogue.csv"
"""A file of this name beside the model sorts the tagger's tags into categories."""

_AT_ONCE = 32  # pictures held as float arrays at a time, some 5 MB each


class OnnxTagger(ABC):
    """A tagger folder with an ONNX model and a list of labels, one per output.

    Args:
        folder: The tagger's folder.
        model: The open model.
        columns: Outputs that are tags, by position.
        tags: Their names, as many.
        general: Those of the names that are fit to be asked for.
        threshold: Probability from which a tag counts as found.
        characters: Those of the names that are characters'.
        character_threshold: Probability from which one of these counts as found.
    """

    def __init__(
        self,
        folder: Path,
        model: OnnxModel,
        *,
        columns: Sequence[int],
        tags: Sequence[str],
        general: Sequence[str],
        threshold: float,
        characters: Collection[str] = (),
        character_threshold: float | None = None,
    ) -> None:
        self._folder = folder
        self._model = model
        self._columns = np.array(columns, dtype=np.int64)
        self._tags = tuple(tags)
        self._general = tuple({tag_key(name): name for name in general if tag_key(name)}.values())
        self._threshold = threshold
        self._character_threshold = character_threshold if characters else None
        named = set(characters) if self._character_threshold is not None else set()
        self._thresholds = np.array(
            [character_threshold if tag in named else threshold for tag in tags], float
        )

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self._folder

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self._folder.resolve().name

    @property
    def tags(self) -> tuple[str, ...]:
        """What it can see, in the order of the columns."""
        return self._tags

    @property
    def threshold(self) -> float:
        """Probability from which a tag counts as found."""
        return self._threshold

    @property
    def character_threshold(self) -> float | None:
        """The same for tags that name a character; None if it sees none."""
        return self._character_threshold

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """That of each tag, ``(n_tags,)``."""
        return self._thresholds

    def own_catalogue(self) -> Catalogue:
        """The folder's ``catalogue.csv`` if there is one, else the general tags in one category.

        Raises:
            CatalogueError: The file is unusable or names tags that the tagger does not know.
        """
        path = self._folder / CATALOGUE
        if path.is_file():
            return load_catalogue(path).check(self.tags)
        return Catalogue.of(self._general)

    def probabilities(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """The probability of each tag on each picture, shape ``(n_images, n_tags)``.

        Pictures that need the same input shape are run together.

        Raises:
            TaggerError: The model could not be run or gave no probabilities.
        """
        parts = [self._some(images[i : i + _AT_ONCE]) for i in range(0, len(images), _AT_ONCE)]
        return np.concatenate([np.zeros((0, len(self._tags)), dtype=np.float32), *parts])

    def _some(self, images: Sequence[Image.Image]) -> Floats:
        out = np.zeros((len(images), len(self._tags)), dtype=np.float32)
        ready = [self._prepare(image) for image in images]
        shapes: dict[tuple[int, ...], list[int]] = {}
        for i, array in enumerate(ready):
            shapes.setdefault(array.shape, []).append(i)
        for rows in shapes.values():
            raw = self._model.run([ready[i] for i in rows])
            out[rows] = self._activate(raw)[:, self._columns]
        return out

    @abstractmethod
    def _prepare(self, image: Image.Image) -> Floats:
        """The model's input for one picture, without the batch dimension."""

    @abstractmethod
    def _activate(self, raw: Floats) -> Floats:
        """Probabilities of raw outputs, same shape."""


def on_white(image: Image.Image) -> Image.Image:
    """The picture as RGB; what is transparent becomes white, as both styles were trained."""
    if image.mode == "RGB":
        return image
    layers = image.convert("RGBA")
    white = Image.new("RGBA", layers.size, "white")
    return Image.alpha_composite(white, layers).convert("RGB")


def check_labels(model: OnnxModel, labels: Path, count: int, size: tuple[int, ...]) -> None:
    """Makes sure that there is one label per output.

    Args:
        model: The open model.
        labels: File of the labels.
        count: How many there are.
        size: Shape of a picture, for a model that does not say how many outputs it has.

    Raises:
        TaggerError: The numbers differ.
    """
    outputs = model.count_outputs(size)
    if outputs != count:
        raise TaggerError(
            f"{labels.name} and {model.path.name} do not belong together",
            found=f"{count} labels and {outputs} outputs",
            wanted="one label per output",
            fix="Take both files from the same download",
        )


def read_labels(path: Path) -> str:
    """Text of a label file.

    Raises:
        TaggerError: It cannot be read or is not UTF-8 text.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TaggerError(
            f"The tagger's {path.name} cannot be read",
            found=str(error),
            wanted="UTF-8 text",
            fix="Download it again",
        ) from error
