"""An ONNX model with one picture input and one output of a number per tag.

onnxruntime is imported when a model is opened, never before: the program works without it until a tagger is used.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lib_rimo.errors import TaggerError

log = logging.getLogger("rimo")

Floats = NDArray[np.float32]

GPU_PROVIDERS = ("CUDAExecutionProvider", "ROCMExecutionProvider", "DmlExecutionProvider")
"""Graphics cards, in order of preference. TensorRT is left out because it compiles for minutes at each start, CoreML
because it computes in half precision."""
CPU_PROVIDER = "CPUExecutionProvider"
DEVICES = ("auto", "cpu", "gpu")
DYNAMIC_BATCH = 16
"""Pictures of one run where the model takes any number: larger gained nothing on CPUs and costs memory."""

_ERRORS_ONLY = 3  # onnxruntime's log level; its warnings about graph details are of no use to the user
_IMAGE_DIMENSIONS = 4


def device_in_use() -> str:
    """What taggers run on here: ``gpu``, ``cpu``, or ``none`` where onnxruntime is not installed."""
    try:
        runtime = _runtime()
    except TaggerError:
        return "none"
    return "cpu" if _providers(runtime, "auto")[0] == CPU_PROVIDER else "gpu"


def find_model(folder: Path, preferred: Sequence[str]) -> Path:
    """The model file of a tagger folder.

    Args:
        folder: Where to look.
        preferred: File names that win over others, best first.

    Raises:
        TaggerError: There is none, or several and none of the preferred.
    """
    for name in preferred:
        if (folder / name).is_file():
            return folder / name
    found = sorted(folder.glob("*.onnx"))
    if len(found) == 1:
        return found[0]
    raise TaggerError(
        f"The tagger folder {folder} has {'several models' if found else 'no model'}",
        found=", ".join(path.name for path in found) or "no .onnx file",
        wanted=" or ".join(preferred),
        fix="Keep one of them" if found else "Download the model file into the folder",
    )


class OnnxModel:
    """An open model.

    Args:
        path: The ``.onnx`` file.
        device: ``auto``, ``cpu`` or ``gpu``.
        threads: CPU threads of one run; None lets onnxruntime decide.

    Attributes:
        path: The file.
        shape: Of the input, 4 entries; None where the model takes any number.
        outputs: Length of the output for one picture; None where the file does not say.

    Raises:
        TaggerError: onnxruntime is missing, the device is not to be had, or the file is damaged or has other
            inputs or outputs than a tagger.
    """

    def __init__(self, path: Path, *, device: str = "auto", threads: int | None = None) -> None:
        runtime = _runtime()
        self.path = path
        options = runtime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session: Any = runtime.InferenceSession(
                str(path), sess_options=options, providers=_providers(runtime, device)
            )
        except TaggerError:
            raise
        except Exception as error:  # onnxruntime's own exceptions share no public base class
            raise TaggerError(
                f"The tagger model {path.name} cannot be opened",
                found=_first_line(error),
                wanted="an intact ONNX file",
                fix="Download it again; a broken download is the usual cause",
            ) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(inputs[0].shape) != _IMAGE_DIMENSIONS or inputs[0].type != "tensor(float)":
            raise TaggerError(
                f"The model {path.name} is no tagger",
                found=", ".join(f"{i.name}: {i.type} {i.shape}" for i in inputs) or "no input",
                wanted="one float input with 4 dimensions",
            )
        self._input = inputs[0].name
        self._output = outputs[0].name
        self.shape = tuple(_fixed(length) for length in inputs[0].shape)
        self.outputs = _fixed(outputs[0].shape[-1]) if outputs[0].shape else None
        log.info("tagger model %s opened on %s", path.name, self._session.get_providers()[0])

    def run(self, images: Sequence[Floats]) -> Floats:
        """Runs the model on pictures of one shape, as many at a time as it takes.

        Args:
            images: Arrays of one shape, without the batch dimension.

        Returns:
            Raw outputs, shape ``(n_images, n_outputs)``.

        Raises:
            TaggerError: The model failed.
        """
        fixed = self.shape[0]
        size = fixed or DYNAMIC_BATCH
        parts = []
        for start in range(0, len(images), size):
            chunk = list(images[start : start + size])
            wanted = len(chunk)
            if fixed:
                chunk += [chunk[-1]] * (fixed - wanted)  # a fixed batch must be full; the rest is thrown away
            parts.append(self._once(np.stack(chunk))[:wanted])
        return np.concatenate(parts)

    def _once(self, batch: Floats) -> Floats:
        try:
            (output,) = self._session.run([self._output], {self._input: batch})
            return np.asarray(output, dtype=np.float32).reshape(len(batch), -1)
        except Exception as error:  # as above
            raise TaggerError(
                f"The tagger model {self.path.name} failed on a batch of shape {batch.shape}",
                found=_first_line(error),
                fix="If the graphics card is full, run the tagger on the CPU",
            ) from error

    def count_outputs(self, size: tuple[int, ...]) -> int:
        """Length of the output for one picture, by a run on a blank one where the file does not say.

        Args:
            size: Shape of a picture, without the batch dimension.
        """
        if self.outputs is None:
            self.outputs = self.run([np.zeros(size, dtype=np.float32)]).shape[1]
        return self.outputs


def _runtime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise TaggerError(
            "Taggers need the package onnxruntime, which is not installed here",
            found=str(error),
            fix="Install it into the same environment: pip install onnxruntime",
        ) from error
    module: ModuleType = onnxruntime
    return module


def _providers(runtime: ModuleType, device: str) -> list[str]:
    if device not in DEVICES:
        raise TaggerError("There is no such device for taggers", found=device, wanted=", ".join(DEVICES))
    available = runtime.get_available_providers()
    cards = [] if device == "cpu" else [name for name in GPU_PROVIDERS if name in available]
    if device == "gpu" and not cards:
        raise TaggerError(
            "The installed onnxruntime cannot use a graphics card",
            found=", ".join(available),
            wanted=", ".join(GPU_PROVIDERS),
            fix="Run the tagger on the CPU",
        )
    return [*cards, CPU_PROVIDER]


def _fixed(length: object) -> int | None:
    """A dimension's length; None for the names and holes that stand for any number."""
    return length if isinstance(length, int) and length > 0 else None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
