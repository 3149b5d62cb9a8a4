"""Small but real taggers: a graph that averages the colours of a picture and weighs them, in both styles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 8
WD_ROWS = (
    ("general", 9),
    ("sensitive", 9),
    ("reddish", 0),
    ("green_light", 0),
    ("blue_sky", 0),
    ("somebody_(series)", 4),
)
WD_TAGS = tuple(name for name, category in WD_ROWS if category != 9)
ML_TAGS = ("reddish", "green light", "blue_sky")

# Column = output, row = colour channel in the order that the model sees: the mean colour decides, 0 to 255 or 0 to 1.
_BGR = np.array([[0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0]], dtype=np.float32)
_RGB = np.eye(3, dtype=np.float32)


def _save(
    path: Path,
    shape: Sequence[object],
    axes: Sequence[int],
    weight: np.ndarray,
    *,
    sigmoid: bool,
    scale: float,
) -> None:
    outputs = weight.shape[1]
    weights = {
        "weight": (weight * scale).astype(np.float32),
        "bias": np.full(outputs, -scale / 2 * (255 if sigmoid else 1), dtype=np.float32),
        "axes": np.array(axes, dtype=np.int64),
    }
    nodes = [
        helper.make_node("ReduceMean", ["input", "axes"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
    ]
    if sigmoid:
        nodes.append(helper.make_node("Sigmoid", ["logits"], ["output"]))
    graph = helper.make_graph(
        nodes,
        "mean_colour",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(
                "output" if sigmoid else "logits", TensorProto.FLOAT, [shape[0], outputs]
            )
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


def write_wd14(
    folder: Path, *, batch: object = "batch", side: int = SIDE, rows: Sequence[tuple[str, int]] = WD_ROWS
) -> Path:
    """A WD14 style folder; a channel's tag is sure above half brightness."""
    _save(folder / "model.onnx", [batch, side, side, 3], [1, 2], _BGR, sigmoid=True, scale=0.05)
    lines = ["tag_id,name,category,count", *(f"{i},{name},{kind},1" for i, (name, kind) in enumerate(rows))]
    (folder / "selected_tags.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def write_ml_danbooru(
    folder: Path,
    *,
    batch: object = "batch",
    size: tuple[object, object] = ("height", "width"),
    name: str = "model.onnx",
    classes: object = ML_TAGS,
) -> Path:
    """An ML-Danbooru style folder; the logit of a channel's tag is 10 times its brightness above one half."""
    _save(folder / name, [batch, 3, *size], [2, 3], _RGB, sigmoid=False, scale=10.0)
    (folder / "classes.json").write_text(json.dumps(classes), "utf-8")
    return folder
