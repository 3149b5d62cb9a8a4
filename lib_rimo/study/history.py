"""The studies in a folder: which there are, how far they came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lib_rimo.errors import RimoError
from lib_rimo.study import journal, plan
from lib_rimo.study.record import StudyRecord
from lib_rimo.study.settings import StudySettings


@dataclass(frozen=True, slots=True)
class PastStudy:
    """One study of a folder.

    Attributes:
        study: Its id.
        record: What happened in it.
        finished: Whether its result is measured.
    """

    study: str
    record: StudyRecord
    finished: bool


def past_studies(folder: Path) -> Iterator[PastStudy]:
    """The readable studies of a folder, newest first. Damaged ones are left out."""
    for path in sorted(folder.glob(f"[!.]*/{journal.FILE}"), reverse=True):
        try:
            record = StudyRecord.replay(journal.read(path.parent))
        except RimoError:
            continue
        yield PastStudy(record.opened.study, record, is_finished(record))


def unfinished(folder: Path, settings: StudySettings) -> str | None:
    """The newest study of exactly these settings that was cut off, if there is one."""
    for past in past_studies(folder):
        if past.record.settings == settings:
            return None if past.finished else past.study
    return None


def is_finished(record: StudyRecord) -> bool:
    """Whether nothing is left to draw."""
    step = plan.next_step(record, ())
    return isinstance(step, plan.Conclude | None) or (isinstance(step, plan.Watch) and step.final)
