"""Whether a study of these settings was cut off, so that the same command goes on with it."""

from __future__ import annotations

from pathlib import Path

from lib_rimo.errors import RimoError
from lib_rimo.study.record import journal, plan
from lib_rimo.study.record.record import DAMAGE, StudyRecord
from lib_rimo.study.settings.settings import StudySettings


def unfinished(folder: Path, settings: StudySettings) -> str | None:
    """The newest study of exactly these settings that was cut off, if there is one. Damaged ones are left out."""
    for path in sorted(folder.glob(f"[!.]*/{journal.FILE}"), reverse=True):
        try:
            record = StudyRecord.replay(journal.read(path.parent))
            if record.settings == settings:
                return None if is_finished(record) else record.opened.study
        except (RimoError, *DAMAGE):
            continue
    return None


def is_finished(record: StudyRecord) -> bool:
    """Whether nothing is left to draw."""
    step = plan.next_step(record, ())
    return isinstance(step, plan.Conclude | None) or (isinstance(step, plan.LookForSigns) and step.final)
