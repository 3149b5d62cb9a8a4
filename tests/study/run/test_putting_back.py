"""When the user's weights cannot be put back, their model is loaded anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib_rimo.merging.live import swap
from lib_rimo.merging.mix.merge import KeyPlan
from lib_rimo.study.store.snapshot import StudyState
from tests.study.conftest import open_workshop
from tests.study.test_studies import assert_own_weights_are_live, only_study, until


def break_the_third_restored_tensor(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """The third tensor that gets its own weights back fails to."""
    whole, calls = swap.merge_key, 0

    def failing(plan: KeyPlan, *rest: object) -> object:
        nonlocal calls
        own = plan.is_base
        calls += own
        if own and calls == 3:
            raise error
        return whole(plan, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(swap, "merge_key", failing)


def test_weights_that_cannot_be_put_back_are_loaded_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error half-way through a restore ends the study, which can be resumed; the model is the user's own."""
    workshop = open_workshop(tmp_path)
    workshop.studies.start(workshop.settings)
    until(workshop, lambda s: s.trial >= 2)
    break_the_third_restored_tensor(monkeypatch, OSError("the drive is gone"))
    with workshop.host.exclusive():
        assert_own_weights_are_live(workshop)
    workshop.studies.join(600)
    snapshot = workshop.studies.snapshot()
    assert snapshot.state is StudyState.FAILED
    assert "the drive is gone" in snapshot.error
    assert "loaded anew" in snapshot.error
    assert_own_weights_are_live(workshop)
    monkeypatch.undo()
    workshop.studies.resume(only_study(workshop).name)
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED
    assert_own_weights_are_live(workshop)
    workshop.studies.close()
