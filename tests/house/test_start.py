"""The starter: what it does with environments that are missing, finished, half-made or not its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import start


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the files that decide about the environment, and nothing else."""
    (tmp_path / "requirements").mkdir()
    for name in (*start.PINS, "dev"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"{name}==1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(start, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Takes the place of venv and pip, so that nothing is downloaded, and keeps what was asked of them."""
    asked: list[list[str]] = []

    def record(command: Sequence[str | Path], log: Path) -> None:
        asked.append([str(part) for part in command])
        if "venv" in asked[-1]:
            python = start.program(log.parent, "python")
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()

    monkeypatch.setattr(start, "run_logged", record)
    monkeypatch.setattr(start, "torch_index", list)
    return asked


def test_first_run_installs_and_the_second_does_nothing(checkout: Path, commands: list[list[str]]) -> None:
    """A finished environment is recognised without asking venv or pip anything."""
    folder = start.prepare("forge", dev=False)
    assert folder == checkout / ".venv"
    assert [c[2] for c in commands] == ["venv", "pip", "pip"]
    commands.clear()
    assert start.prepare("forge", dev=False) == folder
    assert not commands


def test_tests_add_to_the_same_environment(checkout: Path, commands: list[list[str]]) -> None:
    """What the tests need is added to the finished environment, which is not made anew."""
    start.prepare("forge", dev=False)
    (checkout / ".venv" / "kept").touch()
    commands.clear()
    start.prepare("forge", dev=True)
    assert [c[2] for c in commands] == ["pip", "pip"]
    assert f"{checkout}/requirements/dev.txt" in commands[0]
    assert (checkout / ".venv" / "kept").exists()
    commands.clear()
    start.prepare("forge", dev=False)
    assert not commands


def test_changed_pins_are_installed(checkout: Path, commands: list[list[str]]) -> None:
    """Another pin leads to an update that keeps the test packages."""
    start.prepare("forge", dev=True)
    commands.clear()
    (checkout / "requirements" / "forge.txt").write_text("forge==2\n")
    start.prepare("forge", dev=False)
    assert f"{checkout}/requirements/dev.txt" in commands[0]


def test_interrupted_setup_is_repaired(
    checkout: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Ctrl-C left half-made is thrown away and made anew by the next run."""
    recorder = start.run_logged

    def interrupted(command: Sequence[str | Path], log: Path) -> None:
        recorder(command, log)
        if "pip" in command:
            (checkout / ".venv" / "half").touch()
            raise KeyboardInterrupt

    monkeypatch.setattr(start, "run_logged", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start.prepare("forge", dev=False)
    monkeypatch.setattr(start, "run_logged", recorder)
    commands.clear()
    start.prepare("forge", dev=False)
    assert [c[2] for c in commands] == ["venv", "pip", "pip"]
    assert not (checkout / ".venv" / "half").exists()


def test_failed_download_keeps_a_working_environment(
    checkout: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without network the test packages cannot be added, but the program still starts."""
    start.prepare("forge", dev=False)

    def offline(command: Sequence[str | Path], log: Path) -> None:
        raise start.SetupError("no network")

    monkeypatch.setattr(start, "run_logged", offline)
    with pytest.raises(start.SetupError, match="no network"):
        start.prepare("forge", dev=True)
    start.prepare("forge", dev=False)


def test_foreign_environment_is_left_alone(checkout: Path, commands: list[list[str]]) -> None:
    """A .venv that somebody else made is neither used nor changed, and the user is told."""
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "pyvenv.cfg").write_text("home = elsewhere\n")
    with pytest.raises(start.SetupError, match="was not made by"):
        start.prepare("forge", dev=False)
    assert [p.name for p in (checkout / ".venv").iterdir()] == ["pyvenv.cfg"]
    assert not commands


@pytest.mark.parametrize("damage", ["moved", "no python", "torn note"])
def test_useless_environment_of_ours_is_made_anew(
    checkout: Path, commands: list[list[str]], damage: str
) -> None:
    """An environment that was moved, lost its Python or has a torn note is replaced."""
    folder = start.prepare("forge", dev=False)
    note = folder / start.STATE
    if damage == "moved":
        note.write_text(json.dumps(json.loads(note.read_text()) | {"root": "/elsewhere"}))
    elif damage == "no python":
        start.program(folder, "python").unlink()
    else:
        note.write_text('{"root"')
    commands.clear()
    start.prepare("forge", dev=False)
    assert [c[2] for c in commands] == ["venv", "pip", "pip"]


def test_pin_sets_live_apart(checkout: Path, commands: list[list[str]]) -> None:
    """A1111's pins get an environment of their own."""
    assert start.prepare("a1111", dev=False) == checkout / ".venvs" / "a1111"
    assert f"{checkout}/requirements/a1111.txt" in commands[1]


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 14), (4, 0)])
def test_wrong_python_is_refused(version: tuple[int, int]) -> None:
    """A Python without packages is refused with the versions that work; the WebUIs' pins end one earlier."""
    with pytest.raises(start.SetupError, match=r"3\.10, 3\.11, 3\.12 or 3\.13 is needed"):
        start.check_python(version)
    for pins in ("forge", "a1111"):
        with pytest.raises(start.SetupError, match=r"3\.10, 3\.11 or 3\.12 is needed"):
            start.check_python((3, 13), pins)


@pytest.mark.parametrize("version", start.PYTHONS)
def test_right_python_is_accepted(version: tuple[int, int]) -> None:
    """Every supported Python passes."""
    start.check_python(version)


def test_python_without_venv_is_explained(
    checkout: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's Python without its venv package leads to the name of that package."""
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(start.SetupError, match=r"apt install python3\.\d+-venv"):
        start.prepare("forge", dev=False)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("ERROR: [Errno 28] No space left on device", "disk is full"),
        ("NewConnectionError: Failed to establish a new connection: [Errno 111]", "cannot be reached"),
        ("ERROR: Could not find a version that satisfies x==1 (from versions: none)", "cannot be reached"),
        ("urllib3.exceptions.ReadTimeoutError: Read timed out.", "broke off"),
        ("first\nERROR: something else", "something else"),
    ],
)
def test_failures_are_explained(log: str, words: str) -> None:
    """What pip says is put in the user's words; what is unknown is shown as it stands."""
    assert words in start.explain(log)


def test_output_of_a_failed_command_is_kept(tmp_path: Path) -> None:
    """A failed command's last lines reach the user and all of them the log."""
    log = tmp_path / "log"
    with pytest.raises(start.SetupError, match="gone wrong"):
        start.run_logged([sys.executable, "-c", "print('gone wrong'); raise SystemExit(3)"], log)
    assert log.read_text().strip() == "gone wrong"


def test_setups_of_one_checkout_wait_for_each_other(checkout: Path) -> None:
    """A second process cannot set up while the first one does, and can as soon as that one has died."""
    program = f"""
import pathlib, sys
sys.path.insert(0, {str(Path(start.__file__).parent)!r})
import start
start.ROOT = pathlib.Path({str(checkout)!r})
with start.one_at_a_time("forge"):
    print("mine", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "mine\n"

        def end_first(seconds: float) -> None:
            waits.append(seconds)
            first.kill()
            first.wait()

        waits: list[float] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "sleep", end_first)
            with start.one_at_a_time("forge"):
                assert waits


def test_unknown_pins_are_refused() -> None:
    """A misspelt set of pins is named together with those that exist."""
    with pytest.raises(start.SetupError, match="forge, standalone, a1111"):
        start.main(["test", "--pins", "a111"])
