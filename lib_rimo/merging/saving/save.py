"""Saving a recipe as a checkpoint: all of it or nothing, and never over another file."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import torch

from lib_rimo.errors import SaveError
from lib_rimo.files import json_text
from lib_rimo.merging.checkpoints.architecture import sidecar_of
from lib_rimo.merging.checkpoints.digest import write_data_hash
from lib_rimo.merging.checkpoints.header import build_header
from lib_rimo.merging.mix.merge import KeyPlan, Plan, run_plans
from lib_rimo.merging.mix.mixable import (
    LEFT_OUT_KEY,
    check_recipe,
    lacking_json,
    lacking_of,
    refuse_overflow,
)
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sink import FileSink
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.metadata import merge_metadata
from lib_rimo.merging.saving.names import checkpoint_file
from lib_rimo.merging.saving.options import NUMBER_TYPES, SaveOptions
from lib_rimo.said import say

SPARE_BYTES = 64 << 20
"""Left free beyond the file itself, so that a save does not take the last room from the rest of the machine."""
ABANDONED_S = 24 * 3600.0
"""A temporary file older than this belongs to a process that was killed; no save takes a day."""
_PREFIX, _SUFFIX = ".rimo-", ".partial"

_log = logging.getLogger("rimo")


def save_merged(
    recipe: Recipe,
    sources: Sources,
    partition: Partition,
    folder: Path,
    name: str,
    *,
    save_dtype: torch.dtype | None = None,
    form: SaveOptions | None = None,
    metadata: Mapping[str, str] | None = None,
    mix_predictions: bool = False,
    threads: int | None = None,
) -> Path:
    """Saves a recipe as a ``.safetensors`` checkpoint, with a copy of the base's sidecar if it has one.

    Args:
        recipe: What to mix.
        sources: Open files.
        partition: The partition that the recipe's groups are of.
        folder: An existing folder.
        name: File name, with or without ending.
        save_dtype: Number type to round merged tensors to; None takes that of ``form``.
        form: Number type, with or without VAE and EMA copies; None writes everything that the base has.
        metadata: More texts for the header; they come after ours and may replace them.
        mix_predictions: Whether v-prediction and epsilon may be mixed.
        threads: Threads to use; None for as many as torch uses.

    Returns:
        The new file. Until it is complete there is no file of that name.

    Raises:
        SaveError: The name, the folder, or the room on the disk; nothing is left behind.
        RecipeError: Recipe and partition do not fit together.
        CheckpointError: A file is missing, of another family or quantised, or a mixed tensor holds NaN or infinity.
    """
    form = _form(form, save_dtype)
    folder = Path(folder)
    if not folder.is_dir():
        raise SaveError(
            "The folder to save into does not exist", found=folder, fix="Make it or choose another"
        )
    target = checkpoint_file(folder, name)
    check_recipe(recipe, sources, partition, mix_predictions=mix_predictions)
    plan = Plan(recipe, sources, partition, form.dtype)
    plans = [item for item in plan.plans() if form.keeps(item.key)]
    if any(not isinstance(text, str) for text in (metadata or {}).values()):
        raise SaveError("Metadata must be texts", found=metadata)
    texts = {**merge_metadata(recipe, sources, partition, target.stem, form), **(metadata or {})}
    if lacking := lacking_json(lacking_of(plan)):
        texts[LEFT_OUT_KEY] = json_text(lacking)
    sidecar = None if plan.base.is_computed else sidecar_of(plan.base.path)
    write_plans(plans, plan.lacking, texts, target, sidecar=sidecar, threads=threads)
    return target


def write_plans(
    plans: Sequence[KeyPlan],
    lacking: Mapping[str, Iterable[str]],
    texts: Mapping[str, str],
    target: Path,
    *,
    sidecar: Path | None = None,
    check: Callable[[str], None] | None = None,
    threads: int | None = None,
) -> None:
    """Writes planned tensors as a new file.

    Args:
        plans: What to write.
        lacking: See ``run_plans``.
        texts: The header's texts. One that is to hold the hash of the tensors gets it.
        target: The new file.
        sidecar: A file to copy beside it.
        check: Gets the hash of the tensors before the file gets its name; what it raises leaves nothing behind.
        threads: Threads to use; None for as many as torch uses.

    Raises:
        SaveError: The room on the disk, or a file of this name; nothing is left behind.
        CheckpointError: A mixed tensor holds NaN or infinity; nothing is left behind.
    """
    folder = target.parent
    specs = {item.key: item.spec for item in plans}
    need_bytes = len(build_header(specs, texts)[0]) + sum(spec.size_bytes for spec in specs.values())
    _remove_abandoned(folder)
    _check_room(folder, need_bytes)
    with _temporary(folder, target) as (file, temporary):
        run_plans(plans, FileSink(file, texts), lacking, check=refuse_overflow, threads=threads)
        file.close()
        found = write_data_hash(temporary)
        if check is not None:
            check(found)
        _sync_file(temporary)
        _publish(temporary, target, sidecar)


def _form(form: SaveOptions | None, save_dtype: torch.dtype | None) -> SaveOptions:
    if save_dtype is None:
        return form or SaveOptions()
    names = [name for name, dtype in NUMBER_TYPES.items() if dtype == save_dtype]
    return replace(form or SaveOptions(), number_type=names[0] if names else str(save_dtype))


def _sync_file(path: Path) -> None:
    with path.open("r+b") as file:  # Windows renames closed files only, and flushes writable ones only
        os.fsync(file.fileno())


def _check_room(folder: Path, need_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < need_bytes + SPARE_BYTES:
        raise SaveError(
            say("There is not enough room in {1}", folder),
            found=say("{1} GB free", f"{free_bytes / 1e9:.2f}"),
            wanted=say("{1} GB", f"{(need_bytes + SPARE_BYTES) / 1e9:.2f}"),
            fix="Free some room or choose another folder",
        )


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED_S:
                path.unlink()
                _log.info("removed %s, left by a save that was killed", path.name)


@contextlib.contextmanager
def _temporary(folder: Path, target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file beside the target, without a checkpoint's ending; gone on leaving, whatever happens."""
    path = folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
    try:
        with path.open("xb") as file:
            yield file, path
    except OSError as error:
        raise SaveError(
            say("{1} could not be saved", target.name),
            found=error.strerror or str(error),
            wanted=say("a folder that can be written to and has room: {1}", folder),
            fix="Nothing was saved; check the folder's permissions and the free room, then save again",
        ) from error
    finally:
        with contextlib.suppress(OSError):  # must not hide what went wrong before
            path.unlink(missing_ok=True)


def _publish(temporary: Path, target: Path, sidecar: Path | None) -> None:
    """Gives the complete file its name, its sidecar first, so that no one finds the one without the other."""
    beside = target.with_suffix(".yaml")
    if sidecar is not None:
        content = sidecar.read_bytes()
        copy = temporary.with_name(f"{temporary.stem}-yaml{_SUFFIX}")
        try:
            copy.write_bytes(content)
            _rename_new(copy, beside)
        finally:
            copy.unlink(missing_ok=True)
    try:
        _rename_new(temporary, target)
    except BaseException:
        if sidecar is not None:
            beside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _rename_new(old: Path, new: Path) -> None:
    """Renames, but never over an existing file, not even one that appears this very moment."""
    try:
        if os.name == "nt":
            old.rename(new)  # refuses an existing name by itself
            return
        _link(old, new)
        old.unlink(missing_ok=True)
    except FileExistsError as error:
        raise SaveError(
            "There is a file of this name already", found=new, wanted="a new name", fix="Choose another name"
        ) from error


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems (FAT, some network shares) have no hard links: take the name first, then fill it.
        new.open("xb").close()
        try:
            old.replace(new)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    # Some network shares cannot; the file itself is safe on the disk already.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
