"""A study with its journal: a new one, or one that goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

from lib_rimo.hosts.drawers.drawer import Drawer
from lib_rimo.study.record import journal as journals
from lib_rimo.study.record.journal import Journal
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.run.preparing import Preparation
from lib_rimo.study.run.session import OpenTagger, Session, open_new, reopen
from lib_rimo.study.settings.settings import StudySettings
from lib_rimo.study.store.store import study_folder


def begin(
    settings: StudySettings, drawer: Drawer, open_tagger: OpenTagger, studies: Path, preparation: Preparation
) -> tuple[Session, Journal]:
    """Opens a new study, and its journal in the folder of studies.

    Raises:
        RimoError: It cannot be begun; nothing is left behind.
        StudyStopped: The user does not want it any more.
    """
    study = open_new(settings, drawer, open_tagger, preparation)
    folder = study_folder(studies, study.record.opened.study)
    is_new = not folder.exists()
    try:
        journal = Journal(folder)
        try:
            preparation.check()
            journal.append(study.record.opened)
        except BaseException:
            journal.close()
            raise
    except BaseException:  # a study whose first line is not on disk never was one
        study.sources.close()
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return study, journal


def go_on(
    study: str, drawer: Drawer, open_tagger: OpenTagger, studies: Path, preparation: Preparation
) -> tuple[Session, Journal]:
    """Opens a study of the folder again.

    Raises:
        RimoError: Another process works on it, or its files are not those that it began with.
        StudyStopped: The user does not want it any more.
    """
    folder = study_folder(studies, study)
    journal = Journal(folder)
    try:
        # Read once nobody else can write it, so that it is what the next event follows.
        record = StudyRecord.replay(journals.read(folder))
        return reopen(record, drawer, open_tagger, preparation), journal
    except BaseException:
        journal.close()
        raise
