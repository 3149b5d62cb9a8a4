"""What packages add from outside: taken in, or left out with a reason while the program goes on."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from lib_rimo.errors import PluginError
from lib_rimo.registry import Registry, problems


def checked(_name: str, member: object) -> Callable[[], int]:
    """A member is something that can be called."""
    if not callable(member):
        raise TypeError(f"{member!r} cannot be called")
    return member


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed package with four entry points of a group of its own; the group's name."""
    group = f"rimo.test-{tmp_path.name}"
    (tmp_path / "outsider.py").write_text("def nine():\n    return 9\n\nseven = 7\n")
    info = tmp_path / "outsider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n")
    points = """
        good = outsider:nine
        plain = outsider:nine
        broken = outsider_that_is_gone:nine
        odd = outsider:seven
    """
    (info / "entry_points.txt").write_text(f"[{group}]\n{textwrap.dedent(points)}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "outsider", raising=False)
    return group


def test_what_is_sound_is_taken_in_and_the_rest_is_named(package: str) -> None:
    """One good member; a taken name, a failed import and a broken protocol are left out with their reasons."""
    registry = Registry(package, "sum", checked, {"plain": lambda: 1})
    assert registry.names() == ("plain", "good")
    assert registry["good"]() == 9
    assert registry["plain"]() == 1, "the program's own is not replaced"
    assert (registry.maker("good"), registry.maker("plain")) == ("outsider", "Rimo Random Mix")
    told = {problem.what: str(problem) for problem in registry.problems()}
    assert set(told) == {f"The sum {name} of outsider is left out" for name in ("plain", "broken", "odd")}
    assert "plain is a sum of Rimo Random Mix already" in told["The sum plain of outsider is left out"]
    assert "No module named 'outsider_that_is_gone'" in told["The sum broken of outsider is left out"]
    assert "7 cannot be called" in told["The sum odd of outsider is left out"]
    assert set(registry.problems()) <= set(problems())


def test_an_unknown_name_lists_the_known_and_what_was_left_out(package: str) -> None:
    """Whoever asks for a member that could not be imported is told that, not only that it is unknown."""
    registry = Registry(package, "sum", checked, {"plain": lambda: 1})
    with pytest.raises(PluginError, match=r"There is no such sum\. Found: more\. Wanted: plain, good"):
        registry["more"]
    with pytest.raises(PluginError, match=r"The sum broken of outsider is left out\. Choose one of these"):
        registry["broken"]


def test_a_name_is_taken_once() -> None:
    """Registering by hand obeys the same rules, and what is taken out can be registered again."""
    registry: Registry[Callable[[], int]] = Registry("rimo.test-none", "sum", checked)
    registry.register("two", lambda: 2, "somebody")
    with pytest.raises(PluginError, match="two is a sum of somebody already"):
        registry.register("two", lambda: 3, "somebody else")
    with pytest.raises(PluginError, match="3 cannot be called"):
        registry.register("three", 3, "somebody")
    registry.remove("two")
    registry.register("two", lambda: 3)
    assert registry["two"]() == 3
