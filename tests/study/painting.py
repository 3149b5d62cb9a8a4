"""A host small enough for unit tests: its model is a few tensors, its pictures are lit stripes.

It is a real host: it loads safetensors, its weights are swapped in place, its pictures follow from weights, prompt
and seed alone. What it lacks is diffusion. A tag's skill is the sum of its column over all block tensors; a prompted
tag's stripe is lit when noise falls below the skill. The tagger beside it is a real ONNX model that reads stripes.
"""

from __future__ import annotations

import csv
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from safetensors.torch import load_file, save_file

from lib_rimo.errors import HostError, HostTakenError
from lib_rimo.hosts.host import ImageDefaults, ImageRequest
from lib_rimo.merging.live.weights import LiveWeights, live_weights

TAGS = ("red", "green", "blue", "round", "square", "high", "low", "wide")
SIDE = 64
_UNET = "model.diffusion_model."
BLOCKS = (
    "input_blocks.0.0.weight", "input_blocks.1.0.weight", "input_blocks.8.0.weight", "middle_block.0.weight",
    "output_blocks.0.0.weight", "output_blocks.2.0.weight", "output_blocks.5.0.weight", "out.2.weight",
)  # fmt: skip
WAIT_S = 600  # a hang is a failure, not an endless run
SKILL_KEYS = tuple(_UNET + b for b in BLOCKS)


def write_model(path: Path, skills: Sequence[float], seed: int = 0) -> Path:
    """Writes a checkpoint whose tag ``j`` is drawn with probability about ``skills[j]``."""
    noise = torch.Generator().manual_seed(seed)
    parts = torch.tensor(skills, dtype=torch.float32) / len(SKILL_KEYS)
    tensors = {key: _spread(parts, noise) for key in SKILL_KEYS}
    tensors["cond_stage_model.transformer.text_model.final_layer_norm.weight"] = torch.ones(
        4, dtype=torch.float16
    )
    tensors["first_stage_model.decoder.conv_in.weight"] = torch.ones(4, 4, 1, 1, dtype=torch.float16)
    save_file(tensors, str(path))
    return path


def _spread(parts: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
    """Shape ``(8, 8, 1, 1)``: column means are ``parts``, rows differ."""
    rows = torch.randn(len(TAGS), len(TAGS), generator=noise) * 0.01
    return (parts + rows - rows.mean(0))[:, :, None, None].to(torch.float16)


def write_tagger(folder: Path) -> Path:
    """Writes a WD14-style tagger that reads the brightness of the stripes."""
    folder.mkdir(parents=True, exist_ok=True)
    n = len(TAGS)
    nodes = [
        helper.make_node("Reshape", ["image", "stripes"], ["split"]),
        helper.make_node("ReduceMean", ["split"], ["mean"], axes=[1, 3, 4], keepdims=0),
        helper.make_node("Sub", ["mean", "middle"], ["centred"]),
        helper.make_node("Mul", ["centred", "slope"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["output"]),
    ]
    constants = {
        "stripes": np.array([-1, SIDE, n, SIDE // n, 3], dtype=np.int64),
        "middle": np.array(127.5, dtype=np.float32),
        "slope": np.array(0.05, dtype=np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "stripes",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", n])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))
    with (folder / "selected_tags.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["tag_id", "name", "category", "count"])
        writer.writerows([i, tag, 0, 1] for i, tag in enumerate(TAGS))
    return folder


class _Model(torch.nn.Module):
    """Holds a checkpoint's tensors under the checkpoint's names."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._tensors = tensors

    def state_dict(self, *args: object, **kwargs: object) -> dict[str, torch.Tensor]:  # type: ignore[override]
        return self._tensors

    def skills(self) -> torch.Tensor:
        """Shape ``(n_tags,)``."""
        return torch.stack([self._tensors[key].float().mean((0, 2, 3)) for key in SKILL_KEYS]).sum(0)


class Turnstile:
    """Where a study's thread stands before it takes the host's queue, so that a test meets it there, however late.

    Args:
        closes: Whether it is closed from now on; asked by the study's thread.
    """

    def __init__(self, closes: Callable[[], bool]) -> None:
        self._closes = closes
        self._change = threading.Condition()
        self._stands = False
        self._steps = 0
        self._is_open = False

    def is_closed(self) -> bool:
        """Whether the study has to stop here."""
        return not self._is_open and self._closes()

    def pass_through(self) -> None:
        """The study's thread comes along."""
        if not self.is_closed():
            return
        with self._change:
            self._stands = True
            self._change.notify_all()
            self._change.wait_for(lambda: self._is_open or self._steps > 0, WAIT_S)
            self._stands = False
            self._steps = max(0, self._steps - 1)

    def meet(self) -> None:
        """Waits until the study stands here, the queue free and the user's weights live."""
        with self._change:
            assert self._change.wait_for(lambda: self._stands, WAIT_S)

    def step(self) -> None:
        """Lets the study draw one batch as soon as it stands here."""
        self.meet()
        with self._change:
            self._stands = False
            self._steps += 1
            self._change.notify_all()

    def open(self) -> None:
        """Stops nobody any more."""
        with self._change:
            self._is_open = True
            self._change.notify_all()


class PaintingHost:
    """Implements ``Host`` on a folder of ``write_model`` checkpoints.

    Attributes:
        batches: Number of ``generate`` calls that drew.
        fail_at: ``generate`` call (counted from 1) that raises; 0 for none.
        taken_at: ``generate`` call at which the user wants the host for something else; 0 for none.
        turnstile: Where other threads than the main one stand before they take the queue.
    """

    name = "painting"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.batches = 0
        self.fail_at = 0
        self.taken_at = 0
        self.turnstile: Turnstile | None = None
        self.model: _Model | None = None
        self._path: Path | None = None
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._stop = threading.Event()

    def checkpoints(self) -> Sequence[Path]:
        return sorted(self.folder.glob("*.safetensors"))

    def loaded(self) -> Path | None:
        return self._path

    def load(self, checkpoint: Path, vae: Path | None = None) -> None:
        if checkpoint != self._path:
            self.model = _Model(load_file(str(checkpoint)))
            self._path = checkpoint

    def load_again(self) -> None:
        path, self._path, self.model = self._path, None, None
        if path is None:
            raise HostError("No model is loaded")
        self.load(path)

    def live(self) -> LiveWeights:
        return live_weights(self._loaded())

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        if self.turnstile is not None and threading.current_thread() is not threading.main_thread():
            self.turnstile.pass_through()
        with self._counting:
            self._waiting += 1
        with self._lock:
            with self._counting:
                self._waiting -= 1
            yield

    def waiting(self) -> int:
        return self._waiting + (self.turnstile is not None and self.turnstile.is_closed())

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        if not self._lock.locked():
            raise HostError("Drawing outside the queue")
        self.batches += 1
        if self.batches == self.fail_at:
            raise HostError("The paint is out", fix="Buy some")
        if self.batches == self.taken_at:
            self._path = None  # the user chose another checkpoint
            raise HostTakenError("Another checkpoint was chosen")
        self._stop.clear()  # an interrupt from before this drawing is not meant for it
        skills = self._loaded().skills().tolist()
        pictures = [_paint(request, skills) for request in requests]
        if self._stop.is_set():
            raise HostError("Drawing was interrupted")
        return pictures

    def weights_changed(self, keys: Sequence[str]) -> None:
        pass

    def interrupt(self) -> None:
        self._stop.set()

    def samplers(self) -> Sequence[str]:
        return ["Euler"]

    def schedulers(self) -> Sequence[str]:
        return ["Automatic"]

    def image_defaults(self) -> ImageDefaults:
        return ImageDefaults(SIDE, SIDE, 4, 2.0, "Euler")

    def batch_size(self, width: int, height: int) -> int:
        return 8

    def save_folder(self) -> Path:
        return self.folder

    def refresh(self) -> None:
        pass

    def _loaded(self) -> _Model:
        if self.model is None:
            raise HostError("No model is loaded")
        return self.model


def _paint(request: ImageRequest, skills: Sequence[float]) -> Image.Image:
    pixels = np.full((SIDE, SIDE, 3), 40, dtype=np.uint8)
    width = SIDE // len(TAGS)
    for j, tag in enumerate(TAGS):
        luck = random.Random(f"{request.seed}/{tag}").random()
        if tag in request.prompt and luck < skills[j]:
            pixels[:, j * width : (j + 1) * width] = 255
        # The picture shows every skill a little, so that equal pictures mean equal weights.
        pixels[0, j * width] = int(max(0.0, min(1.0, skills[j])) * 255)
    return Image.fromarray(pixels)
