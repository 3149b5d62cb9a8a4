"""Signs of broken shapes and the proposal to stop, in whole studies on the painting host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from lib_rimo.errors import SettingsError
from lib_rimo.merging import Recipe
from lib_rimo.merging.saving.options import SaveOptions
from lib_rimo.study.mixes.save import form_of
from lib_rimo.study.record import journal
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.settings.presets import SCRIPTS
from lib_rimo.study.store.snapshot import StudyState
from lib_rimo.study.store.unfinished import unfinished
from tests.study.conftest import Workshop, copied, open_workshop, played
from tests.study.painting import write_model

TWO = {"epochs": 2, "partners_per_epoch": 1, "budget": 320, "unseen": 48, "checked": 24, "pool": 32}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study of two epochs; tests work on copies."""
    folder = tmp_path_factory.mktemp("watching")
    workshop = open_workshop(folder)
    played(workshop, **TWO)
    workshop.studies.close()
    return folder


def lines_of(workshop: Workshop) -> tuple[Path, list[dict[str, Any]]]:
    """The one journal of a workshop."""
    (path,) = (workshop.folder / "studies").glob(f"*/{journal.FILE}")
    return path, [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, lines: list[dict[str, Any]]) -> None:
    """Writes a journal."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def told(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events without what differs between equal studies."""
    return [{k: v for k, v in line.items() if k not in ("seconds", "study", "started")} for line in lines]


def test_every_epoch_is_watched_with_few_more_pictures(stored: Path, tmp_path: Path) -> None:
    """Base, first and last winner have accuracy, unusual pictures and drift; only the first winner's are more."""
    workshop = copied(stored, tmp_path)
    path, lines = lines_of(workshop)
    now = workshop.studies.stored(path.parent.name)
    assert now.watch is not None
    base, first, last = now.watch.epochs
    assert (base.epoch, base.gain, base.drift, base.warnings) == (0, None, 0.0, ())
    assert first.accuracy is not None
    assert first.accuracy.images == 24
    assert last.gain is not None
    assert last.gain.images == 24
    assert all(sign.unusual is not None for sign in now.watch.epochs)
    assert now.result is not None
    assert base.accuracy == now.result.base
    assert last.accuracy == now.result.merged
    arms = {line["arm"]: 0 for line in lines if line["t"] == "measured"}
    for line in lines:
        if line["t"] == "measured":
            arms[line["arm"]] += len(line["scores"])
            assert len(line["looks"]) == len(line["scores"])
    assert arms.pop("epoch 1") == 24
    assert set(arms.values()) == {48}
    assert now.measured == now.to_measure == sum(arms.values()) + 24
    signs = [line for line in lines if line["t"] == "signs"]
    assert [(s["epoch"], s["final"]) for s in signs] == [(1, False), (2, True)]
    assert [line["t"] for line in lines].index("signs") < max(
        i for i, line in enumerate(lines) if line["t"] == "epoch"
    )


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.6, 0.9])
def test_cut_off_between_epochs_or_anywhere_it_goes_on_alike(
    stored: Path, tmp_path: Path, kept: float
) -> None:
    """A journal of two epochs that ends early, also in the check between them, is carried on to the same events."""
    workshop = copied(stored, tmp_path)
    path, lines = lines_of(workshop)
    at = (
        next(i for i, line in enumerate(lines) if line["t"] == "signs")
        if kept == 0.5
        else int(kept * len(lines))
    )
    write(path, lines[:at])
    workshop.studies.resume(path.parent.name)
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED, workshop.studies.snapshot().error
    assert told(lines_of(workshop)[1]) == told(lines)
    workshop.studies.close()


def test_a_journal_from_before_is_read_and_carried_on(stored: Path, tmp_path: Path) -> None:
    """Without signs, looks and their settings a finished study is shown as it was, and a cut off one finishes."""
    workshop = copied(stored, tmp_path)
    path, lines = lines_of(workshop)
    old = [line for line in lines if line["t"] != "signs" and line.get("arm") != "epoch 1"]
    for line in old:
        line.pop("looks", None)
        for name in ("checked", "stop_when_flat"):
            line.get("settings", {}).pop(name, None)
    write(path, old)
    now = workshop.studies.stored(path.parent.name)
    assert (now.state, now.watch, now.epochs) == (StudyState.FINISHED, None, 2)
    assert now.measured == now.to_measure == 5 * 48
    record = StudyRecord.replay(journal.read(path.parent))
    assert unfinished(path.parent.parent, record.settings) is None
    write(path, old[:-3])
    workshop.studies.resume(path.parent.name)
    workshop.studies.join(600)
    done = workshop.studies.snapshot()
    assert done.state is StudyState.FINISHED, done.error
    assert done.result == now.result
    assert done.watch is not None
    assert [sign.unusual for sign in done.watch.epochs] == [None] * 3  # their looks are not all known
    workshop.studies.close()


def test_a_mix_far_past_its_parents_is_warned_of(workshop: Workshop) -> None:
    """A study that begins with weights of 3 ends with a warning and the advice to go back to the base."""
    played(workshop, budget=64, unseen=16)
    record = workshop.studies.record(workshop.studies.snapshot().study)
    base, first, _ = record.sources
    far = Recipe(base, (first,), "theater", dict.fromkeys(record.opened.groups, (3.0,)))
    study = played(workshop, budget=64, unseen=16, start=far.to_text())
    watch = workshop.studies.stored(study).watch
    assert watch is not None
    assert watch.stop_at == 0
    assert any("past its parents" in words for words in watch.epochs[1].warnings)
    assert watch.epochs[1].drift > watch.drift_limit


@pytest.mark.parametrize("obeyed", [True, False])
def test_flat_days_end_the_study_only_where_that_was_asked_for(workshop: Workshop, obeyed: bool) -> None:
    """Partners that only harm: after the first epoch no other is proposed; with the setting none is searched."""
    folder = workshop.host.folder
    for name, seed in (("first", 2), ("second", 3)):
        (folder / f"{name}.safetensors").unlink()
        write_model(folder / f"{name}.safetensors", [0.02] * 8, seed)
    settings = {"epochs": 3, "budget": 240, "unseen": 40, "checked": 24, "pool": 32, "bounds": [0.0, 1.0]}
    study = played(workshop, **settings, stop_when_flat=obeyed)
    done = workshop.studies.stored(study)
    assert done.watch is not None
    assert done.watch.outlook is not None
    assert done.watch.outlook.flat
    assert done.epochs == (1 if obeyed else 3)
    assert done.result is not None
    assert len(done.grids) == done.epochs + 1
    if obeyed:
        assert done.images <= 80
        assert done.budget == done.images
    else:
        assert done.images > 160


def test_nothing_is_said_of_another_epoch_while_a_partner_waits(workshop: Workshop) -> None:
    """With one of two partners tried, what the other would bring is unknown."""
    study = played(workshop, epochs=1, partners_per_epoch=1, budget=64, unseen=24)
    watch = workshop.studies.stored(study).watch
    assert watch is not None
    assert watch.outlook is None


def test_the_save_form_is_obeyed_and_the_story_is_in_the_file(stored: Path, tmp_path: Path) -> None:
    """Without VAE and in bf16; search, benchmark and result with intervals stand in the file, folders do not."""
    workshop = copied(stored, tmp_path)
    study = lines_of(workshop)[0].parent.name
    workshop.studies.open(study)
    path = workshop.studies.save("small", form=SaveOptions("bf16", vae=False))
    with safe_open(str(path), "pt") as file:
        keys, texts = set(file.keys()), file.metadata()
        assert str(file.get_tensor("model.diffusion_model.middle_block.0.weight").dtype) == "torch.bfloat16"
    assert not any(key.startswith("first_stage_model.") for key in keys)
    story = json.loads(texts["rimo_study"])
    result = workshop.studies.stored(study).result
    assert result is not None
    assert story["result"]["merged"]["low"] == result.merged.low
    assert story["result"]["gain_over_best_parent"]["high"] == result.gain_over_best_parent.high
    assert (story["benchmark"]["steps"], story["benchmark"]["unseen"], story["benchmark"]["tagger"]) == (
        4,
        48,
        "tagger",
    )
    assert story["search"]["budget"] == 320
    assert str(tmp_path) not in texts["rimo_study"]
    early = workshop.studies.save("base-like", None)
    with safe_open(str(early), "pt") as file:
        assert any(key.startswith("first_stage_model.") for key in file.keys())  # noqa: SIM118  # no dict
    workshop.studies.close()


def test_a_save_form_is_read_from_plain_values() -> None:
    """What is left out is as by default; what is no form names its field."""
    assert form_of({}) == SaveOptions()
    assert form_of({"number_type": "fp16", "vae": False, "ema": False}) == SaveOptions(
        "fp16", vae=False, ema=False
    )
    for field, wrong in (("number_type", "int4"), ("vae", "maybe"), ("ema", 7)):
        with pytest.raises(SettingsError) as caught:
            form_of({field: wrong})
        assert caught.value.field == field


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_earlier_script_is_a_study(workshop: Workshop, name: str) -> None:
    """Its settings are accepted; the first has one weight per partner, the second two partners and wider bounds."""
    study = played(workshop, **{**SCRIPTS[name].settings, "budget": 64, "unseen": 8})
    record = workshop.studies.record(study)
    assert max(w for trial in record.trials for row in trial.weights for w in row) <= (
        0.5 if name == "first" else 0.55
    )
    if name == "first":
        assert record.opened.groups == ("all",)
        assert all(len(row) == 1 for trial in record.trials for row in trial.weights)
    else:
        assert len(record.opened.groups) > 3
