"""What diffusers needs to know of a model beside its weights: shapes, schedule, tokenizer.

The usual configurations of SD1 and SDXL, and CLIP's vocabulary, come with the program (``data``): nothing is fetched
for them. A model's own folder is taken where the user names one, and families without either are left to the hub.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from lib_rimo.errors import HostError
from lib_rimo.said import say

INDEX = "model_index.json"

_START, _END = "<|startoftext|>", "<|endoftext|>"
_WORD = "</w>"
_PRINTED = (*range(33, 127), *range(161, 173), *range(174, 256))
"""Bytes that stand for themselves in CLIP's vocabulary; the others have letters from 256 on."""


def read_index(config_dir: Path) -> dict[str, Any]:
    """The ``model_index.json`` of a diffusers configuration folder.

    Raises:
        HostError: The folder has none, or it cannot be read.
    """
    path = config_dir / INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise HostError(
            "The configuration folder is not a diffusers model folder",
            found=str(config_dir),
            wanted=say("a folder with {1}", INDEX),
            fix="Choose the folder that the model was published with, weights are not needed in it",
        ) from error
    except (OSError, ValueError) as error:
        raise HostError(say("{1} cannot be read", INDEX), found=say("{1}: {2}", path, error)) from error
    if not isinstance(index, dict):
        raise HostError(say("{1} cannot be read", INDEX), found=str(path), wanted="a JSON object")
    return index


def is_shipped(family: str) -> bool:
    """Whether a family's usual configuration comes with the program."""
    return family in _shipped()


@contextmanager
def shipped(family: str) -> Iterator[Path]:
    """A family's usual configuration as a folder of diffusers, for as long as the pipeline is being made."""
    with tempfile.TemporaryDirectory(prefix="rimo-") as name:
        folder = Path(name)
        for part, data in _shipped()[family].items():
            if part.startswith("tokenizer"):
                _write_tokenizer(folder / part, pad=data)
            elif part == "model_index":
                _write(folder / INDEX, data)
            else:
                file = "scheduler_config.json" if part == "scheduler" else "config.json"
                _write(folder / part / file, data)
        yield folder


def _shipped() -> dict[str, Any]:
    text = _data("configurations.json").read_text("utf-8")
    return {name: parts for name, parts in json.loads(text).items() if name != "about"}


def _data(name: str) -> Any:
    return resources.files("lib_rimo.hosts.diffusers").joinpath("data").joinpath(name)


def _write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")


def _write_tokenizer(folder: Path, *, pad: str) -> None:
    """CLIP's tokenizer as files: its vocabulary follows from what its merges put together.

    Source: ``simple_tokenizer.py`` of OpenAI's CLIP, for the order of the vocabulary.
    """
    merges = gzip.decompress(_data("clip_merges.txt.gz").read_bytes()).decode("utf-8")
    others = [byte for byte in range(256) if byte not in _PRINTED]
    letters = [chr(byte) for byte in _PRINTED] + [chr(256 + number) for number in range(len(others))]
    made = ["".join(line.split()) for line in merges.splitlines()[1:] if line]
    tokens = [*letters, *(letter + _WORD for letter in letters), *made, _START, _END]
    marks = {"bos_token": _START, "eos_token": _END, "unk_token": _END, "pad_token": pad}
    _write(folder / "vocab.json", {token: number for number, token in enumerate(tokens)})
    (folder / "merges.txt").write_text(merges, encoding="utf-8")
    _write(folder / "special_tokens_map.json", marks)
    more = {"model_max_length": 77, "do_lower_case": True, "tokenizer_class": "CLIPTokenizer"}
    _write(folder / "tokenizer_config.json", {**marks, **more})
