"""Saves a recipe of a study as a checkpoint, with the story of where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

from lib_rimo.merging.partition import load_partition
from lib_rimo.merging.recipe import Recipe
from lib_rimo.merging.save import save_merged
from lib_rimo.merging.sources import Sources
from lib_rimo.study.record import StudyRecord
from lib_rimo.study.snapshot import Result


def save_record(
    record: StudyRecord,
    recipe: Recipe,
    folder: Path,
    name: str,
    result: Result | None = None,
    *,
    sources: Sources | None = None,
) -> Path:
    """Writes a recipe of a study as a checkpoint.

    Args:
        record: What happened in it.
        recipe: Over its files.
        folder: Where checkpoints belong.
        name: File name, with or without ``.safetensors``.
        result: The measurement to write beside it, if there is one.
        sources: Its files if they are open already.

    Raises:
        SaveError: The name or the folder does not allow it; nothing was written.
    """
    partition = load_partition(record.settings.partition)
    metadata = _metadata(record, result)
    if sources is not None:
        return save_merged(recipe, sources, partition, folder, name, metadata=metadata)
    with Sources(folders=[folder]) as own:
        for path in (record.settings.base, *record.settings.partners):
            own.source_of(path)
        return save_merged(recipe, own, partition, folder, name, metadata=metadata)


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
