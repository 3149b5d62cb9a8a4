"""The studies of a folder: found, folded from their journals, looked at, thrown away."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lib_rimo.errors import JournalError, RimoError, StudyError
from lib_rimo.study.record import journal
from lib_rimo.study.record.record import DAMAGE, StudyRecord, damaged
from lib_rimo.study.store.history_cache import HistoryCache, Stamp
from lib_rimo.study.store.snapshot import Snapshot, StudyState
from lib_rimo.study.store.snapshot_of import snapshot_of
from lib_rimo.study.store.summary import broken_row, row_of

log = logging.getLogger("rimo")

KEPT_RECORDS = 8
"""Folded studies kept in memory; a thorough one takes a few megabytes."""

_DELETED = ".deleted-"


class StudyStore:
    """Reads stored studies. What it hands out is shared: nobody may change it.

    Args:
        folder: Holds one folder per study; need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._records: dict[str, tuple[Stamp, StudyRecord]] = {}
        self._rows = HistoryCache(folder)

    def studies(self) -> Iterator[str]:
        """Ids of all studies, newest first."""
        found = (path.parent.name for path in self.folder.glob(f"[!.]*/{journal.FILE}"))
        return iter(sorted(found, reverse=True))

    def record(self, study: str) -> StudyRecord:
        """What happened in a study, as far as its journal says now.

        Raises:
            StudyError: There is no such study.
            JournalError: Its journal is damaged.
        """
        stamp = self._stamp(study)
        with self._lock:  # folding takes a while; two pages that ask at once should not both do it
            kept = self._records.get(study)
            if kept is None or kept[0] != stamp:
                kept = (stamp, StudyRecord.replay(journal.read(study_folder(self.folder, study))))
                self._records.pop(study, None)
                self._records[study] = kept
                while len(self._records) > KEPT_RECORDS:
                    del self._records[next(iter(self._records))]
            return kept[1]

    def snapshot(self, study: str) -> Snapshot:
        """A study as it would be on display, in the state it was left in.

        Raises:
            StudyError: There is no such study, or its journal is damaged.
        """
        record = self.record(study)
        try:
            return stored_snapshot(record)
        except DAMAGE as error:
            raise damaged(error) from error

    def rows(self, shown: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """One line per study, newest first; a damaged one says what is wrong with it.

        Args:
            shown: Lines that are known already, by study; a running study's journal changes all the time.
        """
        found = list(self.studies())
        rows = [shown.get(study) or self.row(study) for study in found]
        self._rows.write(found)
        return rows

    def row(self, study: str) -> Mapping[str, Any]:
        """The line of one study."""
        try:
            stamp = self._stamp(study)
            row = self._rows.get(study, stamp)
            if row is None:
                row = row_of(self.snapshot(study), started_at(self.record(study)))
                self._rows.put(study, stamp, row)
        except RimoError as error:
            return broken_row(study, started_of_id(study), error.said)
        return row

    def delete(self, study: str) -> None:
        """Removes a study's folder and nothing else.

        Raises:
            StudyError: There is no such study, or another program has it open.
        """
        folder = study_folder(self.folder, study)
        if not (folder / journal.FILE).is_file() or folder.is_symlink():
            raise StudyError("There is no such study", found=study)
        with journal.held(folder):
            pass  # nobody else writes it
        gone = self.folder / f"{_DELETED}{secrets.token_hex(8)}"
        try:
            folder.rename(gone)  # all at once: a removal that is cut off leaves no half study
        except OSError as error:
            raise StudyError("The study cannot be removed", found=error.strerror or str(error)) from error
        for left in self.folder.glob(f"{_DELETED}*"):  # also what an earlier removal could not finish
            shutil.rmtree(left, ignore_errors=True)
        with self._lock:
            self._records.pop(study, None)

    def _stamp(self, study: str) -> Stamp:
        path = study_folder(self.folder, study) / journal.FILE
        try:
            found = path.stat()
        except OSError as error:
            raise JournalError("There is no such study", found=study, fix="Choose another one") from error
        return found.st_size, found.st_mtime_ns


def study_folder(folder: Path, study: str) -> Path:
    """The folder of a study.

    Raises:
        StudyError: The id has path parts in it.
    """
    if not study or study.startswith(".") or Path(study).name != study or "\\" in study:
        raise StudyError("There is no such study", found=study)
    return folder / study


def stored_snapshot(record: StudyRecord) -> Snapshot:
    """A study that nobody works on, as a snapshot."""
    finished = record.result is not None
    state, message = (StudyState.FINISHED, "Finished") if finished else (StudyState.STOPPED, "Stopped")
    return snapshot_of(record).but(state=state, message=message, eta_s=None)


def started_at(record: StudyRecord) -> str:
    """When a study began, ISO 8601 in UTC."""
    return record.opened.started or started_of_id(record.opened.study)


def started_of_id(study: str) -> str:
    """The local time that an id begins with, in UTC; empty if it begins with none."""
    try:
        local = datetime.strptime(study[:15], "%Y%m%d-%H%M%S").astimezone()
    except ValueError:
        return ""
    return local.astimezone(timezone.utc).isoformat(timespec="seconds")
