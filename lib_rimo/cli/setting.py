"""What the options say of where things lie and how they are put together."""

from __future__ import annotations

import argparse
from pathlib import Path

from lib_rimo.hosts.drawers.registry import DEFAULT
from lib_rimo.library.folders import Folders
from lib_rimo.library.workplace import Workplace, open_workplace
from lib_rimo.study.record import journal
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.studies import study_folder


def folders(options: argparse.Namespace) -> Folders:
    """Where things lie."""
    return Folders.of(models=options.models, studies=options.studies)


def models_folder(options: argparse.Namespace) -> Path:
    """Where checkpoints are looked for and saved; made if it is missing."""
    folder = folders(options).models
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def studies_folder(options: argparse.Namespace) -> Path:
    """Where the journals are."""
    return folders(options).studies


def workplace(options: argparse.Namespace, *, demo: bool, tagger: str | None = None) -> Workplace:
    """Puts drawer and studies together.

    Args:
        options: With ``models``, ``studies``, ``config``, ``device`` and, if the command has them, ``drawer``,
            ``base``, ``partners``, ``tagger`` and ``threshold``.
        demo: Offer the tiny family.
        tagger: Read with this one where nothing else is chosen.
    """
    named = (getattr(options, "base", None), *(getattr(options, "partners", None) or ()))
    return open_workplace(
        folders(options),
        files=[path for path in named if path],
        config=options.config,
        device=options.device,
        drawer=getattr(options, "drawer", None) or DEFAULT,
        chosen={
            "tagger": getattr(options, "tagger", None) or tagger,
            "threshold": getattr(options, "threshold", None),
            "character_threshold": getattr(options, "character_threshold", None),
        },
        demo=demo,
    )


def recorded(options: argparse.Namespace, study: str) -> StudyRecord:
    """What happened in a study of the folder.

    Raises:
        JournalError: There is no such study, or its journal is damaged.
    """
    return StudyRecord.replay(journal.read(study_folder(studies_folder(options), study)))
