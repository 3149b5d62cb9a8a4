"""Whole studies on the painting host: what they reach, what they leave behind, and how they go on after a crash."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lib_rimo.errors import (
    ArchitectureError,
    CheckpointError,
    RimoError,
    SaveError,
    SettingsError,
    StudyError,
)
from lib_rimo.merging import Recipe, Sources, Swapper, load_partition
from lib_rimo.study.record import journal
from lib_rimo.study.store.snapshot import Snapshot, StudyState
from tests.study.conftest import Workshop, held
from tests.study.painting import SKILL_KEYS, write_model

Make = Callable[[], Workshop]


def run(workshop: Workshop, **changes: Any) -> Snapshot:
    """Runs a study to its end."""
    workshop.studies.start({**workshop.settings, **changes})
    workshop.studies.join(600)
    return workshop.studies.snapshot()


def until(workshop: Workshop, reached: Callable[[Snapshot], bool]) -> Snapshot:
    """Waits until a snapshot fulfils a condition, or the study ends."""
    snapshot = workshop.studies.snapshot()
    while not reached(snapshot) and snapshot.state.active:
        snapshot = workshop.studies.wait(snapshot.version, 30)
    assert reached(snapshot), snapshot
    return snapshot


def assert_own_weights_are_live(workshop: Workshop) -> None:
    """The live model is the base file, bit for bit."""
    assert workshop.host.model is not None
    live = workshop.host.model.state_dict()
    for key, tensor in load_file(workshop.settings["base"]).items():
        assert torch.equal(live[key], tensor), key


def events(folder: Path) -> list[dict[str, Any]]:
    """A journal without what differs between equal studies: times and the id."""
    lines = [json.loads(line) for line in (folder / journal.FILE).read_text().splitlines()]
    for line in lines:
        line.pop("seconds", None)
        line.pop("study", None)
    return lines


def only_study(workshop: Workshop) -> Path:
    """The one folder of studies."""
    (found,) = (workshop.folder / "studies").glob(f"*/{journal.FILE}")
    return found.parent


def test_a_study_finds_a_mix_that_beats_every_parent(workshop: Workshop) -> None:
    """On unseen prompts the winner beats the best parent, its interval above zero; nothing but the budget is drawn."""
    done = run(workshop, strategy="default", budget=640)
    assert done.state is StudyState.FINISHED, done.error
    assert done.result is not None
    assert done.result.gain_over_best_parent.low > 0
    assert done.images <= 640
    assert done.measured == done.to_measure == 6 * 120
    assert done.result.single is not None
    assert done.result.gain_over_single_weight is not None
    assert done.result.single.mean < done.result.merged.mean  # each partner is good in other blocks
    assert done.result.gain_over_single_weight.low > 0
    assert done.result.merged.images == 120
    assert {row.category for row in done.result.categories} == {"all", "general"}
    assert [g.epoch for g in done.grids] == [0, 1]
    assert all(workshop.studies.picture(done.study, f).is_file() for g in done.grids for f in g.files)
    assert_own_weights_are_live(workshop)


def test_two_epochs_share_the_budget_and_build_on_each_other(workshop: Workshop) -> None:
    """The second epoch starts from the first one's winner, with a fresh pool and its half of the images."""
    done = run(workshop, epochs=2, partners_per_epoch=1, budget=400)
    assert done.state is StudyState.FINISHED, done.error
    per_epoch = [max(p.images for p in done.curve if p.epoch == e) for e in (1, 2)]
    assert per_epoch[0] <= 200 < per_epoch[1] <= 400
    assert len(done.grids) == 3
    lines = events(only_study(workshop))
    partners = [line["partners"] for line in lines if line["t"] == "epoch"]
    assert sorted(p for (p,) in partners) == ["first.safetensors", "second.safetensors"]


def test_what_is_saved_is_what_was_live(workshop: Workshop) -> None:
    """The saved tensors equal the live ones of the same recipe bit for bit, and other software reads them."""
    run(workshop)
    path = workshop.studies.save("winner")
    assert workshop.studies.snapshot().saved == ("winner.safetensors",)
    with Sources() as sources, workshop.host.exclusive():
        for file in (workshop.settings["base"], *workshop.settings["partners"]):
            sources.source_of(Path(file))
        recipe = Recipe.from_json(workshop.studies.snapshot().recipe)
        assert recipe.weights
        Swapper(sources, load_partition("theater")).swap(recipe, workshop.host.live())
        assert workshop.host.model is not None
        live = workshop.host.model.state_dict()
        saved, base = load_file(str(path)), load_file(workshop.settings["base"])
        assert set(saved) == set(base)
        assert all(torch.equal(saved[key], live[key]) and saved[key].dtype == base[key].dtype for key in base)
        assert not torch.equal(saved[SKILL_KEYS[0]], base[SKILL_KEYS[0]])


@pytest.mark.parametrize("name", ["winner", "../winner", "a/b", "", "base.safetensors", "nul", "x" * 300])
def test_a_bad_name_saves_nothing(workshop: Workshop, name: str) -> None:
    """A name that is taken, has folders in it or cannot exist is refused; the folder stays as it was."""
    run(workshop, budget=128, unseen=8)
    if name == "winner":
        workshop.studies.save(name)
    before = {p.name: p.read_bytes() for p in workshop.host.folder.iterdir()}
    with pytest.raises(SaveError):
        workshop.studies.save(name)
    assert {p.name: p.read_bytes() for p in workshop.host.folder.iterdir()} == before


def test_cut_off_anywhere_a_study_ends_as_if_it_had_not_been(make_workshop: Make) -> None:
    """From every prefix of its journal a study goes on to the very events of the undisturbed run."""
    first = make_workshop()
    assert run(first, budget=200, unseen=24, strategy="default").state is StudyState.FINISHED
    folder = only_study(first)
    first.studies.close()
    whole = (folder / journal.FILE).read_bytes()
    undisturbed = events(folder)
    choose = random.Random(1)
    cuts = sorted(choose.sample(range(whole.index(b"\n") + 1, len(whole)), 6))
    for cut in cuts:
        (folder / journal.FILE).write_bytes(whole[:cut])
        again = make_workshop()
        again.studies.resume(folder.name)
        again.studies.join(600)
        assert again.studies.snapshot().state is StudyState.FINISHED, again.studies.snapshot().error
        again.studies.close()
        assert events(folder) == undisturbed, f"cut at byte {cut} of {len(whole)}"


def test_stop_keeps_the_best_and_can_be_resumed(make_workshop: Make) -> None:
    """A stopped study has the user's weights back, can be saved, and goes on to the end."""
    workshop = make_workshop()
    with held(workshop, lambda s: s.trial >= 5) as stile:
        workshop.studies.start(workshop.settings)
        stile.meet()
        workshop.studies.stop()
    workshop.studies.join(600)
    stopped = workshop.studies.snapshot()
    assert stopped.state is StudyState.STOPPED
    assert stopped.live == ""
    assert_own_weights_are_live(workshop)
    assert workshop.studies.save("half way").is_file()
    workshop.studies.resume()
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED
    assert workshop.studies.snapshot().saved == ("half way.safetensors",)


def test_pause_gives_the_model_back_until_resume(workshop: Workshop) -> None:
    """While paused the user's own weights are live and nothing is drawn."""
    with held(workshop, lambda s: s.trial >= 3) as stile:
        workshop.studies.start(workshop.settings)
        stile.meet()
        workshop.studies.pause()
    until(workshop, lambda s: s.state is StudyState.PAUSED)
    assert_own_weights_are_live(workshop)
    drawn = workshop.host.batches
    with workshop.host.exclusive():
        assert workshop.host.batches == drawn
    workshop.studies.resume()
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED


def test_a_host_that_is_wanted_elsewhere_pauses_the_study(workshop: Workshop) -> None:
    """When the user turns to another checkpoint the study pauses, says why, and on resume loads its base again."""
    workshop.host.taken_at = 9
    workshop.studies.start(workshop.settings)
    paused = until(workshop, lambda s: s.state is StudyState.PAUSED)
    assert "Another checkpoint was chosen" in paused.message
    assert workshop.host.loaded() is None
    workshop.studies.resume()
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED, workshop.studies.snapshot().error
    assert workshop.host.loaded() == Path(workshop.settings["base"])
    assert_own_weights_are_live(workshop)


def test_whoever_waits_gets_the_model_with_the_users_weights(workshop: Workshop) -> None:
    """A foreign generation in the middle of a study waits for one batch at most and never meets merged weights."""
    pause = threading.Event()
    with held(workshop, lambda s: s.trial >= 2) as stile:
        workshop.studies.start(workshop.settings)
        for _ in range(20):
            stile.meet()
            drawn = workshop.host.batches
            stile.step()
            while workshop.host.batches == drawn:
                pause.wait(0.001)
            with workshop.host.exclusive():  # asked for while a mix is drawn
                assert_own_weights_are_live(workshop)
        assert workshop.studies.snapshot().state.active
        workshop.studies.stop()


@pytest.mark.parametrize("batch", [1, 2, 7, 30])
def test_an_error_in_drawing_harms_nothing(workshop: Workshop, batch: int) -> None:
    """Whatever batch fails, the user's weights are back, the error is told, and the study can go on."""
    workshop.host.fail_at = batch
    failed = run(workshop)
    assert failed.state is StudyState.FAILED
    assert "The paint is out" in failed.error
    assert_own_weights_are_live(workshop)
    if list(workshop.studies.studies()):
        workshop.studies.resume(only_study(workshop).name)
        workshop.studies.join(600)
        assert workshop.studies.snapshot().state is StudyState.FINISHED


def _nan(folder: Path) -> dict[str, Any]:
    bad = load_file(str(folder / "models" / "first.safetensors"))
    bad[SKILL_KEYS[2]][0, 0] = float("nan")
    save_file(bad, str(folder / "models" / "bad.safetensors"))
    return {"partners": ["bad.safetensors"]}


def _other_shape(folder: Path) -> dict[str, Any]:
    bad = load_file(str(folder / "models" / "first.safetensors"))
    bad[SKILL_KEYS[2]] = torch.zeros(9, 9, 1, 1, dtype=torch.float16)
    save_file(bad, str(folder / "models" / "wide.safetensors"))
    return {"partners": ["wide.safetensors"]}


def _twin(folder: Path) -> dict[str, Any]:
    data = (folder / "models" / "base.safetensors").read_bytes()
    (folder / "models" / "twin.safetensors").write_bytes(data)
    return {"partners": ["twin.safetensors"]}


def _truncated(folder: Path) -> dict[str, Any]:
    data = (folder / "models" / "first.safetensors").read_bytes()
    (folder / "models" / "short.safetensors").write_bytes(data[:-100])
    return {"partners": ["short.safetensors"]}


def _unknown_tag(folder: Path) -> dict[str, Any]:
    (folder / "tags.csv").write_text("name,category\nred,colour\ninvisible,colour\n")
    return {"catalogue": str(folder / "tags.csv"), "tags": [1, 2]}


def test_a_file_without_tags_is_refused_at_once(workshop: Workshop) -> None:
    """Nothing is started on an empty list of tags."""
    (workshop.folder / "tags.csv").write_text("name,category\n")
    with pytest.raises(SettingsError, match=r"tags\.csv") as error:
        workshop.studies.start({**workshop.settings, "catalogue": str(workshop.folder / "tags.csv")})
    assert error.value.field == "catalogue"
    assert workshop.studies.snapshot().state is StudyState.IDLE


@pytest.mark.parametrize(
    ("spoil", "error", "text"),
    [
        (_nan, CheckpointError, "bad.safetensors"),
        (_other_shape, ArchitectureError, "wide.safetensors"),
        (_twin, SettingsError, "same model"),
        (_truncated, CheckpointError, "short.safetensors"),
        (_unknown_tag, RimoError, "invisible"),
        (lambda _: {"tagger": "nowhere"}, RimoError, "nowhere"),
    ],
)
def test_bad_input_is_told_before_anything_is_done(
    workshop: Workshop, spoil: Callable[[Path], dict[str, Any]], error: type[RimoError], text: str
) -> None:
    """Unusable files and tags end a study before its first picture; no study is left behind."""
    changes = spoil(workshop.folder)
    failed = run(workshop, **changes)
    assert failed.state is StudyState.FAILED
    assert text in failed.error
    assert not list((workshop.folder / "studies").glob("*/"))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("partners", {"partners": ["missing.safetensors"]}),
        ("partners", {"partners": ["base.safetensors"]}),
        ("preset", {"preset": "enormous"}),
        ("partition", {"partition": "nonsense"}),
        ("frozen", {"frozen": ["nonsense"]}),
        ("budget", {"budget": 0}),
        ("bounds", {"bounds": [1, 0]}),
    ],
)
def test_bad_settings_are_refused_at_once(workshop: Workshop, field: str, changes: dict[str, Any]) -> None:
    """A wrong field is named by ``start`` itself, and nothing runs."""
    with pytest.raises(SettingsError) as caught:
        workshop.studies.start({**workshop.settings, **changes})
    assert caught.value.field == field
    assert workshop.studies.snapshot().state is StudyState.IDLE


def test_only_one_study_runs(workshop: Workshop) -> None:
    """A second start is refused while a study runs, and the first goes on."""
    with held(workshop, lambda _: True):
        workshop.studies.start(workshop.settings)
        with pytest.raises(StudyError, match="running already"):
            workshop.studies.start(workshop.settings)
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED


def test_a_changed_file_stops_a_resume(make_workshop: Make) -> None:
    """A study is not resumed on a checkpoint that is no longer the one it began with."""
    workshop = make_workshop()
    run(workshop, budget=128, unseen=8)
    workshop.studies.close()
    write_model(workshop.host.folder / "first.safetensors", [0.5] * 8, 9)
    again = make_workshop()
    write_model(workshop.host.folder / "first.safetensors", [0.5] * 8, 9)
    again.studies.resume(only_study(again).name)
    again.studies.join(600)
    assert again.studies.snapshot().state is StudyState.FAILED
    assert "first.safetensors" in again.studies.snapshot().error
