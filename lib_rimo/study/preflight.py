"""What is checked before the first picture, so that nothing fails after the first night."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from lib_rimo.errors import CheckpointError, HostError, SettingsError
from lib_rimo.hosts.host import Host
from lib_rimo.merging.architecture import check_same, recognise
from lib_rimo.merging.checkpoint import Checkpoint
from lib_rimo.merging.partition import Partition
from lib_rimo.merging.recipe import Recipe, Source
from lib_rimo.merging.sources import Sources

GIB = 1024**3


def check_files(sources: Sources, partition: Partition, wanted: Sequence[Source]) -> list[str]:
    """Checks that the checkpoints can be mixed at all.

    Args:
        sources: The opened files.
        partition: How they are divided.
        wanted: Base first.

    Returns:
        Remarks for the user; empty if there is nothing to say.

    Raises:
        SettingsError: Two of them are the same model, or have the same name.
        ArchitectureError: They are not of one architecture.
        CheckpointError: A tensor holds NaN or infinity.
    """
    notes: list[str] = []
    _refuse_twins(wanted)
    base = sources.open(wanted[0])
    recognise(base)
    for source in wanted:
        checkpoint = sources.open(source)
        if bad := checkpoint.nonfinite_keys(filter(partition.group_of, checkpoint.keys())):
            raise CheckpointError(
                f"{source.name} holds numbers that are not finite",
                found=f"NaN or infinity in {len(bad)} tensors, the first is {bad[0]}",
                wanted="a healthy checkpoint",
                fix="Leave it out, or repair it",
            )
        if source != wanted[0]:
            notes.extend(_compare(base, checkpoint))
    return notes


def _refuse_twins(wanted: Sequence[Source]) -> None:
    for i, one in enumerate(wanted):
        for other in wanted[:i]:
            if one.fingerprint == other.fingerprint:
                raise SettingsError(
                    "partners",
                    f"{one.name} and {other.name} are the same model",
                    found="equal contents",
                    wanted="checkpoints that differ",
                    fix=f"Remove {one.name}",
                )
            if one.name == other.name:
                raise SettingsError(
                    "partners",
                    f"Two checkpoints are called {one.name}",
                    wanted="different file names, since a recipe names files without their folders",
                    fix="Rename one of them",
                )


def _compare(base: Checkpoint, partner: Checkpoint) -> list[str]:
    report = check_same(base, partner)
    reasons = {"lacks": report.missing, "has another shape of": report.reshaped}
    return [
        f"{partner.name} {what} {len(keys)} tensors; they stay as in the base (the first is {keys[0]})."
        for what, keys in reasons.items()
        if keys
    ]


def check_room(base: Path, host: Host, files: Sequence[Path]) -> list[str]:
    """Remarks on memory and disk; neither stops a study, since pages are read as needed and saving is later."""
    notes: list[str] = []
    total = sum(path.stat().st_size for path in files)
    available = available_ram_bytes()
    if available is not None and total > available:
        notes.append(
            f"The checkpoints take {total / GIB:.1f} GB, free memory is {available / GIB:.1f} GB: "
            "swaps will read from the disk and be slower."
        )
    free = shutil.disk_usage(host.save_folder()).free
    if free < base.stat().st_size * 1.05:
        notes.append(
            f"{host.save_folder()} has {free / GIB:.1f} GB free, too little to save the result "
            f"({base.stat().st_size / GIB:.1f} GB)."
        )
    return notes


def available_ram_bytes() -> int | None:
    """Memory that can be had without swapping; None where the system does not tell."""
    try:
        import psutil
    except ImportError:
        pass
    else:
        return int(psutil.virtual_memory().available)
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def canary_recipe(base: Source, partners: Sequence[Source], partition: str, groups: Sequence[str]) -> Recipe:
    """The plain average: if it draws the base's pixels, swaps do not reach the model."""
    share = 1.0 / (len(partners) + 1)
    rows = [[share] * len(groups)] * len(partners)
    return Recipe.from_rows(base, partners, partition, groups, rows)


def check_canary(base_pixels: bytes, average_pixels: bytes, host_name: str) -> None:
    """Two different recipes must give different pixels.

    Raises:
        HostError: They do not: the program draws with other weights than those that were swapped.
    """
    if base_pixels == average_pixels:
        raise HostError(
            f"Swapped weights do not reach the pictures of {host_name}",
            found="the base and the plain average of all partners draw the same pixels",
            wanted="different pixels",
            fix="Turn off whatever replaces the model's layers (TensorRT, compiled or quantised models)",
        )
