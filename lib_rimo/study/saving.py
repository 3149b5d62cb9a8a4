"""Saves a recipe of a study as a checkpoint, with the story of where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

from lib_rimo.errors import SettingsError
from lib_rimo.merging.header import DTYPES
from lib_rimo.merging.partition import load_partition
from lib_rimo.merging.recipe import Recipe
from lib_rimo.merging.save import save_merged
from lib_rimo.merging.sources import Sources
from lib_rimo.study.record import StudyRecord
from lib_rimo.study.snapshot import Result

NUMBER_TYPES = {"fp16": "F16", "bf16": "BF16", "fp32": "F32"}
"""Names that people use -> the file format's."""


def save_record(
    record: StudyRecord,
    recipe: Recipe,
    folder: Path,
    name: str,
    *,
    sources: Sources | None = None,
    number_type: str = "",
) -> Path:
    """Writes a recipe of a study as a checkpoint.

    Args:
        record: What happened in it.
        recipe: Over its files.
        folder: Where checkpoints belong.
        name: File name, with or without ``.safetensors``.
        sources: Its files if they are open already.
        number_type: One of ``NUMBER_TYPES`` that the merged tensors are rounded to; empty keeps the base's.

    Raises:
        SettingsError: There is no such number type.
        SaveError: The name or the folder does not allow it; nothing was written.
    """
    partition = load_partition(record.settings.partition)
    # What was measured was measured of the winner and of no other mix.
    winner = bool(record.winners) and recipe == record.winners[-1]
    metadata = _metadata(record, record.result if winner else None)
    _check_number_type(number_type)
    dtype = DTYPES[NUMBER_TYPES[number_type]] if number_type else None
    if sources is not None:
        return save_merged(recipe, sources, partition, folder, name, save_dtype=dtype, metadata=metadata)
    with Sources(folders=[folder]) as own:
        for path in (record.settings.base, *record.settings.partners):
            own.source_of(path)
        return save_merged(recipe, own, partition, folder, name, save_dtype=dtype, metadata=metadata)


def _check_number_type(number_type: str) -> None:
    if number_type and number_type not in NUMBER_TYPES:
        raise SettingsError(
            "number_type", "There is no such number type", found=number_type, wanted=", ".join(NUMBER_TYPES)
        )


def _metadata(record: StudyRecord, result: Result | None) -> dict[str, str]:
    facts = {
        "study": record.opened.study,
        "images": record.images,
        "trials": len(record.trials),
        "epochs": len(record.winners),
    }
    metadata = {"rimo_study": json.dumps(facts)}
    if result is not None:
        accuracy = {
            "accuracy": result.merged.mean,
            "low": result.merged.low,
            "high": result.merged.high,
            "images": result.merged.images,
            "gain_over_best_parent": result.gain_over_best_parent.mean,
            "gain_low": result.gain_over_best_parent.low,
            "gain_high": result.gain_over_best_parent.high,
        }
        metadata["rimo_accuracy"] = json.dumps(accuracy)
    return metadata
