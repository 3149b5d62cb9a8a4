"""The examples run as they stand, in a folder of their own."""

from __future__ import annotations

import ast
import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib_rimo.registry import HERE, Registry
from tests.house.source import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def _own_folder(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the user's is touched; the tiny family is unpacked once for all."""
    monkeypatch.setenv("RIMO_HOME", str(tmp_path_factory.getbasetemp() / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _taken_out_again(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What an example adds to the program is gone before the next test."""
    register, added = Registry.register, []

    def noted(self: Registry[Any], name: str, member: Any, maker: str = HERE) -> None:
        register(self, name, member, maker)
        added.append((self, name))

    monkeypatch.setattr(Registry, "register", noted)
    yield
    for registry, name in added:
        registry.remove(name)


@pytest.mark.usefixtures("_taken_out_again")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each script ends without an error or a warning and says what it found."""
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_the_search_finds_what_there_is() -> None:
    """The example of the search comes near the weights that it hides."""
    names = runpy.run_path(str(ROOT / "examples" / "search_any_function.py"))
    assert abs(names["found"].weights - names["BEST"]).max() < 0.2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path) -> None:
    """Its cells run one after the other, each is of the format's kinds, and no output is kept in it."""
    book = json.loads(path.read_text(encoding="utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for cell in book["cells"]:
        assert cell["cell_type"] in ("markdown", "code")
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
            shown.append(_run("".join(cell["source"]), f"{path.name}, cell {cell['id']}", names))
    assert any(type(value).__name__ == "Image" for value in shown)


def _run(source: str, where: str, names: dict[str, Any]) -> object:
    """Runs a cell as a notebook does: the value of a last line that is an expression is what it shows."""
    body = ast.parse(source, where).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), where, "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), where, "eval"), names)
