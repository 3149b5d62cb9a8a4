"""Interrupt while a WebUI loads a study's base."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lib_rimo.errors import HostError, HostTakenError
from lib_rimo.hosts.webui.kind import open_webui_host
from tests.hosts.webui.stand_ins import Options, forge, stand_in


class State:
    """The WebUI's state of the job that runs."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.interrupted = self.skipped = self.stopping_generation = False

    def begin(self, job: str) -> None:
        """A job begins; what was pressed before was meant for another."""
        self.jobs.append(job)
        self.interrupted = self.skipped = self.stopping_generation = False

    def end(self) -> None:
        """The job is over."""
        self.jobs.append("")


@pytest.mark.parametrize("button", ["interrupted", "skipped", ""])
def test_an_interrupt_during_loading_is_the_users_wish(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, button: str
) -> None:
    """The checkpoint is loaded to its end, then the study is told; a press from before, or none, changes nothing."""
    path = tmp_path / "base.safetensors"
    save_file({"model.diffusion_model.out.2.weight": torch.zeros(4, 8, 3, 3)}, str(path))
    state, engine = State(), types.SimpleNamespace(forge_objects_original=object(), filename=str(path))
    state.interrupted = True  # pressed for some job of the user's, long ago

    def reload() -> tuple[Any, bool]:
        if button:
            setattr(state, button, True)
        return engine, True

    info = types.SimpleNamespace(filename=str(path), title="base [1234]")
    packages = forge(
        sd_models={
            "forge_model_reload": reload,
            "checkpoints_list": {"base": info},
            "get_closet_checkpoint_match": lambda _name: info,
        },
        processing={"forge_model_reload": reload},
    )
    packages["modules.shared"].update(state=state, opts=Options(sd_model_checkpoint="base [1234]"))
    packages["modules_forge.main_entry"] = {"checkpoint_change": lambda _title, save=True, refresh=True: True}
    stand_in(monkeypatch, packages)
    host = open_webui_host()
    with host.exclusive():
        if button:
            with pytest.raises(HostTakenError, match="Loading was interrupted"):
                host.load(path)
        else:
            host.load(path)
    assert state.jobs == ["Random mix", ""]
    assert not any((state.interrupted, state.skipped))
    assert host.loaded() == path


def test_a_file_that_the_webui_does_not_list_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before anything is selected, with the folder where it belongs."""
    path = tmp_path / "base.safetensors"
    save_file({"a": torch.zeros(1)}, str(path))
    stand_in(monkeypatch, forge())
    host = open_webui_host()
    with host.exclusive(), pytest.raises(HostError, match="/models/Stable-diffusion"):
        host.load(path)
