"""Stored studies: listed, looked at, opened, deleted; their mixes named, tried, saved and gone on from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from lib_rimo.errors import HostError, JournalError, SettingsError, StudyError
from lib_rimo.merging.saving.options import SaveOptions
from lib_rimo.study.mixes.preview import PreviewRequest
from lib_rimo.study.record import journal
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.store.snapshot import StudyState
from tests.study.conftest import Workshop, copied, held, open_workshop, played
from tests.study.painting import TAGS, write_model

Make = Callable[..., Workshop]
WISH = PreviewRequest("red, green, round", None, 7, 2)


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished study of two epochs."""
    folder = tmp_path_factory.mktemp("finished")
    workshop = open_workshop(folder)
    played(workshop, epochs=2, budget=256, unseen=40)
    workshop.studies.close()
    return folder


@pytest.fixture
def store(finished_folder: Path, tmp_path: Path) -> Iterator[Workshop]:
    """A fresh program on a copy of that folder; nothing is on display yet."""
    workshop = copied(finished_folder, tmp_path)
    yield workshop
    workshop.studies.close()


def only(workshop: Workshop) -> str:
    """The id of the one study."""
    (row,) = workshop.studies.studies()
    return str(row["id"])


def own_weights(workshop: Workshop, base: str = "base") -> None:
    """The live model is the base file, bit for bit."""
    assert workshop.host.model is not None
    live = workshop.host.model.state_dict()
    for key, tensor in load_file(str(workshop.host.folder / f"{base}.safetensors")).items():
        assert torch.equal(live[key], tensor), key


def test_a_stored_study_reads_as_it_was_left(finished_folder: Path, store: Workshop) -> None:
    """Folded from its journal alone, a study shows curve, grids and result with their tags and intervals."""
    snapshot = store.studies.stored(only(store))
    assert snapshot.state is StudyState.FINISHED
    assert snapshot.result is not None
    assert [g.epoch for g in snapshot.grids] == [0, 1, 2]
    assert len(snapshot.curve) == snapshot.trial > 10
    assert {row.tag for row in snapshot.result.tags} == set(TAGS)
    whole = snapshot.result.categories[0]
    assert set(whole.partners) == {"first.safetensors", "second.safetensors"}
    assert whole.deviation_low is not None
    assert whole.deviation_low < whole.deviation_percent
    assert json.loads(json.dumps(snapshot.to_json(), allow_nan=False))["study"] == snapshot.study
    assert store.host.model is None, "looking loads nothing"


def test_the_history_has_a_line_per_study(store: Workshop) -> None:
    """A line tells models, sizes, gain and when; a damaged journal has a line that says so."""
    (store.folder / "studies" / "broken").mkdir()
    (store.folder / "studies" / "broken" / journal.FILE).write_text('{"t":"nonsense"}\n')
    broken, row = store.studies.studies()
    assert (broken["id"], broken["state"]) == ("broken", "broken")
    assert "does not begin with a study" in broken["broken"]
    assert (row["base"], row["partners"]) == ("base.safetensors", ["first.safetensors", "second.safetensors"])
    assert (row["epochs"], row["current"], row["broken"], row["measured"]) == (2, False, "", True)
    assert row["best"]["low"] < row["best"]["mean"] < row["best"]["high"]
    assert row["gain"]["images"] == 40
    assert row["started"].endswith("+00:00")


def test_a_study_on_display_can_be_saved_from_and_gone_on_with(store: Workshop) -> None:
    """Opened, a stored study is the one that save and resume act on, as if it had just ended."""
    study = only(store)
    assert store.studies.open(study).state is StudyState.FINISHED
    assert store.studies.snapshot().study == study
    assert store.studies.studies()[0]["current"]
    path = store.studies.save("winner")
    assert store.studies.snapshot().saved == ("winner.safetensors",)
    assert store.studies.stored(study).saved == ("winner.safetensors",)
    assert path.is_file()
    store.studies.resume()
    store.studies.join(600)
    assert store.studies.snapshot().state is StudyState.FINISHED


def test_nothing_is_opened_or_deleted_under_a_running_study(store: Workshop) -> None:
    """While a study runs another cannot be put on display, nor the running one removed; a third can be."""
    old = only(store)
    with held(store, lambda s: bool(s.study)) as stile:
        store.studies.start(store.settings)
        with pytest.raises(StudyError, match="running already"):
            store.studies.open(old)
        stile.meet()
        running = store.studies.snapshot().study
        with pytest.raises(StudyError, match="is running"):
            store.studies.delete(running)
        store.studies.delete(old)
        assert [row["id"] for row in store.studies.studies()] == [running]
        assert store.studies.snapshot().state.active


def test_deleting_removes_one_folder_and_nothing_else(store: Workshop) -> None:
    """A deleted study is gone with its pictures, its saved checkpoint stays; what is no study is never removed."""
    study = only(store)
    store.studies.open(study)
    store.studies.save("kept")
    store.studies.delete(study)
    assert store.studies.snapshot().state is StudyState.IDLE
    assert list(store.studies.studies()) == []
    assert not (store.folder / "studies" / study).exists()
    assert (store.host.folder / "kept.safetensors").is_file()
    (store.folder / "studies" / "photos").mkdir()
    for wrong in ("", ".", "..", "../models", "photos", study, "a\\b"):
        with pytest.raises(StudyError):
            store.studies.delete(wrong)
    assert (store.folder / "studies" / "photos").is_dir()
    assert (store.host.folder / "base.safetensors").is_file()


def test_a_study_that_another_program_runs_is_not_deleted(store: Workshop) -> None:
    """The journal's lock holds a removal off."""
    study = only(store)
    with (
        journal.Journal(store.folder / "studies" / study),
        pytest.raises(JournalError, match="another program"),
    ):
        store.studies.delete(study)
    assert only(store) == study


@pytest.mark.parametrize(
    ("values", "name", "kind"),
    [
        ({}, "best", "measured"),
        ({"best": True}, "best", "measured"),
        ({"trial": "3"}, "trial 3", "raw"),
        ({"epoch": 1}, "epoch 1", "estimate"),
        ({"epoch": 2}, "epoch 2", "measured"),
        ({"epoch": 0}, "base", "measured"),
        ({"base": True}, "base", "measured"),
        ({"average": True}, "plain average", "measured"),
    ],
)
def test_every_mix_can_be_named(store: Workshop, values: dict[str, Any], name: str, kind: str) -> None:
    """Best, trial, epoch, average and base have a recipe as a table, and an accuracy that says how it is known."""
    mix = store.studies.mix(only(store), Choice.of(values))
    assert (mix["name"], mix["accuracy"]["kind"]) == (name, kind)
    assert mix["partners"] == ["first.safetensors", "second.safetensors"]
    assert len(mix["weights"]) == 2
    assert {len(row) for row in mix["weights"]} == {len(mix["groups"])}
    assert mix["accuracy"]["low"] <= mix["accuracy"]["mean"] <= mix["accuracy"]["high"]
    assert any(any(row) for row in mix["weights"]) == (name != "base")


@pytest.mark.parametrize(
    "values",
    [{"trial": 0}, {"trial": 999}, {"trial": "x"}, {"epoch": 3}, {"epoch": 1.5}, {"trial": 1, "epoch": 1}],
)
def test_a_mix_that_is_not_there_is_refused(store: Workshop, values: dict[str, Any]) -> None:
    """A wrong number names its field."""
    with pytest.raises(SettingsError) as caught:
        store.studies.mix(only(store), Choice.of(values))
    assert caught.value.field in ("trial", "epoch")


def test_the_plain_average_is_in_equal_parts(store: Workshop) -> None:
    """Wherever a weight is searched, base and both partners have a third; its accuracy is that of its arm."""
    study = only(store)
    mix = store.studies.mix(study, Choice("average"))
    assert {weight for row in mix["weights"] for weight in row} == {0.3333}
    result = store.studies.stored(study).result
    assert result is not None
    assert mix["accuracy"]["mean"] == result.uniform.mean


def test_any_mix_can_be_saved_in_any_number_type(store: Workshop) -> None:
    """A trial saved in float32 holds that trial's tensors, unrounded; what was measured is not claimed for it."""
    study = only(store)
    store.studies.open(study)
    mix = store.studies.mix(study, Choice("trial", 4))
    path = store.studies.save("fourth", Choice("trial", 4), SaveOptions("fp32"))
    saved = load_file(str(path))
    files = [
        load_file(str(store.host.folder / f"{name}.safetensors")) for name in ("base", "first", "second")
    ]
    key = "model.diffusion_model.middle_block.0.weight"
    column = mix["groups"].index("mid")
    weights = [row[column] for row in mix["weights"]]
    base, first, second = (tensors[key].double() for tensors in files)
    wanted = base * (1 - sum(weights)) + weights[0] * first + weights[1] * second
    assert saved[key].dtype == torch.float32
    assert torch.allclose(saved[key].double(), wanted, atol=1e-6)


def test_a_try_draws_the_mix_and_gives_the_model_back(store: Workshop) -> None:
    """Idle, a stored mix is drawn on its base, equal requests alike, and the user's weights are back."""
    study = only(store)
    drawn = store.studies.try_mix(study, Choice(), WISH)
    own_weights(store)
    again = store.studies.try_mix(study, Choice(), WISH)
    base = store.studies.try_mix(study, Choice("base"), WISH)
    own_weights(store)

    def pixels(answer: Any) -> list[bytes]:
        return [store.studies.picture(study, file).read_bytes() for file in answer["files"]]

    assert len(pixels(drawn)) == 2
    assert pixels(drawn) == pixels(again)
    assert pixels(drawn) != pixels(base)
    assert (drawn["name"], drawn["seeds"], base["name"]) == ("best", [7, 8], "base")
    assert len({*drawn["files"], *again["files"], *base["files"]}) == 6
    assert store.studies.snapshot().state is StudyState.IDLE


def test_a_try_in_the_middle_of_a_study_changes_nothing_of_it(make_workshop: Make, tmp_path: Path) -> None:
    """A running study lets tries in between its batches and ends with the decisions of an undisturbed one."""
    small = {"budget": 200, "unseen": 24}
    alone = open_workshop(_made(tmp_path / "alone"))
    undisturbed = _decisions(alone, played(alone, **small))
    alone.studies.close()
    workshop = make_workshop()
    with held(workshop, lambda s: s.trial >= 2) as stile:
        workshop.studies.start({**workshop.settings, **small})
        stile.meet()
        now = workshop.studies.snapshot()
        for number in range(6):
            stile.step()
            workshop.studies.try_mix(now.study, Choice("trial", 1 + number % 2), WISH)
            with workshop.host.exclusive():
                own_weights(workshop)
        assert workshop.studies.snapshot().state.active
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED, workshop.studies.snapshot().error
    assert _decisions(workshop, now.study) == undisturbed


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _decisions(workshop: Workshop, study: str) -> list[Any]:
    lines = (workshop.folder / "studies" / study / journal.FILE).read_text().splitlines()[1:]
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


@pytest.mark.parametrize("call", [1, 2])
def test_a_try_that_fails_gives_the_model_back(store: Workshop, call: int) -> None:
    """Whatever drawing fails, the user's weights are back and the next try works."""
    study = only(store)
    store.host.fail_at = call
    for _ in range(call - 1):
        store.studies.try_mix(study, Choice(), WISH)
    with pytest.raises(HostError, match="paint"):
        store.studies.try_mix(study, Choice(), WISH)
    own_weights(store)
    assert store.studies.try_mix(study, Choice(), WISH)["files"]


def test_where_the_checkpoint_is_the_users_choice_it_is_not_changed(make_workshop: Make) -> None:
    """With another checkpoint selected a try is refused, says which one to select, and loads nothing."""
    workshop = make_workshop(may_load=False)
    study = played(workshop, budget=128, unseen=8)
    other = write_model(workshop.host.folder / "other.safetensors", [0.5] * 8, 4)
    workshop.host.load(other)
    with pytest.raises(StudyError, match=r"Select base\.safetensors"):
        workshop.studies.try_mix(study, Choice(), WISH)
    assert workshop.host.loaded() == other
    own_weights(workshop, "other")
    workshop.host.load(Path(workshop.settings["base"]))
    assert workshop.studies.try_mix(study, Choice(), WISH)["files"]


def test_a_mix_of_another_base_waits_for_a_running_study(store: Workshop) -> None:
    """While a study runs on one base no other is loaded for a try."""
    old = only(store)
    models = {"base": store.settings["partners"][0], "partners": [store.settings["base"]]}
    with held(store, lambda s: s.trial >= 1) as stile:
        store.studies.start({**store.settings, **models})
        stile.meet()
        with pytest.raises(StudyError, match="another base is running"):
            store.studies.try_mix(old, Choice(), WISH)
        assert store.studies.snapshot().state.active


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "prompt"),
        ({"prompt": "  "}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"prompt": "x" * 5000}, "prompt"),
        ({"prompt": "x", "negative": []}, "negative"),
        ({"prompt": "x", "seed": "y"}, "seed"),
        ({"prompt": "x", "seed": 1e99}, "seed"),
        ({"prompt": "x", "count": 5}, "count"),
        ({"prompt": "x", "count": 0}, "count"),
    ],
)
def test_a_wish_that_cannot_be_drawn_names_its_field(values: dict[str, Any], field: str) -> None:
    """Each bad value is told beside its field."""
    with pytest.raises(SettingsError) as caught:
        PreviewRequest.of(values)
    assert caught.value.field == field


def test_going_on_with_frozen_groups_begins_at_the_best_mix(store: Workshop) -> None:
    """The new study searches fewer groups, the frozen ones keep their weights, and its winner is no worse a start."""
    study = only(store)
    before = store.studies.mix(study, Choice())
    store.studies.freeze(study, ["in0-6", "text"])
    store.studies.join(600)
    now = store.studies.snapshot()
    assert now.state is StudyState.FINISHED, now.error
    assert now.study != study
    after = store.studies.mix(now.study, Choice())
    for group in ("in0-6", "text"):
        column = before["groups"].index(group)
        assert [row[after["groups"].index(group)] for row in after["weights"]] == [
            row[column] for row in before["weights"]
        ]
    record = store.studies.record(now.study)
    assert not {"in0-6", "text"} & set(record.opened.groups)
    assert record.start.weights == store.studies.record(study).best().weights
    first = store.studies.mix(now.study, Choice("trial", 1))
    assert first["weights"] == [
        [row[before["groups"].index(g)] for g in first["groups"]] for row in before["weights"]
    ]


@pytest.mark.parametrize("groups", [[], ["nonsense"], ["vae"]])
def test_only_groups_that_were_searched_can_be_frozen(store: Workshop, groups: list[str]) -> None:
    """A wrong choice is refused before anything starts, as is freezing all of them."""
    study = only(store)
    for wrong in (groups, list(store.studies.record(study).opened.groups)):
        with pytest.raises(SettingsError) as caught:
            store.studies.freeze(study, wrong)
        assert caught.value.field == "groups"
    assert store.studies.snapshot().state is StudyState.IDLE
