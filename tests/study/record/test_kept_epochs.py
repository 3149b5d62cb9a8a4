"""An epoch that finds nothing better keeps what it began with, which is neither drawn nor measured a second time."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from safetensors import safe_open

from lib_rimo.search.history import Incumbent, Observation
from lib_rimo.search.random_box import RandomStrategy
from lib_rimo.study.record import journal
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.record.plan import winner_arm
from lib_rimo.study.settings.settings import SETTINGS
from lib_rimo.study.store.snapshot import StudyState
from lib_rimo.ui.api.status import status
from lib_rimo.ui.report.report import report_html
from lib_rimo.wording.sentences import epoch_name
from tests.study.conftest import Workshop
from tests.study.test_studies import events, only_study, run


@pytest.fixture
def second_epoch_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search's best of every epoch but the first is what the epoch began with."""
    whole = RandomStrategy.leader
    met: list[RandomStrategy] = []

    def leader(self: RandomStrategy, history: list[Observation]) -> Incumbent:
        if not any(self is one for one in met):
            met.append(self)
        found = whole(self, history)
        if self is met[0]:
            return found
        zero = next(o.weights for o in history if not any(map(any, o.weights)))
        return dataclasses.replace(found, weights=zero, gain=0.0, gain_low=0.0, gain_high=0.0)

    monkeypatch.setattr(RandomStrategy, "leader", leader)


def test_a_kept_epoch_is_drawn_once_and_shown_as_what_it_is(
    workshop: Workshop, second_epoch_finds_nothing: None
) -> None:
    """Two epochs, one mix: one sample grid, one arm of the measurement, one accuracy, and the page says which it is."""
    done = run(workshop, epochs=2, partners_per_epoch=1, budget=256, checked=40)
    assert done.state is StudyState.FINISHED, done.error
    record = workshop.studies.record(done.study)
    assert done.kept == ((2, 1),)
    assert record.grids[2].files == record.grids[1].files != record.grids[0].files
    assert winner_arm(record, 1) == winner_arm(record, 2) == "epoch 1"
    arms = {line["arm"] for line in events(only_study(workshop)) if line["t"] == "measured"}
    assert arms == {"base", "first.safetensors", "second.safetensors", "uniform", "epoch 1"}
    assert done.result is not None
    assert done.measured == done.to_measure == 5 * 120
    first, second = (Choice("epoch", n).accuracy(record) for n in (1, 2))
    assert first == second == ("measured", done.result.merged)
    assert done.watch is not None
    assert done.watch.epochs[1].accuracy == done.watch.epochs[2].accuracy == done.result.merged
    parts = status(done)["parts"]
    assert [grid["name"] for grid in parts["grids"]["value"]] == ["Base", "Epoch 1", "Epoch 2, still epoch 1"]
    assert parts["watch"]["value"]["rows"][2]["name"] == "Epoch 2, still epoch 1"
    assert "Epoch 2, still epoch 1" in report_html(workshop.studies, done.study)


def test_whose_mix_an_epoch_kept_is_named() -> None:
    """An earlier epoch's, or the base's own."""
    assert epoch_name(0) == "Base"
    assert epoch_name(3, ((2, 0),)) == "Epoch 3"
    assert epoch_name(2, ((2, 0),)) == "Epoch 2, still the base"


def test_a_saved_file_says_every_setting_that_decided_it(workshop: Workshop) -> None:
    """Each setting is recorded by its name, or told otherwise; a new one cannot be forgotten."""
    chosen = {"penalty": "partners", "category_weights": ["general=1"], "checked": 7, "scorers": ["tags=2"]}
    run(workshop, budget=96, unseen=24, **chosen)
    record = workshop.studies.record(workshop.studies.snapshot().study)
    left_out = set(SETTINGS) - set(record.settings.to_json())  # younger ones that nobody gave
    path = workshop.studies.save("told")
    with safe_open(str(path), "pt") as file:
        story = json.loads(file.metadata()["rimo_study"])
    told = {**story["search"], **story["benchmark"]}
    otherwise = {name for name, entry in SETTINGS.items() if isinstance(entry.about.recorded, str)}
    assert set(SETTINGS) == (set(told) & set(SETTINGS)) | otherwise | left_out
    assert told["scorers"] == ["tags=2"]
    assert told["penalty"] == "partners"
    assert told["category_weights"] == ["general=1"]
    assert (told["checked"], told["stop_when_flat"], told["mix_predictions"]) == (7, False, False)
    for name in ("width", "height", "steps", "cfg", "sampler", "scheduler", "tags"):
        assert name in told
    assert str(workshop.folder) not in json.dumps(story)


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "foo"},
        {"scheduler": "foo"},
        {"partition": "foo"},
        {"frozen": ["nope"]},
        {"pool": 10**9},
        {"sampler": "foo"},
        {"limits": ["nope=0"]},
    ],
    ids=lambda w: next(iter(w)),
)
def test_an_estimate_refuses_what_a_start_refuses(workshop: Workshop, wrong: dict[str, object]) -> None:
    """With the same words at the same field, before anything is prepared."""
    from lib_rimo.errors import SettingsError

    said = []
    for ask in (workshop.studies.estimate, workshop.studies.start):
        with pytest.raises(SettingsError) as caught:
            ask({**workshop.settings, **wrong})
        said.append((caught.value.field, str(caught.value)))
    assert said[0] == said[1]
    assert said[0][0] == next(iter(wrong))
    assert workshop.studies.snapshot().state is StudyState.IDLE
    assert not list(Path(workshop.folder / "studies").glob(f"*/{journal.FILE}"))
