"""Write the judging tagger as ONNX in the formats of WD14 and of ML-Danbooru."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from tools.toy_family import tagger, world

RATINGS = ("general", "sensitive", "questionable", "explicit")
_RATING_LOGITS = (4.0, -4.0, -6.0, -8.0)


class _Wd14(nn.Module):
    """NHWC BGR 0-255 in, probabilities out; four constant ratings come first."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("ratings", torch.tensor([_RATING_LOGITS]))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return ``(b, 4 + n_tags)`` probabilities of pixels ``(b, 64, 64, 3)``."""
        logits = self.inner(pixels.flip(-1).permute(0, 3, 1, 2) / 127.5 - 1)
        # Adding zeros of the batch's length repeats the constant row without a shape node.
        ratings = logits[:, :4] * 0 + self.ratings
        return torch.cat([ratings, logits], 1).sigmoid()


class _MlDanbooru(nn.Module):
    """NCHW RGB 0-1 in, logits out."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, pixels: Tensor) -> Tensor:
        """Return ``(b, n_tags)`` logits of pixels ``(b, 3, 64, 64)``."""
        out: Tensor = self.inner(pixels * 2 - 1)
        return out


def _onnx(model: nn.Module, example: Tensor, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The TorchScript exporter needs no further package; that it is the older one is known.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(), (example,), str(path), input_names=["input"], output_names=["output"],
            dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}}, opset_version=17, dynamo=False,
        )  # fmt: skip


def write(out: Path, data: Path) -> None:
    """Write ``tagger/`` (WD14 style) and ``tagger_mld/`` (ML-Danbooru style) into ``data``."""
    inner = tagger.train("judge", out, 0)
    _onnx(_Wd14(inner), torch.zeros((2, 64, 64, 3)), data / "tagger" / "model.onnx")
    _onnx(_MlDanbooru(inner), torch.zeros((2, 3, 64, 64)), data / "tagger_mld" / "model.onnx")
    with (data / "tagger" / "selected_tags.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["tag_id", "name", "category", "count"])
        writer.writerows((9999990 + i, name, 9, 10000) for i, name in enumerate(RATINGS))
        writer.writerows((i + 1, name, 0, 10000) for i, name in enumerate(world.TAGS))
    (data / "tagger_mld" / "classes.json").write_text(json.dumps(list(world.TAGS)) + "\n", "utf-8")
