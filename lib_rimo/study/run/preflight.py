"""What is checked before the first picture, so that nothing fails after the first night."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from lib_rimo.errors import HostError, SettingsError
from lib_rimo.hosts.host import DrawingProgram
from lib_rimo.merging.mix.mixable import check_mixable, refuse_damaged, refuse_too_large
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.said import say
from lib_rimo.study.run.preparing import Preparation

GIB = 1024**3


def check_files(
    sources: Sources,
    partition: Partition,
    wanted: Sequence[Source],
    preparation: Preparation | None = None,
    *,
    frozen: Collection[str] = (),
    mix_predictions: bool = False,
) -> list[str]:
    """Checks that the checkpoints can be mixed at all. Reads all of them.

    Args:
        sources: The opened files.
        partition: How they are divided.
        wanted: Base first.
        preparation: Is told which file is read, and may end it.
        frozen: Block groups that are not mixed.
        mix_predictions: Whether v-prediction and epsilon may be mixed.

    Returns:
        Remarks for the user; empty if there is nothing to say.

    Raises:
        SettingsError: Two of them are the same model, or have the same name.
        ArchitectureError: They are not of one architecture or prediction type.
        CheckpointError: A tensor that is mixed holds NaN, infinity or numbers beyond the base's number type, or a file
            is quantised.
        StudyStopped: The preparation was ended.
    """
    preparation = preparation or Preparation()
    _refuse_twins(wanted)
    base, *partners = (sources.open(source) for source in wanted)
    notes = check_mixable(base, partners, mix_predictions=mix_predictions)
    for number, checkpoint in enumerate((base, *partners), 1):
        preparation.step(say("Reading the checkpoints, {1} of {2}", number, len(wanted)))
        groups = {key: group for key in checkpoint if (group := partition.group_of(key)) is not None}
        merged = (key for key, group in groups.items() if group not in frozen)
        refuse_too_large(checkpoint, base, refuse_damaged(checkpoint, merged, preparation.check, base=base))
        damaged = checkpoint.nonfinite_keys(key for key, group in groups.items() if group in frozen)
        if damaged:
            told = "{1} holds numbers that are not finite in {2} tensors that are frozen (the first is {3})."
            notes.append(say(told, checkpoint.name, len(damaged), damaged[0]))
    return notes


def damaged_groups(
    sources: Sources, partition: Partition, partners: Sequence[Source], frozen: Collection[str]
) -> set[str]:
    """Frozen groups in which a partner holds NaN or infinity: there it is drawn with the base's tensors."""
    return {
        group
        for partner in map(sources.open, partners)
        for key in partner
        if (group := partition.group_of(key)) in frozen and group is not None and partner.nonfinite(key)
    }


def _refuse_twins(wanted: Sequence[Source]) -> None:
    for i, one in enumerate(wanted):
        for other in wanted[:i]:
            if one.fingerprint == other.fingerprint:
                raise SettingsError(
                    "partners",
                    say("{1} and {2} are the same model", one.name, other.name),
                    found=say("equal contents"),
                    wanted="checkpoints that differ",
                    fix=say("Remove {1}", one.name),
                )
            if one.name == other.name:
                raise SettingsError(
                    "partners",
                    say("Two checkpoints are called {1}", one.name),
                    wanted="different file names, since a recipe names files without their folders",
                    fix="Rename one of them",
                )


def check_room(base: Path, host: DrawingProgram, files: Sequence[Path]) -> list[str]:
    """Remarks on memory and disk; neither stops a study, since pages are read as needed and saving is later."""
    notes: list[str] = []
    total = sum(path.stat().st_size for path in files)
    available = available_ram_bytes()
    if available is not None and total > available:
        notes.append(
            say(
                "The checkpoints take {1} GB, free memory is {2} GB: swaps will read from the disk and be slower.",
                f"{total / GIB:.1f}",
                f"{available / GIB:.1f}",
            )
        )
    free = shutil.disk_usage(host.save_folder()).free
    if free < base.stat().st_size * 1.05:
        notes.append(
            say(
                "{1} has {2} GB free, too little to save the result ({3} GB).",
                host.save_folder(),
                f"{free / GIB:.1f}",
                f"{base.stat().st_size / GIB:.1f}",
            )
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
            say("Swapped weights do not reach the pictures of {1}", host_name),
            found=say("the base and the plain average of all partners draw the same pixels"),
            wanted="different pixels",
            fix="Turn off whatever replaces the model's layers (TensorRT, compiled or quantised models)",
        )
