"""The WebUI's installer: one call of pip, held to the pins of the WebUI that runs it."""

from __future__ import annotations

import runpy
import sys
import types
from pathlib import Path

import pytest

from tests.house.source import ROOT


def installed(
    monkeypatch: pytest.MonkeyPatch, webui: Path, there: tuple[str, ...], error: str = ""
) -> list[str]:
    """Runs the installer in a WebUI's folder; the commands that it gave to pip."""
    commands: list[str] = []

    def run_pip(command: str, _what: str) -> None:
        commands.append(command)
        if error:
            raise RuntimeError(error)

    launch = types.ModuleType("launch")
    launch.__file__ = str(webui / "launch.py")
    vars(launch).update(run_pip=run_pip, is_installed=lambda name: name in there)
    monkeypatch.setitem(sys.modules, "launch", launch)
    runpy.run_path(str(ROOT / "install.py"))
    return commands


@pytest.mark.parametrize(
    ("files", "pins"),
    [
        (("requirements_versions.txt", "requirements.txt"), "requirements_versions.txt"),
        (("requirements.txt",), "requirements.txt"),
        ((), ""),
    ],
    ids=["A1111 and Forge", "Forge Neo", "neither"],
)
def test_pip_is_held_to_the_hosts_own_pins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: tuple[str, ...], pins: str
) -> None:
    """The file with versions is the constraint, under whichever of its names the WebUI keeps it."""
    for name in files:
        (tmp_path / name).write_text("numpy==2.3.5\n")
    (command,) = installed(monkeypatch, tmp_path, ())
    assert command.startswith(f'install -c "{tmp_path / pins}"' if pins else 'install "scikit-optimize')
    assert '"scikit-optimize>=0.10.2,<0.11" "onnxruntime>=1.17"' in command


def test_only_what_is_missing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing at all where everything is there."""
    assert installed(monkeypatch, tmp_path, ("skopt", "onnxruntime")) == []
    (command,) = installed(monkeypatch, tmp_path, ("skopt",))
    assert "scikit-optimize" not in command


def test_a_failure_says_what_will_not_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the WebUI's own console, and the WebUI starts all the same."""
    installed(monkeypatch, tmp_path, ("skopt",), "conflict with numpy")
    said = capsys.readouterr().out
    assert "the tagger that scores pictures will not work" in said
    assert "conflict with numpy" in said
