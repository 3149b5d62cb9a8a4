"""Journals that earlier versions wrote must open, report, resume and save for ever.

``make.py`` made them; ``python -m tests.golden.replay`` runs their studies again and compares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from lib_rimo.library.folders import Folders
from lib_rimo.library.workplace import Workplace, open_workplace
from lib_rimo.study.record import events as ev
from lib_rimo.study.record import journal
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.store.snapshot import Snapshot, StudyState
from lib_rimo.ui.report.report import report_html
from tests.golden.make import COMMANDS, CUT, JOURNAL
from tests.golden.replay import FORMATS, HERE, decisions, differences

FOUND = [version for version in FORMATS if (HERE / version).exists()]
ALL = [(version, name) for version in FOUND for name in (*COMMANDS, CUT)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A program with all golden studies in its folder, and the tiny family where they look for it."""
    made = open_workplace(Folders.of(tmp_path_factory.mktemp("golden")), demo=True)
    family = made.family
    assert family is not None
    for version, name in ALL:
        text = (HERE / version / name / JOURNAL).read_text(encoding="utf-8")
        for known in (family.tagger_dir, family.catalogue):
            text = text.replace(f"/golden/program/lib_rimo/toy/data/{known.name}", known.as_posix())
        text = text.replace("/golden/demo", family.base.parent.as_posix())
        text = re.sub('"study":"[^"]*"', f'"study":"{version}-{name}"', text, count=1)
        target = made.folders.studies / f"{version}-{name}"
        target.mkdir(parents=True)
        (target / JOURNAL).write_text(text, encoding="utf-8")
    yield made
    made.studies.close()


@pytest.mark.parametrize("version", FOUND)
def test_golden_journals_have_their_format(version: str) -> None:
    """Those of format 1 have no number, later ones have theirs."""
    for name in (*COMMANDS, CUT):
        (line, *_) = (HERE / version / name / JOURNAL).read_bytes().splitlines()
        assert json.loads(line).get("format", 1) == int(version.removeprefix("format"))
        assert (HERE / version / name / JOURNAL).stat().st_size < 300_000


@pytest.mark.parametrize(("version", "name"), ALL)
def test_a_golden_study_opens_and_reports(place: Workplace, version: str, name: str) -> None:
    """It stands in the list, its snapshot and its page are made, with its result if it was finished."""
    study = f"{version}-{name}"
    (row,) = (row for row in place.studies.studies() if row["id"] == study or row["state"] == "broken")
    assert row["broken"] == ""
    stored = place.studies.stored(study)
    assert (stored.result is None) == (name == CUT)
    assert stored.curve
    assert len(report_html(place.studies, study)) > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("version", FOUND)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_finished_golden_study_resumes_and_saves(place: Workplace, version: str, name: str) -> None:
    """Gone on with it has nothing left to do; its winner can be written."""
    study = f"{version}-{name}"
    before = (place.folders.studies / study / JOURNAL).read_bytes()
    assert resumed(place, study).result is not None
    assert (place.folders.studies / study / JOURNAL).read_bytes() == before
    assert place.studies.save(study).exists()


@pytest.mark.slow
@pytest.mark.parametrize("version", FOUND)
def test_a_golden_study_that_was_cut_off_goes_on(place: Workplace, version: str) -> None:
    """It goes on in its trial and draws what is left. Up to there it is as it was, line by line."""
    study = f"{version}-{CUT}"
    folder = place.folders.studies / study
    whole, _, torn = (folder / JOURNAL).read_bytes().rpartition(b"\n")
    assert torn
    known = StudyRecord.replay(journal.read(folder))
    shown = resumed(place, study)
    assert (folder / JOURNAL).read_bytes().startswith(whole + b"\n")
    assert shown.images == known.settings.search.budget
    assert shown.result is not None
    assert shown.trial == len(known.trials)


@pytest.mark.parametrize("version", FOUND)
def test_trials_of_every_format_have_ids(version: str) -> None:
    """Whatever the format, the events of trials that are read name their trial."""
    read = list(journal.read(HERE / version / "epochs"))
    asked = [event.trial for event in read if isinstance(event, ev.TrialAsked)]
    assert asked == list(range(1, len(asked) + 1))
    assert [event.trial for event in read if isinstance(event, ev.TrialDone)] == asked
    assert {event.trial for event in read if isinstance(event, ev.ImagesScored)} == set(asked)


def test_a_replay_is_held_against_every_decision() -> None:
    """Two readings of one journal agree; a changed score is told with its place; a newer field is none."""
    then = decisions(HERE / FOUND[0] / "upstream")
    now = decisions(HERE / FOUND[0] / "upstream")
    assert [line for old, new in zip(then, now, strict=True) for line in differences(old, new)] == []
    images = next(event for event in now if event["t"] == "images")
    images["new"] = 1
    images["scores"][1]["hits"] += "1"
    found = [line for old, new in zip(then, now, strict=True) for line in differences(old, new)]
    assert [line.partition(":")[0] for line in found] == [".scores[1].hits"]


def resumed(place: Workplace, study: str) -> Snapshot:
    """The study after it was gone on with to its end."""
    place.studies.resume(study)
    place.studies.join(3600)
    shown = place.studies.snapshot()
    assert shown.state is StudyState.FINISHED, shown.error
    return shown
