"""Taggers in the style of ML-Danbooru: an ``.onnx`` file and ``classes.json``.

The model takes pictures of any size, RGB, 0 to 1, channels first, and gives logits. The shorter side becomes 512
pixels and both sides are rounded down to multiples of 4, as in upstream's benchmark.

Source: ML-Danbooru by 7eu7d7 and its ONNX files by deepghs.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from lib_rimo.benchmark.onnx_model import Floats, OnnxModel, find_model
from lib_rimo.benchmark.onnx_tagger import OnnxTagger, check_labels, on_white, read_labels
from lib_rimo.errors import TaggerError

LABELS = "classes.json"
MODELS = ("model.onnx", "ml_caformer_m36_dec-5-97527.onnx")
"""The second is upstream's; it wins where the whole download with its several models lies in the folder."""
THRESHOLD = 0.5
"""Upstream's."""
SHORT_SIDE = 512
ALIGN = 4

_CHANNELS = 3


class MLDanbooruTagger(OnnxTagger):
    """A tagger in the style of ML-Danbooru. All of its classes are tags.

    Args:
        folder: Holds the two files.
        threshold: Probability from which a tag counts as found; None takes .5.
        device: ``auto``, ``cpu`` or ``gpu``.
        threads: CPU threads of one run; None lets onnxruntime decide.

    Raises:
        TaggerError: A file is missing or damaged, or the two do not belong together.
    """

    def __init__(
        self,
        folder: Path,
        threshold: float | None = None,
        *,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        names = _names(folder / LABELS)
        model = OnnxModel(find_model(folder, MODELS), device=device, threads=threads)
        _, channels, height, width = model.shape
        if channels != _CHANNELS:
            raise TaggerError(
                f"The model {model.path.name} is not in the style of ML-Danbooru",
                found=f"input shape {model.shape}",
                wanted=f"(pictures, {_CHANNELS}, height, width)",
                fix="Check that the model and the list of tags come from the same download",
            )
        self._height, self._width = height, width
        check_labels(
            model, folder / LABELS, len(names), (_CHANNELS, height or SHORT_SIDE, width or SHORT_SIDE)
        )
        super().__init__(
            folder,
            model,
            columns=range(len(names)),
            tags=names,
            general=names,
            threshold=THRESHOLD if threshold is None else threshold,
        )

    def _prepare(self, image: Image.Image) -> Floats:
        """Scales with its proportions kept, shape ``(3, height, width)``."""
        image = on_white(image)
        short = min(image.size)
        width, height = (int(side / short * SHORT_SIDE) // ALIGN * ALIGN for side in image.size)
        image = image.resize((self._width or width, self._height or height), Image.Resampling.BILINEAR)
        pixels: Floats = (np.asarray(image, dtype=np.float32) / np.float32(255)).astype(np.float32)
        return np.moveaxis(pixels, 2, 0)

    def _activate(self, raw: Floats) -> Floats:
        if not np.isfinite(raw).all():
            raise TaggerError(
                f"The tagger {self.name} gave values that are no numbers",
                found="NaN or infinity",
                fix="Run it on the CPU, or download the model again",
            )
        # Beyond +-80 float32 overflows in exp, and the probability is 0 or 1 to every digit anyway.
        odds: Floats = np.exp(raw.clip(-80, 80))
        probabilities: Floats = odds / (np.float32(1) + odds)
        return probabilities


def _names(path: Path) -> list[str]:
    """Class names by output: a JSON list, or an object of position to name.

    Raises:
        TaggerError: It is neither.
    """
    try:
        data = json.loads(read_labels(path))
    except ValueError as error:
        raise TaggerError(
            f"The tagger's {path.name} is damaged", found=str(error), wanted="JSON", fix="Download it again"
        ) from error
    if isinstance(data, dict):
        data = [data.get(str(i)) for i in range(len(data))]
    if not isinstance(data, list) or not data or not all(isinstance(n, str) and n.strip() for n in data):
        raise TaggerError(
            f"The tagger's {path.name} has another form",
            found=type(data).__name__,
            wanted="a list of tag names, one per output",
            fix="Download it again",
        )
    return [name.strip() for name in data]
