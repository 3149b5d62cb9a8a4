"""The journal: whole lines count, a torn one is cut off, and one process writes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.errors import JournalError
from lib_rimo.study.record import events as ev
from lib_rimo.study.record import journal
from lib_rimo.study.record.journal import Journal

EVENTS: list[ev.Event] = [
    ev.EpochBegun(1, ("a.safetensors", "b.safetensors")),
    ev.TrialAsked(1, ((0.1, -0.05), (0.0, 0.3)), (3, 1, 2), "blocks"),
    ev.ImagesScored(1, ([[1, 0], [0.9, 0.1]], [[1], [0.8]]), 1.25),
    ev.TrialDone(1, 0.61, 0.55, 0.67, {"weights": {"x_0": [0.1, 0.2]}}),
    ev.PairsDrawn("5f1c", (0.91, 0.4), 0.5),
    ev.VarietyJudged(1, False, {"mean": 0.1}, {"mean": 0.4}, {"mean": -0.2}),
    ev.Concluded({"merged": {"mean": 0.6}, "tags": []}),
    ev.GridDrawn(1, ("grids/epoch-001-00.png",), ("ein Schloß, 城",)),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.kind)
def test_an_event_survives_its_line(event: ev.Event, tmp_path: Path) -> None:
    """An event that was appended is read back equal."""
    with Journal(tmp_path) as book:
        book.append(event)
    (read,) = journal.read(tmp_path)
    assert ev.to_json(read) == ev.to_json(event)
    assert type(read) is type(event)


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(min_value=0, max_value=2000))
def test_every_prefix_of_a_journal_is_a_legal_journal(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Cut anywhere, a journal holds the whole events before the cut, and can be written on."""
    folder = tmp_path_factory.mktemp("study")
    with Journal(folder) as book:
        for event in EVENTS:
            book.append(event)
    path = folder / journal.FILE
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = data.count(b"\n")
    assert len(list(journal.read(folder))) == whole
    with Journal(folder) as book:
        book.append(EVENTS[0])
    assert [e.kind for e in journal.read(folder)] == [e.kind for e in EVENTS[:whole]] + ["epoch"]


def test_a_journal_from_before_a_field_was_kept_is_read(tmp_path: Path) -> None:
    """What was added later has a default; what was always there is missed."""
    opened = ev.Opened("s", {}, (), "theater", ("mid",), (), {}, 8, {}, "2024-05-01T00:00:00+00:00")
    plain = ev.to_json(opened)
    assert ev.from_json(plain) == opened
    del plain["started"]
    old = ev.from_json(plain)
    assert isinstance(old, ev.Opened)
    assert old.started == ""
    del plain["batch"]
    with pytest.raises(JournalError, match="batch"):
        ev.from_json(plain)


def test_damage_before_the_last_line_is_told(tmp_path: Path) -> None:
    """A damaged line that is not the last is an error with its number, not a silent loss."""
    (tmp_path / journal.FILE).write_bytes(b'{"t":"epoch","epoch":1,"partners":[]}\ngarbage\n')
    with pytest.raises(JournalError, match="Line 2"):
        list(journal.read(tmp_path))


def test_a_missing_study_is_told(tmp_path: Path) -> None:
    """Reading a folder without a journal is an error with the folder's name."""
    with pytest.raises(JournalError, match="no-such"):
        list(journal.read(tmp_path / "no-such"))


def _try_open(folder: Path, answer: multiprocessing.SimpleQueue[str]) -> None:
    try:
        Journal(folder).close()
    except JournalError as error:
        answer.put(str(error))
    else:
        answer.put("")


def test_two_processes_cannot_write_one_study(tmp_path: Path) -> None:
    """While one process holds a study, another is refused; afterwards it is let in."""
    context = multiprocessing.get_context("spawn")
    answer = context.SimpleQueue()

    def other() -> str:
        process = context.Process(target=_try_open, args=(tmp_path, answer))
        process.start()
        process.join(60)
        return str(answer.get())

    with Journal(tmp_path):
        assert "another program" in other()
    assert other() == ""
