"""What a checkpoint file is, told before anything is done with it: only its header is looked at, once for each file."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lib_rimo.errors import ArchitectureError, CheckpointError
from lib_rimo.merging.checkpoints.architecture import Architecture, recognise, sidecar_of
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint, open_checkpoint
from lib_rimo.merging.checkpoints.families import families
from lib_rimo.merging.checkpoints.keys import place_of
from lib_rimo.merging.checkpoints.quantised import refuse_quantised
from lib_rimo.said import from_json, to_json

log = logging.getLogger("rimo")

NUMBER_TYPES = {torch.float16: "fp16", torch.bfloat16: "bf16", torch.float32: "fp32", torch.float64: "fp64"}
TITLE = "modelspec.title"
MODELSPEC = "modelspec.prediction_type"
MOST_KEPT = 2000
"""Files whose facts are kept."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file is.

    Attributes:
        name: Of the file.
        size_bytes: Of the file.
        family: Name of its family; empty if it is of none that is known.
        family_title: The same for people.
        inpainting: Whether it takes a mask.
        channels: Width of the network's first layer; 0 where the family has none.
        prediction: ``epsilon``, ``v`` or ``edm v``; empty where nobody can know.
        prediction_source: What says so: the name of a tensor, of an entry of the metadata or of a file beside it; empty
            where it is what the family's files usually predict.
        zero_snr: Whether the file says that it was trained down to no signal.
        vae: Whether it holds one.
        text: Whether it holds a text encoder.
        old_names: Whether that is spelt as in NovelAI's first model.
        number_types: Those of the weights, the most frequent first.
        title: That its metadata gives it.
        problem: Why it can be neither drawn nor mixed, as a text to show; empty if it can.
    """

    name: str
    size_bytes: int
    family: str = ""
    family_title: str = ""
    inpainting: bool = False
    channels: int = 0
    prediction: str = ""
    prediction_source: str = ""
    zero_snr: bool = False
    vae: bool = False
    text: bool = False
    old_names: bool = False
    number_types: tuple[str, ...] = ()
    title: str = ""
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**to_json(dataclasses.asdict(self)), "problem": to_json(self.problem)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FileFacts:
        """Reads what ``to_json`` wrote.

        Raises:
            TypeError: It is something else.
        """
        problem = from_json(data["problem"])
        return cls(**{**data, "number_types": tuple(data["number_types"]), "problem": problem})


def facts_of(path: Path) -> FileFacts:
    """What a file is. Whatever is wrong with it is a fact too, so nothing is raised."""
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    try:
        with open_checkpoint(path) as checkpoint:
            return _facts(checkpoint, FileFacts(path.name, size))
    except CheckpointError as error:
        return FileFacts(path.name, size, problem=error.said)


def _facts(checkpoint: Checkpoint, bare: FileFacts) -> FileFacts:
    problem = ""
    try:
        refuse_quantised(checkpoint)
    except CheckpointError as error:
        problem = error.said
    types = Counter(
        NUMBER_TYPES.get(dtype, str(dtype).removeprefix("torch."))
        for dtype in (checkpoint.dtype(key) for key in checkpoint if place_of(key) is not None)
        if dtype.is_floating_point
    )
    known = dataclasses.replace(
        bare,
        number_types=tuple(name for name, _ in types.most_common()),
        title=checkpoint.metadata.get(TITLE, ""),
        problem=problem,
    )
    try:
        kind = recognise(checkpoint)
    except ArchitectureError as error:
        return dataclasses.replace(known, problem=problem or error.said)
    family = kind.family
    first = family.edges.first if family.edges is not None else ""
    texts, vae = family.parts("text"), family.parts("vae")
    renamed = [old for old, _ in family.renamed]
    return dataclasses.replace(
        known,
        family=family.name,
        family_title=family.title,
        inpainting=kind.inpainting,
        channels=checkpoint.shape(first)[0] if first in checkpoint else 0,
        prediction=kind.predicts or "",
        prediction_source=_source(checkpoint, kind),
        zero_snr=kind.zero_snr,
        vae=any(key.startswith(vae) for key in checkpoint),
        text=any(key.startswith(texts) for key in checkpoint),
        old_names=any(checkpoint.stored_name(key).startswith(tuple(renamed)) for key in checkpoint)
        if renamed
        else False,
    )


def _source(checkpoint: Checkpoint, kind: Architecture) -> str:
    if kind.prediction is None:
        return ""
    if mark := next((tensor for tensor in kind.family.prediction.marks if tensor in checkpoint), ""):
        return mark
    if checkpoint.metadata.get(MODELSPEC):
        return MODELSPEC
    beside = sidecar_of(checkpoint.path)
    return "" if beside is None else beside.name


class FactsCache:
    """Facts by file: path, size, time of change, and that of the file beside it; kept on disk for the next time.

    Args:
        file: Where they are kept; a damaged one is begun anew.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[str, Any] | None = None

    def of(self, path: Path) -> FileFacts:
        """What a file is; only the first time it is opened for it. Any thread."""
        mark = _mark(path)
        place = str(path)
        with self._lock:
            known = self._load()
            kept = known.get(place)
            if isinstance(kept, Mapping) and kept.get("mark") == mark:
                try:
                    return FileFacts.from_json(kept["facts"])
                except (TypeError, KeyError):
                    log.info("What is kept of %s is of another version", path.name)
            facts = facts_of(path)
            known.pop(place, None)
            known[place] = {"mark": mark, "facts": facts.to_json()}
            while len(known) > MOST_KEPT:
                del known[next(iter(known))]
            self._store(known)
            return facts

    def _load(self) -> dict[str, Any]:
        if self._known is None:
            try:
                data = json.loads(self._file.read_text(encoding="utf-8"))
            except (OSError, ValueError, RecursionError):
                data = {}
            self._known = data if isinstance(data, dict) else {}
        return self._known

    def _store(self, known: Mapping[str, Any]) -> None:
        """Where it cannot be written it is only read again the next time."""
        draft = self._file.with_suffix(f".{os.getpid()}.new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
            draft.replace(self._file)
        except OSError as error:
            log.info("What files are is not kept: %s", error)


def _mark(path: Path) -> list[int | str]:
    """What changes with a file, with the one beside it, and with the families that are known."""
    mark: list[int | str] = [",".join(family.name for family in families())]
    for one in (path, path.with_suffix(".yaml")):
        try:
            found = one.stat()
        except OSError:
            mark += [0, 0]
        else:
            mark += [found.st_size, found.st_mtime_ns]
    return mark
