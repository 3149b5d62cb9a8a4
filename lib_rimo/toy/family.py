"""Unpack the embedded family into a folder of checkpoints.

The base is stored in full, each specialist as its difference to the base
(:mod:`lib_rimo.toy.delta`). Every file is checked by its SHA-256 from ``manifest.json``
before it is used and after it is made.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib_rimo.errors import CheckpointError, SaveError
from lib_rimo.toy import delta

log = logging.getLogger("rimo")

DATA = Path(__file__).resolve().parent / "data"
"""Folder of the shipped artefacts."""
_CLIP_MARK = "@CLIP_FOLDER@"
_BLOCK_BYTES = 1 << 20
_PATH_BYTES = 8192
"""Longest path that a sidecar is expected to name."""


@dataclass(frozen=True)
class Family:
    """Where the unpacked family lies.

    Attributes:
        base: the base checkpoint, with a ``.yaml`` of the same stem beside it.
        specialists: the fine-tuned checkpoints, each with its ``.yaml``.
        config_dir: folder for ``StableDiffusionPipeline.from_single_file(..., config=)``.
        tagger_dir: folder with ``model.onnx`` and ``selected_tags.csv`` (WD14 format).
        catalogue: CSV of the tags, columns ``name,category``.
    """

    base: Path
    specialists: tuple[Path, ...]
    config_dir: Path
    tagger_dir: Path
    catalogue: Path


@dataclass(frozen=True)
class _Entry:
    """One checkpoint of the manifest; the hashes are SHA-256 in hexadecimal."""

    name: str
    file: str
    file_sha256: str
    sha256: str


def unpack(folder: Path, data: Path = DATA) -> Family:
    """Write the family's checkpoints into ``folder``; files already there are kept.

    Args:
        folder: models folder; it is created when missing.
        data: folder of the artefacts.

    Returns:
        The paths of everything the family consists of.

    Raises:
        CheckpointError: an artefact is missing or damaged.
        SaveError: a file of the same name but other content is in the way, or the
            folder cannot be written to.
    """
    entries = _manifest(data)
    config = _read(data / "v1-inference.yaml").decode("utf-8")
    clip = json.dumps(str((data / "clip").resolve()), ensure_ascii=False)
    sidecar = config.replace(_CLIP_MARK, clip).encode("utf-8")
    base_bytes: bytes | None = None
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for entry in entries:
            target = folder / f"{entry.name}.safetensors"
            paths.append(target)
            if not _is_there(target, entry.sha256):
                if base_bytes is None:
                    base_bytes = _artefact(data, entries[0])
                content = base_bytes if entry is entries[0] else _expanded(data, entry, base_bytes)
                _write_new(target, content)
                log.info("Unpacked %s", target)
            yaml = target.with_suffix(".yaml")
            if _is_old_sidecar(yaml, config, sidecar):
                yaml.unlink()
            if not _is_there(yaml, hashlib.sha256(sidecar).hexdigest()):
                _write_new(yaml, sidecar)
    except OSError as error:
        raise SaveError(
            f"The tiny family could not be unpacked into {folder}",
            found=error.strerror or str(error),
            fix="Choose a folder that can be written to and has 80 MB of free space",
        ) from error
    return family_of(paths, data)


def family_of(checkpoints: Sequence[Path], data: Path = DATA) -> Family:
    """The family around checkpoints that lie somewhere already, the base first."""
    return Family(
        base=checkpoints[0],
        specialists=tuple(checkpoints[1:]),
        config_dir=data / "diffusers",
        tagger_dir=data / "tagger",
        catalogue=data / "catalogue.csv",
    )


def is_of_family(checkpoint: Path, data: Path = DATA) -> bool:
    """Whether a checkpoint has the family's sizes: one of its own files, or a mix of them under any name.

    Only the header is read. The family's configuration, tagger and tags are of use to such files and to no others.
    """
    try:
        found = checkpoint.stat()
    except OSError:
        return False
    return _has_sizes(checkpoint, found.st_size, found.st_mtime_ns, data)


@functools.lru_cache(maxsize=1024)
def _has_sizes(checkpoint: Path, _size: int, _changed: int, data: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    wanted = {
        name: json.loads((data / "diffusers" / name / "config.json").read_text(encoding="utf-8"))
        for name in ("unet", "text_encoder")
    }
    channels, text = wanted["unet"]["block_out_channels"], wanted["text_encoder"]
    shapes = {
        "model.diffusion_model.input_blocks.0.0.weight": [channels[0], wanted["unet"]["in_channels"], 3, 3],
        "model.diffusion_model.out.2.weight": [wanted["unet"]["out_channels"], channels[0], 3, 3],
        "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": [
            text["vocab_size"],
            text["hidden_size"],
        ],
    }
    try:
        with safe_open(str(checkpoint), framework="np") as file:
            names = set(file.keys())
            return all(n in names and file.get_slice(n).get_shape() == shape for n, shape in shapes.items())
    except (OSError, SafetensorError, ValueError):
        return False


def _manifest(data: Path) -> tuple[_Entry, ...]:
    path = data / "manifest.json"
    try:
        rows = json.loads(_read(path))["checkpoints"]
        return tuple(_Entry(row["name"], row["file"], row["file_sha256"], row["sha256"]) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"The tiny family's list {path} is damaged", found=repr(error), fix="Reinstall the extension"
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"A file of the tiny family cannot be read: {path}",
            found=error.strerror or str(error),
            fix="Reinstall the extension",
        ) from error


def _artefact(data: Path, entry: _Entry) -> bytes:
    """Return an artefact's bytes after checking them."""
    content = _read(data / entry.file)
    _check(content, entry.file_sha256, data / entry.file)
    return content


def _expanded(data: Path, entry: _Entry, base: bytes) -> bytes:
    """Return the full checkpoint of a specialist."""
    content = delta.serialize(delta.expand(delta.parse(base), _artefact(data, entry)))
    _check(content, entry.sha256, data / entry.file)
    return content


def _check(content: bytes, wanted: str, path: Path) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise CheckpointError(
            f"A file of the tiny family is damaged: {path}",
            found=f"SHA-256 {found}",
            wanted=wanted,
            fix="Reinstall the extension",
        )


def _is_there(path: Path, wanted: str) -> bool:
    """Tell whether ``path`` holds exactly the wanted bytes.

    Raises:
        SaveError: something else is there.
    """
    if not os.path.lexists(path):
        return False
    found = "no regular file"
    if path.is_file():
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
        found = f"SHA-256 {digest.hexdigest()}"
        if digest.hexdigest() == wanted:
            return True
    raise SaveError(
        f"Another file is in the way of the tiny family: {path}",
        found=found,
        wanted=f"SHA-256 {wanted} or no file",
        fix="Move or rename that file, or choose another folder",
    )


def _is_old_sidecar(path: Path, template: str, current: bytes) -> bool:
    """Tell whether ``path`` is a sidecar of ours that names a former place of the data."""
    if not path.is_file() or path.stat().st_size > len(current) + _PATH_BYTES:
        return False
    before, after = (part.encode("utf-8") for part in template.split(_CLIP_MARK))
    found = path.read_bytes()
    return found != current and found.startswith(before) and found.endswith(after)


def _write_new(path: Path, content: bytes) -> None:
    """Write a file atomically, never over an existing one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes the file private; a checkpoint is readable as any other file.
        temporary.chmod(0o644)
        _publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _publish(temporary: Path, path: Path) -> None:
    """Give a finished file its name; a file that has it already is kept and reported."""
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise SaveError(f"A file appeared in the way of the tiny family: {path}", fix="Try again") from error
    except OSError:
        # File systems without hard links: check, then rename.
        if os.path.lexists(path):
            raise SaveError(
                f"A file appeared in the way of the tiny family: {path}", fix="Try again"
            ) from None
        temporary.rename(path)
