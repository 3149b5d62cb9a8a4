"""One user of the host for long at a time: however they meet, one is let in and the others are told who it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lib_rimo.errors import RimoError, StudyError
from lib_rimo.study.mixes.preview import PreviewRequest
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.store.snapshot import StudyState
from tests.study.conftest import Workshop, open_workshop, played
from tests.study.measure.test_bench_job import FILES, SMALL, GatedHost
from tests.study.test_studies import assert_own_weights_are_live

BENCH = {"checkpoints": FILES, **SMALL}
WAIT_S = 60
ROUNDS = 12


@pytest.fixture
def finished(tmp_path: Path) -> Iterator[Workshop]:
    """A workshop with one finished study, whose host stands after each picture while its gate is closed."""
    workshop = open_workshop(tmp_path, GatedHost)
    played(workshop, budget=64, unseen=16)
    yield workshop
    gate_of(workshop).go.set()
    workshop.studies.close()


def gate_of(workshop: Workshop) -> GatedHost:
    """The workshop's host."""
    assert isinstance(workshop.host, GatedHost)
    return workshop.host


def ranks_of(workshop: Workshop) -> dict[str, Any]:
    """A measurement of ranks of the study."""
    study = workshop.studies.snapshot().study
    return {"study": study, "donor": "second.safetensors", "ranks": "1", "images": 40}


DOORS: dict[str, tuple[str, str, Callable[[Workshop, str], Any]]] = {
    "start": ("_offers", "settings", lambda w, _: w.studies.start(w.settings)),
    "resume": ("_store", "snapshot", lambda w, study: w.studies.resume(study)),
    "freeze": ("_store", "record", lambda w, study: w.studies.freeze(study, ["mid"])),
}
"""How a study begins, and a step between what it asks first and its beginning."""


@pytest.mark.parametrize("door", DOORS)
def test_a_benchmark_that_begins_while_a_study_is_set_up_has_the_host(
    finished: Workshop, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    """A study that finds the host free, and taken when it wants it, is refused and told by whom."""
    studies, gate = finished.studies, gate_of(finished)
    study = studies.snapshot().study
    owner, step, begin = DOORS[door]
    studies._worker.display(studies.snapshot().but(study="", state=StudyState.IDLE))  # none is open
    place = getattr(studies, owner)
    whole = getattr(place, step)

    def meanwhile(*args: Any) -> Any:
        monkeypatch.undo()
        gate.go.clear()
        gate.drawn.clear()
        studies.benchmarks().start(BENCH)
        assert gate.drawn.wait(WAIT_S)
        return whole(*args)

    monkeypatch.setattr(place, step, meanwhile)
    with pytest.raises(StudyError, match="benchmark is running"):
        begin(finished, study)
    assert not studies.snapshot().state.active
    gate.go.set()
    studies.join_benchmark(WAIT_S)
    assert studies.benchmarks().standing()["state"] == "finished"


def test_of_all_who_come_at_once_one_is_let_in(finished: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Study, resumed study, benchmark and ranks in the same moment: one works, and the others are told so."""
    studies, goes_on = finished.studies, threading.Event()
    study, ranks = studies.snapshot().study, ranks_of(finished)
    whole = studies._worker._open_tagger

    def slow(settings: Any) -> Any:
        assert goes_on.wait(WAIT_S)
        return whole(settings)

    for user in (studies._worker, studies._benchmarks, studies._ranks):
        monkeypatch.setattr(user, "_open_tagger", slow)
    doors: list[Callable[[], Any]] = [
        lambda: studies.start({**finished.settings, "budget": 64, "unseen": 16}),
        lambda: studies.resume(study),
        lambda: studies.freeze(study, ["mid"]),
        lambda: studies.benchmarks().start(BENCH),
        lambda: studies.ranks().start(ranks),
    ]
    for _ in range(ROUNDS):
        goes_on.clear()
        together, told = threading.Barrier(len(doors)), list[str]()

        def come(
            door: Callable[[], Any], together: threading.Barrier = together, told: list[str] = told
        ) -> None:
            together.wait(WAIT_S)
            try:
                door()
            except StudyError as error:
                told.append(str(error))

        threads = [threading.Thread(target=come, args=(door,)) for door in doors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        assert len(told) == len(doors) - 1
        assert all("is running already" in text for text in told), told
        assert studies.snapshot().state.active != (studies.benchmarks().standing()["state"] == "running")
        studies.benchmarks().stop()
        with suppress(StudyError):
            studies.stop()
        goes_on.set()
        studies.join(WAIT_S)
        studies.join_benchmark(WAIT_S)
        assert studies.benchmarks().standing()["state"] != "failed", studies.benchmarks().standing()
    assert_own_weights_are_live(finished)


def test_a_preview_keeps_its_files_when_another_study_begins(finished: Workshop) -> None:
    """A preview that is being drawn when the study on display makes room for another one ends as any other."""
    studies, gate = finished.studies, gate_of(finished)
    study = studies.snapshot().study
    gate.go.clear()
    gate.drawn.clear()
    found: list[Any] = []

    def preview() -> None:
        try:
            found.append(studies.try_mix(study, Choice(), PreviewRequest("red", None, 1, 1)))
        except RimoError as error:
            found.append(error)

    thread = threading.Thread(target=preview)
    thread.start()
    assert gate.drawn.wait(WAIT_S)  # the mix is live
    studies.start({**finished.settings, "budget": 64, "unseen": 16})
    gate.go.set()
    thread.join(WAIT_S)
    studies.join(600)
    assert isinstance(found[0], dict), found
    assert studies.snapshot().state is StudyState.FINISHED, studies.snapshot().error
    assert_own_weights_are_live(finished)
