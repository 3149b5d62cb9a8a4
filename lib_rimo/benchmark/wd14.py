"""Taggers in the style of WD14: ``model.onnx`` and ``selected_tags.csv``.

The model takes squares of one size, BGR, 0 to 255, channels last, and gives probabilities (the sigmoid is inside).
The table has one row per output with ``name`` and ``category``: 0 general, 4 character, 9 rating.

Source: the model cards and the demonstration of the wd-*-tagger models by SmilingWolf.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from PIL import Image

from lib_rimo.benchmark.onnx_model import Floats, OnnxModel, find_model
from lib_rimo.benchmark.onnx_tagger import OnnxTagger, check_labels, on_white, read_labels
from lib_rimo.errors import TaggerError

LABELS = "selected_tags.csv"
MODELS = ("model.onnx",)
THRESHOLD = 0.35
CHARACTER_THRESHOLD = 0.85
"""Those of the demonstration by the models' author (the space wd-tagger)."""

_GENERAL, _CHARACTER, _RATING = "0", "4", "9"
_CHANNELS = 3
_SLACK = 1e-3  # outputs may leave 0..1 by rounding, not by more


class WD14Tagger(OnnxTagger):
    """A tagger in the style of WD14. Ratings are not tags and are left out.

    Args:
        folder: Holds the two files.
        threshold: Probability from which a tag counts as found; None takes .35.
        character_threshold: The same for tags that name a character; None takes .85.
        device: ``auto``, ``cpu`` or ``gpu``.
        threads: CPU threads of one run; None lets onnxruntime decide.

    Raises:
        TaggerError: A file is missing or damaged, or the two do not belong together.
    """

    def __init__(
        self,
        folder: Path,
        threshold: float | None = None,
        character_threshold: float | None = None,
        *,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        rows = _rows(folder / LABELS)
        model = OnnxModel(find_model(folder, MODELS), device=device, threads=threads)
        self._side = _side(model)
        check_labels(model, folder / LABELS, len(rows), (self._side, self._side, _CHANNELS))
        kept = [(i, name) for i, (name, category) in enumerate(rows) if category != _RATING]
        super().__init__(
            folder,
            model,
            columns=[i for i, _ in kept],
            tags=[name for _, name in kept],
            general=[name for name, category in rows if category == _GENERAL],
            threshold=THRESHOLD if threshold is None else threshold,
            characters=[name for name, category in rows if category == _CHARACTER],
            character_threshold=CHARACTER_THRESHOLD if character_threshold is None else character_threshold,
        )

    def _prepare(self, image: Image.Image) -> Floats:
        """Pads with white to a centred square and scales it, shape ``(side, side, 3)``."""
        image = on_white(image)
        side = max(image.size)
        if image.size != (side, side):
            square = Image.new("RGB", (side, side), "white")
            square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
            image = square
        if side != self._side:
            image = image.resize((self._side, self._side), Image.Resampling.BICUBIC)
        return np.asarray(image, dtype=np.float32)[:, :, ::-1]

    def _activate(self, raw: Floats) -> Floats:
        if not (raw.min() >= -_SLACK and raw.max() <= 1 + _SLACK):  # NaN fails too
            raise TaggerError(
                f"The tagger {self.name} gave values that are no probabilities",
                found=f"{raw.min():.3g} to {raw.max():.3g}",
                wanted="0 to 1",
                fix="Use a model of the WD14 style, whose sigmoid is inside",
            )
        return raw.clip(0, 1)


def _side(model: OnnxModel) -> int:
    _, height, width, channels = model.shape
    if height is None or height != width or channels != _CHANNELS:
        raise TaggerError(
            f"The model {model.path.name} is not in the style of WD14",
            found=f"input shape {model.shape}",
            wanted=f"(pictures, side, side, {_CHANNELS})",
            fix="Check that the model and the list of tags come from the same download",
        )
    return height


def _rows(path: Path) -> list[tuple[str, str]]:
    """Name and category of each output.

    Raises:
        TaggerError: The table lacks a column or is malformed.
    """
    try:
        reader = csv.DictReader(io.StringIO(read_labels(path), newline=""), strict=True)
        header = list(reader.fieldnames or ())
        if not {"name", "category"} <= set(header):
            raise TaggerError(
                f"The tagger's {path.name} lacks a column",
                found=", ".join(header)[:200] or "an empty file",
                wanted="name and category",
                fix="Download it again",
            )
        rows = [((row["name"] or "").strip(), (row["category"] or "").strip()) for row in reader]
    except csv.Error as error:
        raise TaggerError(
            f"The tagger's {path.name} is damaged", found=str(error), fix="Download it again"
        ) from error
    if bad := [i + 2 for i, (name, category) in enumerate(rows) if not name or not category]:
        raise TaggerError(
            f"The tagger's {path.name} is damaged",
            found=f"no name or category in line {bad[0]}",
            fix="Download it again",
        )
    return rows
