"""What the tab's events answer."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from lib_rimo.errors import CheckpointError
from lib_rimo.study.snapshot import StudyState
from lib_rimo.ui import form
from tests.ui.scripted import FILES, ScriptedService

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # both generations of gradio warn of their own imports
    from lib_rimo.ui.actions import Actions, next_name
    from lib_rimo.ui.tab import build_tab


@pytest.fixture
def act(service: ScriptedService) -> Actions:
    """The events of a tab with two places for errors."""
    made = Actions(service)
    made.fields = ("partners", "bounds")
    return made


def filled(act: Actions, **numbers: object) -> list[object]:
    """The form as a user leaves it who changed some numbers."""
    values: dict[str, object] = {**act.first_numbers()}
    return [FILES[0], [FILES[1]], "Quick", next(iter(act.partitions)), *(values | numbers).values()]


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
    assert act.shortage() == ""
    options = dict(service.options())
    options["checkpoints"] = options["checkpoints"][:1]
    monkeypatch.setattr(service, "options", lambda: options)
    assert "1 found" in act.shortage()


def test_equal_names_are_told_apart_by_their_paths(
    act: Actions, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files of one name in two folders are both offered, each by its path."""
    files = [{"name": "a", "path": "x/a"}, {"name": "a", "path": "y/a"}, {"name": "b", "path": "x/b"}]
    monkeypatch.setattr(service, "options", lambda: {"checkpoints": files})
    assert act.checkpoint_names() == ["x/a", "y/a", "b"]


@pytest.mark.parametrize(("name", "after"), [("mix", "mix-2"), ("mix-2", "mix-3"), ("a-b-9", "a-b-10")])
def test_the_next_name_counts_on(name: str, after: str) -> None:
    """After a save a name is offered that is still free."""
    assert next_name(name) == after


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # gradio's own, of fastapi and pydantic
def test_nothing_of_the_tab_is_frozen_by_a_webui(tmp_path: Path) -> None:
    """Every component asks the WebUI not to write its default into ui-config.json, and its ids are our own."""
    blocks = build_tab(ScriptedService(tmp_path)).blocks.values()
    assert all(component.do_not_save_to_config for component in blocks)
    ids = {component.elem_id for component in blocks if component.elem_id}
    assert {f"rimo-{name.replace('_', '-')}" for name in form.NUMBERS} <= ids
    assert all(name.startswith("rimo-") for name in ids)
