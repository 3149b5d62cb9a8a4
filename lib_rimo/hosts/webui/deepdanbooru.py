"""The WebUI's own DeepDanbooru as a tagger: nothing to download if "Interrogate DeepBooru" was ever pressed.

It is a second copy of the network. The WebUI moves its own between card and memory whenever the user interrogates a
picture, which must not meet a study.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from lib_rimo.errors import TaggerError
from lib_rimo.said import say

NAME = "deepdanbooru"
FOLDER = "torch_deepdanbooru"
THRESHOLD = 0.5
"""The WebUI's default for "DeepBooru: score threshold"."""

_SIDE = 512
_AT_ONCE = 4  # pictures in one run: a large network, and a CPU gains nothing from more
_RATING = "rating:"


class DeepDanbooruTagger:
    """Reads tags off pictures as the WebUI's interrogation does.

    Args:
        threshold: Probability from which a tag counts as found; None takes the one of the WebUI's settings.

    Raises:
        TaggerError: The network's file is not there, or is another one.
    """

    def __init__(self, threshold: float | None = None) -> None:
        from modules import devices, shared

        self._network, every = _read(_file())
        self._device = torch.device(devices.device)
        self._dtype = torch.float16 if self._device.type == "cuda" else torch.float32
        self._network.to(self._device, self._dtype).eval()
        self._columns = [at for at, tag in enumerate(every) if not tag.startswith(_RATING)]
        self._tags = tuple(every[at] for at in self._columns)
        kept = shared.opts.data.get("interrogate_deepbooru_score_threshold") or THRESHOLD
        self._threshold = float(kept) if threshold is None else threshold

    @property
    def name(self) -> str:
        """For messages and reports."""
        return NAME

    @property
    def tags(self) -> tuple[str, ...]:
        """What it can see, in the order of the columns; ratings are left out."""
        return self._tags

    @property
    def threshold(self) -> float:
        """Probability from which a tag counts as found."""
        return self._threshold

    def probabilities(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """The probability of each tag on each picture, shape ``(n_images, n_tags)``.

        Raises:
            TaggerError: The network could not be run.
        """
        none = np.zeros((0, len(self._tags)), dtype=np.float32)
        try:
            return np.concatenate([none, *self._parts(images)])
        except RuntimeError as error:
            raise TaggerError("DeepDanbooru could not read the pictures", found=str(error)) from error

    def _parts(self, images: Sequence[Image.Image]) -> Iterator[NDArray[np.float32]]:
        from modules.images import resize_image

        for start in range(0, len(images), _AT_ONCE):
            some = images[start : start + _AT_ONCE]
            squares = [resize_image(2, image.convert("RGB"), _SIDE, _SIDE) for image in some]
            pixels = np.stack([np.asarray(square, dtype=np.float32) / 255 for square in squares])
            with torch.inference_mode():
                found = self._network(torch.from_numpy(pixels).to(self._device, self._dtype))
            yield found.float().cpu().numpy()[:, self._columns]


def _file() -> Path:
    from modules import paths

    folder = Path(paths.models_path) / FOLDER
    files = sorted(folder.glob("*.pt")) if folder.is_dir() else []
    if not files:
        raise TaggerError(
            "DeepDanbooru is not there yet",
            found=say("no .pt file in {1}", folder),
            wanted="model-resnet_custom_v3.pt",
            fix='Press "Interrogate DeepBooru" in the tab img2img once, which downloads it',
        )
    return files[0]


def _read(file: Path) -> tuple[Any, list[str]]:
    """The network with its weights, and its tags."""
    from modules import deepbooru_model

    # The WebUI puts its own scan of pickles in place of torch.load; weights_only is the stricter of the two.
    safe = sys.modules.get("modules.safe")
    load = getattr(safe, "unsafe_torch_load", torch.load)
    network = deepbooru_model.DeepDanbooruModel()
    try:
        network.load_state_dict(load(str(file), map_location="cpu", weights_only=True))
    except Exception as error:
        raise TaggerError(
            say("{1} is no DeepDanbooru that the WebUI understands", file.name),
            found=say("{1}: {2}", type(error).__name__, str(error)[:200]),
            fix='Delete it and press "Interrogate DeepBooru" in the tab img2img, which downloads it',
        ) from error
    return network, [str(tag) for tag in network.tags]
