"""Packages that add to the program from outside, and how a test makes one visible.

A folder beside this file is such a package as somebody would publish it: ``pyproject.toml`` with its entry points, and
its modules. ``install`` does what pip would, for this process and for those that it starts:

    def test_it_is_there(install):
        install("rimo_plugin_strategy")
        assert "my-name" in STRATEGIES
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lib_rimo import registry
from tests.house.source import ROOT
from tests.study.conftest import make_workshop, workshop  # noqa: F401  (fixtures)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # comes with pytest where Python has none

HERE = Path(__file__).parent

EntryPoints = Mapping[str, Mapping[str, str]]
"""Group -> name -> ``module:object``."""
Install = Callable[..., None]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Makes packages visible: ``install(folder)`` one of this folder, ``install(name, modules, points)`` a written one.

    The arguments of the second: module names and their texts, and entry points by group.
    """
    before = set(sys.modules)
    made: list[Path] = []

    def visible(code: Path, name: str, version: str, points: EntryPoints) -> None:
        site = tmp_path / "site-packages" / name
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [
            f"[{group}]\n" + "".join(f"{n} = {o}\n" for n, o in of.items()) for group, of in points.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        made.extend(dict.fromkeys((site, code)))
        path = os.pathsep.join([*map(str, made), *filter(None, (os.environ.get("PYTHONPATH"),))])
        monkeypatch.setenv("PYTHONPATH", path)
        monkeypatch.syspath_prepend(site)
        monkeypatch.syspath_prepend(code)
        forget_packages()

    def install(
        name: str, modules: Mapping[str, str] | None = None, points: EntryPoints | None = None
    ) -> None:
        if modules is None:
            project = tomllib.loads((HERE / name / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            visible(HERE / name, project["name"], project["version"], project["entry-points"])
            return
        code = tmp_path / "site-packages" / name
        code.mkdir(parents=True)
        for module, text in modules.items():
            (code / f"{module}.py").write_text(text, encoding="utf-8")
        visible(code, name, "1.0", points or {})

    forget_packages()
    yield install
    monkeypatch.undo()
    places = tuple(map(str, made))
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(places):
            del sys.modules[name]
    forget_packages()


def forget_packages() -> None:
    """All registries ask the installed packages anew, as in a program that has just begun."""
    for one in registry._REGISTRIES:
        for name in [name for name, maker in one._makers.items() if maker != registry.HERE]:
            one.remove(name)
        one._problems.clear()
        one._loaded = False


@pytest.fixture
def rimo(tmp_path: Path) -> Run:
    """Runs ``rimo`` with arguments to its end, with a home of its own and whatever is installed by then."""

    def run(*arguments: Any) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "RIMO_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "lib_rimo", *map(str, arguments)]
        return subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900
        )

    return run
