"""Where things lie, and how host, taggers and studies are put together without a WebUI."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.taggers import Taggers
from lib_rimo.hosts.diffusers.host import DiffusersHost
from lib_rimo.hosts.diffusers.loading import read_index
from lib_rimo.study.record import journal
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.studies import Studies, study_folder
from lib_rimo.toy.family import Family, family_of, is_of_family, unpack

CHECKOUT = Path(__file__).resolve().parents[2]


def home() -> Path:
    """The folder that holds ``models``, ``studies`` and ``taggers``: ``RIMO_HOME``, else the checkout."""
    return Path(os.environ.get("RIMO_HOME") or CHECKOUT)


def models_folder(options: argparse.Namespace) -> Path:
    """Where checkpoints are looked for and saved; made if it is missing."""
    folder: Path = options.models or home() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def studies_folder(options: argparse.Namespace) -> Path:
    """Where the journals are."""
    return options.studies or home() / "studies"


def taggers() -> Taggers:
    """Known ones by name, and any folder."""
    return Taggers(home() / "taggers")


@dataclass(frozen=True, slots=True)
class Workplace:
    """Everything a command needs.

    Attributes:
        host: Draws the pictures.
        studies: Of its folder.
        taggers: Those that can be used.
        family: The tiny family, if it is offered.
    """

    host: DiffusersHost
    studies: Studies
    taggers: Taggers
    family: Family | None


def workplace(options: argparse.Namespace, *, demo: bool, tagger: str | None = None) -> Workplace:
    """Puts host and studies together.

    Args:
        options: With ``models``, ``studies``, ``config``, ``device`` and, if the command has them, ``base``,
            ``partners``, ``tagger`` and ``threshold``.
        demo: Offer the tiny family. It is unpacked beside the user's own models, never among them.
        tagger: Read with this one where nothing else is chosen.
    """
    if options.config is not None:
        read_index(options.config)
    folder = models_folder(options)
    family = unpack(home() / "demo") if demo else None
    named = (getattr(options, "base", None), *(getattr(options, "partners", None) or ()))
    extra = [path for path in named if path] + ([family.base, *family.specialists] if family else [])
    host = DiffusersHost(
        folder,
        config_dir=partial(_config_of, options.config),
        device=options.device,
        extra_checkpoints=extra,
    )
    chosen: dict[str, Any] = {
        "config": options.config,
        "tagger": getattr(options, "tagger", None) or tagger,
        "threshold": getattr(options, "threshold", None),
    }
    if family is not None:
        chosen |= {"base": family.base, "partners": [str(path) for path in family.specialists]}
    results = None if options.studies else home() / "bench"
    known = taggers()
    studies = Studies(
        host,
        studies_folder(options),
        lambda settings: known.open(settings.tagger, settings.threshold),
        {name: str(value) if isinstance(value, Path) else value for name, value in chosen.items() if value},
        of_base=of_base,
        taggers=known,
        results=results,
    )
    return Workplace(host, studies, known, family)


def of_base(base: Path) -> dict[str, Any]:
    """The settings that a base brings along: the tiny family's tagger and tags are for its own files only."""
    if not is_of_family(base):
        return {}
    family = family_of([base])
    return {"tagger": str(family.tagger_dir), "catalogue": str(family.catalogue), "one_per_category": True}


def _config_of(chosen: Path | None, checkpoint: Path) -> Path | None:
    """The configuration that a checkpoint is drawn by; None for the hub's standard one of its family."""
    return family_of([checkpoint]).config_dir if is_of_family(checkpoint) else chosen


def recorded(options: argparse.Namespace, study: str) -> StudyRecord:
    """What happened in a study of the folder.

    Raises:
        JournalError: There is no such study, or its journal is damaged.
    """
    return StudyRecord.replay(journal.read(study_folder(studies_folder(options), study)))
