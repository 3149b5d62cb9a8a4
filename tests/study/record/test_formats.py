"""Journals of other versions: what is missing is filled in, what is not known stays, and several trials may be open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lib_rimo.errors import JournalError
from lib_rimo.search.strategy import make_strategy
from lib_rimo.study.record import events as ev
from lib_rimo.study.record import journal, plan
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.run import runner
from lib_rimo.study.settings.settings import StudySettings
from lib_rimo.study.store.snapshot import StudyState
from lib_rimo.study.store.snapshot_of import snapshot_of
from tests.study.conftest import Workshop, played

SCORE = {"id": 0, "hits": "1", "p": [0.9]}


def rewritten(path: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Changes the lines of a journal."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def file_of(workshop: Workshop, study: str) -> Path:
    return workshop.folder / "studies" / study / journal.FILE


def opens_reports_resumes_saves(workshop: Workshop, study: str) -> None:
    """All that one does with a finished study."""
    (row,) = workshop.studies.studies()
    assert (row["id"], row["broken"], row["state"]) == (study, "", "finished")
    assert workshop.studies.stored(study).result is not None
    workshop.studies.resume(study)
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED, workshop.studies.snapshot().error
    assert workshop.studies.save("again").exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"a_setting_of_tomorrow": [1, {"deep": None}]},
        {"pool": 2, "budget": 3},
        {"penalty": "of-yesterday", "objective": "by-feeling"},
        {"diversity_floor": 7.5, "checked": -4},
        {"limits": 12, "category_weights": 1.5, "seed": "x"},
    ],
    ids=["unknown", "too small", "unknown names", "out of range", "of another kind"],
)
def test_an_old_study_outlives_the_rules(
    make_workshop: Callable[..., Workshop], settings: dict[str, Any]
) -> None:
    """A finished study whose settings are unknown or illegal today is listed, reported, resumed and saved."""
    study = played(workshop := make_workshop(), seed=8, budget=96, unseen=24)
    workshop.studies.close()
    rewritten(file_of(workshop, study), lambda lines: lines[0]["settings"].update(settings))
    opens_reports_resumes_saves(make_workshop(), study)


def test_what_is_not_known_is_skipped_and_stays(make_workshop: Callable[..., Workshop]) -> None:
    """Unknown events, fields of events, and fields of what they hold: no harm, and still in the file."""
    study = played(workshop := make_workshop(), seed=8, budget=96, unseen=24)
    workshop.studies.close()
    path = file_of(workshop, study)

    def change(lines: list[dict[str, Any]]) -> None:
        for number, line in enumerate(lines):
            line["mood"] = number
            if line["t"] == "images":
                line["scores"] = [{**score, "mood": 1} for score in line["scores"]]
            if line["t"] == "result":
                line["result"]["mood"] = line["result"]["merged"]["mood"] = 1
                line["result"]["tags"][0]["mood"] = line["result"]["categories"][0]["mood"] = 1
            if line["t"] == "signs":
                line["signs"][0]["mood"] = 1
        lines[0]["layout"]["mood"] = 1
        lines.insert(3, {"t": "weather", "sunny": True})

    rewritten(path, change)
    before = path.read_bytes()
    opens_reports_resumes_saves(make_workshop(), study)
    assert path.read_bytes().startswith(before)
    assert [event.line for event in journal.read(path.parent) if isinstance(event, ev.Unknown)] == [
        {"t": "weather", "sunny": True}
    ]


def test_a_newer_journal_is_looked_at_and_not_gone_on_with(make_workshop: Callable[..., Workshop]) -> None:
    """What is understood of a later format is shown with a word about it; resuming says to update."""
    study = played(workshop := make_workshop(), seed=8, budget=96, unseen=24)
    workshop.studies.close()
    path = file_of(workshop, study)

    def change(lines: list[dict[str, Any]]) -> None:
        lines[0]["format"] = ev.FORMAT + 1
        for line in lines[5:9]:
            line.pop("trial", None)
            line.pop("epoch", None)
        lines.insert(2, {"t": "winner", "epoch": "one", "recipe": {}})

    rewritten(path, change)
    before = path.read_bytes()
    workshop = make_workshop()
    (row,) = workshop.studies.studies()
    assert row["broken"] == ""
    stored = workshop.studies.stored(study)
    assert stored.result is not None
    assert any("newer version" in note for note in stored.notes)
    with pytest.raises(JournalError, match="Update Rimo"):
        workshop.studies.resume(study)
    workshop.studies.open(study)
    assert workshop.studies.save("of-tomorrow").exists()
    assert path.read_bytes() == before


def test_a_study_says_its_format_and_names_its_trials(workshop: Workshop) -> None:
    """The first line has the number, and the trials are counted from 1."""
    study = played(workshop, seed=8, budget=96, unseen=24)
    lines = [json.loads(line) for line in file_of(workshop, study).read_bytes().splitlines()]
    assert lines[0]["format"] == ev.FORMAT == 2
    for kind in ("asked", "trial"):
        ids = [line["trial"] for line in lines if line["t"] == kind]
        assert ids == list(range(1, len(ids) + 1))


def as_format_1(lines: list[dict[str, Any]]) -> None:
    """Takes away what format 1 did not have."""
    del lines[0]["format"]
    lines[0]["settings"].pop("scorers", None)
    for line in lines:
        if line["t"] in ("asked", "images", "trial"):
            del line["trial"]


def test_a_journal_of_format_1_goes_on_in_lines_of_format_2(make_workshop: Callable[..., Workshop]) -> None:
    """Cut off in a trial and gone on with, it takes the decisions of a study that was never cut off."""
    study = played(workshop := make_workshop(), seed=8, budget=96, unseen=24)
    workshop.studies.close()
    path = file_of(workshop, study)
    whole = StudyRecord.replay(journal.read(path.parent))

    def change(lines: list[dict[str, Any]]) -> None:
        del lines[max(n for n, line in enumerate(lines) if line["t"] == "images") :]
        as_format_1(lines)

    rewritten(path, change)
    old = path.read_bytes()
    workshop = make_workshop()
    workshop.studies.resume(study)
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED, workshop.studies.snapshot().error
    assert path.read_bytes().startswith(old)
    now = StudyRecord.replay(journal.read(path.parent))
    assert now.opened.format == 1
    assert now.trials == whole.trials
    assert now.result == whole.result


def test_trials_may_be_open_together_and_end_in_any_order(workshop: Workshop) -> None:
    """Events find their trial by its id; what the search knows of is in the order in which trials ended."""
    opened, rest = _begun(workshop)
    record = StudyRecord.begin(opened)
    for event in rest:
        record.apply(event)
    shape = ((0.0,) * len(opened.groups),) * 2
    for number, prompts in ((1, (0, 1)), (2, (2,)), (7, (3,))):
        record.apply(ev.TrialAsked(number, shape, prompts, "blocks"))
    best = {"best": 0.5, "low": 0.4, "high": 0.6, "recipe": record.base.to_json()}
    record.apply(ev.ImagesScored(2, (SCORE,), 1.0))
    record.apply(ev.ImagesScored(1, (SCORE,), 1.0))
    assert [trial.missing for trial in record.open_trials] == [(1,), (), (3,)]
    record.apply(ev.TrialDone(2, **best))
    with pytest.raises(JournalError, match="contradicts itself"):
        record.apply(ev.TrialDone(1, **best))
    for wrong in (ev.ImagesScored(2, (SCORE,), 1.0), ev.TrialAsked(7, shape, (4,), "blocks")):
        with pytest.raises(JournalError, match="contradicts itself"):
            record.apply(wrong)
    assert [trial.id for trial in record.open_trials] == [1, 7]
    shown = snapshot_of(record)
    assert (shown.trial, shown.mix_images, shown.mix_drawn) == (1, 3, 1)
    groups = opened.groups
    assert isinstance(step := plan.next_step(record, groups), plan.DrawTrial)
    assert (step.trial, step.prompt_ids) == (1, (1,))
    assert isinstance(step := plan.next_step(record, groups, taken={1}), plan.DrawTrial)
    assert step.trial == 7
    assert isinstance(plan.next_step(record, groups, taken={1, 7}), plan.AskSearch)
    record.apply(ev.ImagesScored(7, (SCORE,), 1.0))
    assert plan.next_step(record, groups, taken={1}) == plan.CloseTrial(7, 1)
    record.apply(ev.TrialDone(7, **best))
    assert [trial.id for trial in record.of_epoch(1)] == [2, 7]
    with pytest.raises(JournalError, match="contradicts itself"):
        record.apply(ev.EpochDone(1, record.base.to_json()))


def _begun(workshop: Workshop) -> tuple[ev.Opened, list[ev.Event]]:
    study = played(workshop, seed=8, budget=96, unseen=24)
    first, *others = journal.read(file_of(workshop, study).parent)
    assert isinstance(first, ev.Opened)
    return first, others[:2]


def test_open_trials_are_told_to_the_search(
    make_workshop: Callable[..., Workshop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal with two open trials is gone on with: both are drawn, and a search that is asked hears of open ones."""
    study = played(workshop := make_workshop(), seed=8, budget=96, unseen=24)
    workshop.studies.close()
    path = file_of(workshop, study)

    def change(lines: list[dict[str, Any]]) -> None:
        asked = [line for line in lines if line["t"] == "asked"]
        del lines[next(n for n, line in enumerate(lines) if line["t"] == "asked") :]
        lines += asked[:2]

    rewritten(path, change)
    told: list[tuple[int, int]] = []

    class Listening:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def ask(self, history: Any, pending: Any = ()) -> Any:
            told.append((len(history), len(pending)))
            return self._inner.ask(history, pending)

        def leader(self, history: Any) -> Any:
            return self._inner.leader(history)

    monkeypatch.setattr(runner, "make_strategy", lambda *a, **k: Listening(make_strategy(*a, **k)))
    workshop = make_workshop()
    workshop.studies.resume(study)
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED, workshop.studies.snapshot().error
    assert told[0] == (2, 0)
    record = StudyRecord.replay(journal.read(path.parent))
    assert sum(len(trial.scores) for trial in record.trials) == 96


def test_restoring_settings_looks_at_no_range() -> None:
    """Defaults where something is missing or of another kind, the recorded value where it is out of range today."""
    settings = StudySettings.restore({"base": "a", "partners": ["b"], "budget": "3", "pool": -1, "tags": "x"})
    assert (settings.search.budget, settings.search.pool, settings.images.tags) == (3, -1, None)
    assert settings.unseen == StudySettings.from_mapping({"base": "a", "partners": ["b"]}).unseen
    with pytest.raises(TypeError, match="base"):
        StudySettings.restore({"partners": ["b"]})
