"""Where things lie, and how host, tagger and studies are put together without a WebUI."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.tagger import Tagger, open_tagger
from lib_rimo.errors import TaggerError
from lib_rimo.hosts.diffusers import DiffusersHost
from lib_rimo.study import journal
from lib_rimo.study.record import StudyRecord
from lib_rimo.study.settings import StudySettings
from lib_rimo.study.studies import Studies, study_folder
from lib_rimo.toy.family import Family, unpack

CHECKOUT = Path(__file__).resolve().parents[2]


def home() -> Path:
    """The folder that holds ``models`` and ``studies``: ``RIMO_HOME``, else the checkout."""
    return Path(os.environ.get("RIMO_HOME") or CHECKOUT)


def models_folder(options: argparse.Namespace) -> Path:
    """Where checkpoints are looked for and saved; made if it is missing."""
    folder: Path = options.models or home() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def studies_folder(options: argparse.Namespace) -> Path:
    """Where the journals are."""
    return options.studies or home() / "studies"


@dataclass(frozen=True, slots=True)
class Workplace:
    """Everything a command needs.

    Attributes:
        host: Draws the pictures.
        studies: Of its folder.
        family: The tiny family, if it is in use.
    """

    host: DiffusersHost
    studies: Studies
    family: Family | None


def workplace(options: argparse.Namespace, *, demo: bool) -> Workplace:
    """Puts host and studies together.

    Args:
        options: With ``models``, ``studies``, ``config``, ``device`` and, if the command has them, ``tagger``
            and ``threshold``.
        demo: Use the tiny family for whatever is not given.
    """
    folder = models_folder(options)
    family = unpack(folder) if demo else None
    config = options.config or (family.config_dir if family else None)
    extra = [p for p in (getattr(options, "base", None), *(getattr(options, "partners", None) or ())) if p]
    host = DiffusersHost(folder, config_dir=config, device=options.device, extra_checkpoints=extra)
    results = None if options.studies else home() / "bench"
    studies = Studies(
        host, studies_folder(options), open_study_tagger, _defaults(family, config), results=results
    )
    return Workplace(host, studies, family)


def recorded(options: argparse.Namespace, study: str) -> StudyRecord:
    """What happened in a study of the folder.

    Raises:
        JournalError: There is no such study, or its journal is damaged.
    """
    return StudyRecord.replay(journal.read(study_folder(studies_folder(options), study)))


def open_study_tagger(settings: StudySettings) -> Tagger:
    """The tagger in the folder that the settings name.

    Raises:
        TaggerError: None is named, or it cannot be opened.
    """
    if settings.tagger is None:
        raise TaggerError(
            "No tagger chosen",
            wanted="a folder with model.onnx and selected_tags.csv (or classes.json)",
            fix="Name one with --tagger",
        )
    return open_tagger(settings.tagger, settings.threshold)


def _defaults(family: Family | None, config: Path | None) -> dict[str, Any]:
    told = {} if config is None else {"config": str(config)}
    if family is None:
        return told
    return {
        **told,
        "base": str(family.base),
        "partners": [str(p) for p in family.specialists],
        "tagger": str(family.tagger_dir),
        "catalogue": str(family.catalogue),
        "one_per_category": True,
    }
