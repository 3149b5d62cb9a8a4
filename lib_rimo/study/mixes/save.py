"""Saves a recipe of a study as a checkpoint, with the story of where it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.interval import Interval
from lib_rimo.errors import CheckpointError, SettingsError
from lib_rimo.files import json_text
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.merging.mix.mixable import LEFT_OUT_KEY
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.options import NUMBER_TYPES, SaveOptions
from lib_rimo.merging.saving.save import save_merged
from lib_rimo.said import say
from lib_rimo.study.record.plan import identity
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.record.results import Result
from lib_rimo.study.settings.setting import Recorded
from lib_rimo.study.settings.settings import SETTINGS


def form_of(values: Mapping[str, Any]) -> SaveOptions:
    """How to write a checkpoint, as plain values ask for it.

    Args:
        values: ``number_type``, ``vae``, ``ema``; what is not there, or empty, is as by default.

    Raises:
        SettingsError: There is no such number type, or a yes or no is neither.
    """
    number_type = str(values.get("number_type") or "")
    if number_type and number_type not in NUMBER_TYPES:
        raise SettingsError(
            "number_type", "There is no such number type", found=number_type, wanted=", ".join(NUMBER_TYPES)
        )
    for name in ("vae", "ema"):
        if values.get(name) not in (None, True, False):
            raise SettingsError(
                name,
                say("{1} has the wrong kind of value", say(name)),
                found=values[name],
                wanted="yes or no",
            )
    return SaveOptions(number_type, vae=values.get("vae") is not False, ema=values.get("ema") is not False)


def study_sources(record: StudyRecord, folder: Path) -> Sources:
    """A study's files, opened as far as they are there. Whoever asks for them closes them.

    Args:
        record: The study.
        folder: Where else to look for them.

    Raises:
        CheckpointError: One is damaged. One that is missing is told when it is asked for.
    """
    sources = Sources(folders=[folder])
    try:
        for path in (record.settings.base, *record.settings.partners):
            if path.is_file():
                sources.source_of(path)
    except BaseException:
        sources.close()
        raise
    return sources


def save_record(
    record: StudyRecord,
    recipe: Recipe,
    folder: Path,
    name: str,
    sources: Sources,
    *,
    form: SaveOptions | None = None,
) -> Path:
    """Writes a recipe of a study as a checkpoint.

    Args:
        record: What happened in it.
        recipe: Over its files.
        folder: Where checkpoints belong.
        name: File name, with or without ``.safetensors``.
        sources: Its files, open.
        form: Number type, with or without VAE and EMA copies; None writes everything as the base has it.

    Raises:
        SaveError: The name or the folder does not allow it; nothing was written.
        CheckpointError: A file cannot be mixed, or a mixed tensor holds NaN or infinity; nothing was written.
    """
    # What was measured was measured of the winner and of no other mix.
    winner = bool(record.winners) and identity(recipe) == identity(record.winners[-1])
    return save_merged(
        recipe,
        sources,
        load_partition(record.settings.search.partition),
        folder,
        name,
        form=form,
        metadata=_metadata(record, record.result if winner else None),
        mix_predictions=record.settings.mix_predictions,
    )


def left_out_of(path: Path) -> dict[str, Any]:
    """What partners of a saved mix lacked: name -> how many ``tensors``, and the ``first``.

    Empty where they lacked nothing, and where the file is not there any more.
    """
    try:
        with open_checkpoint(path) as saved:
            found: dict[str, Any] = json.loads(saved.metadata.get(LEFT_OUT_KEY, "{}"))
    except CheckpointError:
        return {}
    return found


def _metadata(record: StudyRecord, result: Result | None) -> dict[str, str]:
    """The story of the study: how it searched, how it measured, and what came out if that is this mix's."""
    settings = record.settings.to_json()
    kept = {
        where: [n for n, entry in SETTINGS.items() if entry.about.recorded is where] for where in Recorded
    }
    # Names only: the folders of the user's machine are nobody's business.
    files = {name: SETTINGS[name].of(record.settings) for name in kept[Recorded.NAME]}
    facts: dict[str, Any] = {
        "study": record.opened.study,
        "images": record.images,
        "trials": len(record.trials),
        "epochs": len(record.winners),
        "search": {name: value for name, value in settings.items() if name in kept[Recorded.SEARCH]},
        # Size, steps, sampler and tags as they were resolved.
        "benchmark": {
            **record.opened.layout,
            **{name: settings[name] for name in kept[Recorded.BENCHMARK] if name in settings},
            **{name: path.name if path is not None else None for name, path in files.items()},
        },
    }
    metadata = {}
    if result is not None:
        facts["result"] = {
            "base": _plain(result.base),
            "merged": _plain(result.merged),
            "gain_over_base": _plain(result.gain_over_base),
            "gain_over_best_parent": _plain(result.gain_over_best_parent),
            "best_parent": result.best_parent,
            **(
                {"gain_over_single_weight": _plain(result.gain_over_single_weight)}
                if result.gain_over_single_weight is not None
                else {}
            ),
        }
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
    return {"rimo_study": json_text(facts), **metadata}


def _plain(interval: Interval) -> dict[str, float | int]:
    return {
        "mean": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "images": interval.images,
        "level": interval.level,
    }
