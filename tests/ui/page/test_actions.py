"""What the tab's events answer."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from lib_rimo.errors import CheckpointError
from lib_rimo.study.store.snapshot import StudyState
from lib_rimo.ui.page import form
from tests.ui.scripted import FILES, ScriptedService
from tests.ui.tabs import tab_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # both generations of gradio warn of their own imports
    from lib_rimo.ui.page.actions import Actions


@pytest.fixture
def act(patient_service: ScriptedService) -> Actions:
    """The events of a tab with two places for errors."""
    made = Actions(patient_service)
    made.fields = ("partners", "bounds")
    return made


def filled(act: Actions, **values: object) -> list[object]:
    """The form as a user leaves it who changed some fields."""
    first = {
        "base": FILES[0],
        "partners": [FILES[1]],
        "preset": "Quick",
        "partition": next(iter(act.partitions)),
    }
    return list((first | act.first_values() | values).values())


def test_start_starts(act: Actions, service: ScriptedService) -> None:
    """A form without mistakes starts the study and clears all messages."""
    message, _, *marks = act.start(*filled(act))
    assert message["value"] == ""
    assert not any(mark["visible"] for mark in marks)
    assert service.snapshot().state.active


def test_a_mistake_is_marked_at_its_place(act: Actions, service: ScriptedService) -> None:
    """A mistake under Advanced opens it, is told above, and marked at its own field only."""
    message, folded, partners, bounds = act.start(*filled(act, bounds_lowest=1.5))
    assert "reversed" in message["value"]
    assert folded["open"] is True
    assert (partners["visible"], bounds["visible"]) == (False, True)
    assert service.snapshot().state is StudyState.IDLE


def test_messages_are_text_not_markup(
    act: Actions, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file name cannot smuggle markup into the page."""
    told = CheckpointError("Damaged", found="<img src=x>.safetensors")
    monkeypatch.setattr(service, "start", lambda _: (_ for _ in ()).throw(told))
    assert "&lt;img src=x&gt;" in act.start(*filled(act))[0]["value"]


def test_a_single_checkpoint_is_said_to_be_too_few(
    act: Actions, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is nothing to mix, the tab says what to get."""
    assert act.notes() == ""
    options = dict(service.options())
    options["checkpoints"] = options["checkpoints"][:1]
    monkeypatch.setattr(service, "options", lambda: options)
    assert "1 found" in act.notes()


def test_what_packages_add_and_cannot_be_used_is_noted(
    act: Actions, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a note of its own above the form, as text."""
    told = ["The search strategy a of b is left out. Found: <i>.", "The scorer c of d is left out."]
    monkeypatch.setattr(service, "options", lambda before=service.options: {**before(), "left_out": told})
    assert act.notes().count("<p ") == 2
    assert "Found: &lt;i&gt;." in act.notes()


def test_equal_names_are_told_apart_by_their_paths(
    act: Actions, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files of one name in two folders are both offered, each by its path."""
    files = [{"name": "a", "path": "x/a"}, {"name": "a", "path": "y/a"}, {"name": "b", "path": "x/b"}]
    monkeypatch.setattr(service, "options", lambda: {"checkpoints": files})
    assert act.checkpoint_names() == ["x/a", "y/a", "b"]


def test_a_preset_brings_back_everything_but_the_checkpoints(act: Actions) -> None:
    """A form kept under a name is filled in again as it was, after others were chosen; unknown names change nothing."""
    kept = filled(
        act, preset="Standard", budget=777, bounds_lowest=-0.1, prefix="best", frozen=["VAE", "Middle block"]
    )
    listed, told = act.keep_preset("mine", *kept)
    assert (listed["choices"], listed["value"]) == (["mine"], "mine")
    assert "Preset saved" in told["value"]
    *fields, _ = act.load_preset("mine")
    assert [field["value"] for field in fields] == kept[2:]
    *untouched, _ = act.load_preset("a new name")
    assert not any("value" in field for field in untouched)
    assert act.delete_preset("mine")[0]["choices"] == []


def test_what_is_not_named_is_what_the_program_offers(
    act: Actions, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings that a script started with name few fields; the others show the program's own defaults."""
    options = dict(service.options())
    options["default"] = {**options["default"], "one_per_category": True, "steps": 12, "sampler": "Euler"}
    monkeypatch.setattr(service, "options", lambda: options)
    monkeypatch.setattr(service, "defaults", lambda _base: options["default"])
    assert act.first_values()["steps"] == 12
    service.presets().remember({"base": FILES[0], "partners": [FILES[1]], "preset": "quick", "cfg": 5})
    restored = dict(zip(form.INPUTS, act.restore(), strict=False))
    shown = {name: restored[name]["value"] for name in ("one_per_category", "steps", "sampler", "cfg")}
    assert shown == {"one_per_category": True, "steps": 12, "sampler": "Euler", "cfg": 5}


def test_another_base_brings_its_own_defaults(act: Actions, service: ScriptedService) -> None:
    """What the first base brought along goes with it and comes back with it; what the user wrote stays."""
    values = act.first_values()
    assert values["tagger"] == "/its/own/tagger"
    mine = {**values, "prefix": "mine"}
    base, *updates = act.base_values(FILES[0], FILES[1], *mine.values())
    changed = {n: u["value"] for n, u in zip(form.FIELDS, updates, strict=True) if "value" in u}
    assert base == FILES[1]
    assert changed == {"tagger": "wd-vit-tagger-v3", "catalogue": "", "one_per_category": False}
    assert act.base_values(FILES[1], FILES[1], *mine.values())[0] == FILES[1]
    there = {**mine, **changed, "catalogue": "my-tags.csv"}
    base, *updates = act.base_values(FILES[1], FILES[0], *there.values())
    back = {n: u["value"] for n, u in zip(form.FIELDS, updates, strict=True) if "value" in u}
    assert back == {"tagger": "/its/own/tagger", "one_per_category": True}
    tagger = dict(zip(form.FIELDS, updates, strict=True))["tagger"]
    assert tagger["choices"] == ["/its/own/tagger", "wd-vit-tagger-v3", "wd-swinv2-tagger-v3"]


def test_a_preset_needs_a_name_and_a_right_form(act: Actions) -> None:
    """What cannot be kept is said, and nothing is kept."""
    assert "rimo-bad" in act.keep_preset("", *filled(act))[1]["value"]
    assert "cannot be read" in act.keep_preset("mine", *filled(act, budget="many"))[1]["value"]
    assert act.own_presets() == []
    assert "rimo-bad" in act.delete_preset("mine")[1]["value"]


def test_what_was_started_last_is_restored(act: Actions, service: ScriptedService) -> None:
    """Base, partners, size and fields stand there again; a partner that is gone since is left out."""
    assert not any("value" in field for field in act.restore())
    act.start(*filled(act, preset="Thorough", seed=9, partners=[FILES[1], FILES[2]], base=FILES[3]))
    service.stop()
    restored = dict(zip(form.INPUTS, act.restore(), strict=False))
    assert restored["base"]["value"] == FILES[3]
    assert restored["partners"]["value"] == [FILES[1], FILES[2]]
    assert restored["preset"]["value"] == "Thorough"
    assert restored["seed"]["value"] == 9
    act.checkpoint_names = lambda: [FILES[0], FILES[2]]  # type: ignore[method-assign]
    restored = dict(zip(form.INPUTS, act.restore(), strict=False))
    assert "value" not in restored["base"]
    assert restored["partners"]["value"] == [FILES[2]]


def test_nothing_of_the_tab_is_frozen_by_a_webui(tmp_path: Path) -> None:
    """Every component asks the WebUI not to write its default into ui-config.json, and its ids are our own."""
    blocks = tab_of(tmp_path).blocks.values()
    assert all(component.do_not_save_to_config for component in blocks)
    ids = {component.elem_id for component in blocks if component.elem_id}
    assert {f"rimo-{name.replace('_', '-')}" for name in form.FIELDS} <= ids
    assert all(name.startswith("rimo-") for name in ids)
