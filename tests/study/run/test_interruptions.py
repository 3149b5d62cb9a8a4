"""What ends a study from outside: full disks, panics, and a stop before the first picture."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lib_rimo.errors import JournalError, StudyError
from lib_rimo.study.measure.background_job import BackgroundJob, JobState
from lib_rimo.study.record import events as ev
from lib_rimo.study.record import journal
from lib_rimo.study.record.journal import Journal
from lib_rimo.study.store.snapshot import StudyState
from lib_rimo.ui.api.status import status
from tests.study.conftest import Workshop, open_workshop, played
from tests.study.painting import PaintingHost
from tests.study.test_studies import assert_own_weights_are_live, events, only_study, run, until

resource = pytest.importorskip("resource", reason="file size limits stand for a full disk; Windows has none")

SMALL = {"budget": 96, "unseen": 24}
"""Of a study that is over soon."""


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """Inside, a write beyond this size of a file goes as far as it can and then fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# -- the journal -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [0, 1, 40])
def test_a_write_that_fails_leaves_the_journal_as_it_was(tmp_path: Path, room: int) -> None:
    """However much of a line fits on the disk, nothing of it stays, not even after the journal is closed."""
    event = ev.TrialAsked(1, ((0.125,) * 400,), (1, 2, 3), "blocks")
    with Journal(tmp_path) as book:
        book.append(event)
        before = book.path.read_bytes()
        with files_no_larger_than(len(before) + room), pytest.raises(JournalError, match="cannot be written"):
            book.append(event)
        assert book.path.read_bytes() == before
    assert (tmp_path / journal.FILE).read_bytes() == before
    with Journal(tmp_path) as book:
        book.append(event)
    assert list(journal.read(tmp_path)) == [event, event]


def test_a_journal_that_cannot_even_be_cut_back_takes_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the rest of a failed write cannot be removed, later events are refused instead of put behind it."""
    event = ev.EpochBegun(1, ("a.safetensors",))
    book = Journal(tmp_path)
    book.append(event)

    def no_truncate(_size: int) -> int:
        raise OSError("the drive is gone")

    class Stubborn:
        """The journal's file on a drive that dies in the middle of a line."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def write(self, data: memoryview) -> int:
            if len(data) < 20:
                raise OSError("the drive is gone")
            return int(self.file.write(data[:20]))

        truncate = staticmethod(no_truncate)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    monkeypatch.setattr(book, "_file", Stubborn(book._file))
    for _ in range(2):
        with pytest.raises((JournalError, ValueError)):
            book.append(event)
    book.close()
    with Journal(tmp_path) as again:
        again.append(event)
    assert list(journal.read(tmp_path)) == [event, event]


@pytest.fixture(scope="module")
def whole_journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of a small study that had room."""
    whole = open_workshop(tmp_path_factory.mktemp("whole"))
    assert run(whole, **SMALL).state is StudyState.FINISHED
    whole.studies.close()
    return only_study(whole) / journal.FILE


@pytest.mark.parametrize("line", [4, 9, 17, 26])
def test_a_study_goes_on_in_the_same_process_after_a_full_disk(
    tmp_path: Path, whole_journal: Path, line: int
) -> None:
    """A study whose disk fills at any line ends in words; resumed, it takes the decisions of one that had room."""
    lines = whole_journal.read_bytes().splitlines(keepends=True)
    workshop = open_workshop(tmp_path)
    with files_no_larger_than(sum(map(len, lines[:line])) + len(lines[line]) // 3):
        full = run(workshop, **SMALL)
    assert full.state is StudyState.FAILED
    assert status(full)["can"]["resume"]
    workshop.studies.resume()
    workshop.studies.join(600)
    done = workshop.studies.snapshot()
    assert done.state is StudyState.FINISHED, done.error
    assert decisions(only_study(workshop)) == decisions(whole_journal.parent)
    assert_own_weights_are_live(workshop)
    workshop.studies.close()


def decisions(study: Path) -> str:
    """What a study decided, without the folder that it lies in."""
    text = json.dumps([line for line in events(study) if line["t"] != "opened"])
    return text.replace(str(study.parents[1]), "")


def test_a_resume_on_a_full_disk_says_so_and_can_be_tried_again(workshop: Workshop) -> None:
    """While there is no room a resume fails with a named state; with room it goes on."""
    workshop.studies.start({**workshop.settings, **SMALL})
    until(workshop, lambda s: s.trial >= 1)
    workshop.studies.stop()
    workshop.studies.join(600)
    size = (only_study(workshop) / journal.FILE).stat().st_size
    for _ in range(2):
        with files_no_larger_than(size):
            workshop.studies.resume()
            workshop.studies.join(600)
        assert workshop.studies.snapshot().state is StudyState.FAILED
        assert workshop.studies.snapshot().error
    workshop.studies.resume()
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED


def test_a_study_that_cannot_be_begun_leaves_nothing(workshop: Workshop) -> None:
    """Where not even the first line of a journal fits, no study stays behind, and another can be started."""
    with files_no_larger_than(64):
        workshop.studies.start(workshop.settings)
        workshop.studies.join(600)
    failed = workshop.studies.snapshot()
    assert failed.state is StudyState.FAILED
    assert "journal cannot be written" in failed.error
    assert not status(failed)["can"]["resume"]
    assert list((workshop.folder / "studies").glob("*/*")) == []
    assert run(workshop, **SMALL).state is StudyState.FINISHED


# -- exceptions of every kind ----------------------------------------------------------------------------------


class Panic(BaseException):
    """What native libraries raise when they panic."""


@pytest.mark.parametrize("kind", [Panic, SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError])
@pytest.mark.parametrize("call", ["generate", "load", "live", "batch_size"])
def test_every_exception_ends_in_a_named_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException], call: str
) -> None:
    """Whatever is raised wherever, the study has failed, and the next one can be started."""
    workshop = open_workshop(tmp_path)

    def broken(*_: object, **__: object) -> None:
        raise kind("out of nowhere")

    with monkeypatch.context() as patch:
        patch.setattr(workshop.host, call, broken)
        failed = run(workshop, **SMALL)
    assert failed.state is StudyState.FAILED
    assert kind.__name__ in failed.error
    assert run(workshop, **SMALL).state is StudyState.FINISHED
    assert_own_weights_are_live(workshop)
    workshop.studies.close()


def test_a_panic_in_a_running_study_can_be_resumed(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the search as well: nothing of the user's weights is lost, and the study goes on."""
    whole, calls = workshop.host.generate, 0

    def sometimes(requests: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 9:
            raise Panic("the library gave up")
        return whole(requests)

    monkeypatch.setattr(workshop.host, "generate", sometimes)
    failed = run(workshop)
    assert failed.state is StudyState.FAILED
    assert "Panic" in failed.error
    assert_own_weights_are_live(workshop)
    workshop.studies.resume()
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED


def test_a_panic_ends_a_measurement_too() -> None:
    """A benchmark's thread that dies of anything leaves no "running" behind."""
    job = BackgroundJob()

    def work() -> None:
        raise Panic("the library gave up")

    job.start("bench", work)
    job.join(60)
    assert job.now.state is JobState.FAILED
    assert "Panic" in job.now.error


def test_no_state_without_a_thread(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started, nothing is shown as being prepared or running."""

    def no_thread(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(StudyError, match="could not be started"):
            workshop.studies.start(workshop.settings)
        job = BackgroundJob()
        with pytest.raises(StudyError, match="could not be started"):
            job.start("bench", lambda: None)
    assert workshop.studies.snapshot().state is StudyState.IDLE
    assert job.now.state is JobState.IDLE
    assert run(workshop, **SMALL).state is StudyState.FINISHED


# -- a stop before the first picture ---------------------------------------------------------------------------

STEPS: dict[str, tuple[str, str]] = {
    "the tagger is opened": ("worker", "_open_tagger"),
    "the base is loaded": ("host", "load"),
    "the live model is read": ("host", "live"),
    "the first image is drawn": ("host", "generate"),
}


@pytest.mark.parametrize(
    ("step", "resumed"),
    # A resumed study draws no first image to see whether swaps reach it.
    [(step, resumed) for step in STEPS for resumed in (False, True) if not (resumed and "image" in step)],
)
def test_a_stop_is_obeyed_while_the_study_is_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, resumed: bool
) -> None:
    """In every step that takes long, Stop is answered at once, and the step's end changes nothing of that."""
    workshop = open_workshop(tmp_path)
    if resumed:
        workshop.studies.start({**workshop.settings, **SMALL})
        until(workshop, lambda s: s.trial >= 1)
        workshop.studies.stop()
        workshop.studies.join(600)
    owner, name = STEPS[step]
    place: Any = workshop.studies._worker if owner == "worker" else workshop.host
    whole: Callable[..., Any] = getattr(place, name)
    stands, goes_on = threading.Event(), threading.Event()

    def slow(*args: Any) -> Any:
        stands.set()
        assert goes_on.wait(60)
        return whole(*args)

    with monkeypatch.context() as patch:
        patch.setattr(place, name, slow)
        if resumed:
            workshop.studies.resume()
        else:
            workshop.studies.start(workshop.settings)
        assert stands.wait(60)
        assert workshop.studies.snapshot().state is StudyState.PREPARING
        workshop.studies.stop()
        now = workshop.studies.snapshot()  # at once: the step still stands
        assert now.state is StudyState.STOPPED
        assert status(now)["can"]["resume"] is resumed
        goes_on.set()
        workshop.studies.join(60)
    later = workshop.studies.snapshot()
    assert (later.state, later.version) == (StudyState.STOPPED, now.version)
    left = list((workshop.folder / "studies").glob(f"*/{journal.FILE}"))
    assert len(left) == resumed
    if resumed:
        workshop.studies.resume()
        workshop.studies.join(600)
        assert workshop.studies.snapshot().state is StudyState.FINISHED
    else:
        assert run(workshop, **SMALL).state is StudyState.FINISHED
    assert_own_weights_are_live(workshop)
    workshop.studies.close()


def test_reading_the_checkpoints_can_be_stopped_between_two_tensors(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step that takes longest on large files ends at the next tensor."""
    from lib_rimo.merging.checkpoints.checkpoint import Checkpoint

    read, whole = [], Checkpoint.nonfinite

    def nonfinite(self: Checkpoint, key: str) -> bool:
        read.append(key)
        if len(read) == 2:
            workshop.studies.stop()
        return whole(self, key)

    monkeypatch.setattr(Checkpoint, "nonfinite", nonfinite)
    workshop.studies.start(workshop.settings)
    workshop.studies.join(60)
    assert workshop.studies.snapshot().state is StudyState.STOPPED
    assert len(read) == 2


class InterruptedHost(PaintingHost):
    """The user presses the WebUI's Interrupt at the first picture."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.taken_at = 1


def test_an_interrupt_of_the_first_picture_is_no_failure(tmp_path: Path) -> None:
    """An Interrupt while a study is prepared stops it and says so; there is nothing to resume yet."""
    workshop = open_workshop(tmp_path, InterruptedHost)
    ended = run(workshop)
    assert ended.state is StudyState.STOPPED
    assert "Another checkpoint was chosen" in ended.message
    assert not ended.error
    assert not status(ended)["can"]["resume"]
    assert run(workshop, **SMALL).state is StudyState.FINISHED
    workshop.studies.close()


def test_a_stopped_preparation_does_not_mute_what_comes_after(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it another study can be opened and saved from, and the page hears of that."""
    study = played(workshop)
    goes_on = threading.Event()
    whole = workshop.host.load

    def slow(path: Path, vae: Path | None = None) -> None:
        assert goes_on.wait(60)
        whole(path, vae)

    monkeypatch.setattr(workshop.host, "load", slow)
    workshop.studies.start({**workshop.settings, "seed": 9})
    workshop.studies.stop()
    workshop.studies.open(study)
    path = workshop.studies.save("kept")
    assert workshop.studies.snapshot().saved == (path.name,)
    goes_on.set()
    workshop.studies.join(60)
    assert workshop.studies.snapshot().study == study
