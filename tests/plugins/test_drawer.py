"""A drawer in a process of its own, made outside of the program: the contract, a study, and its process's death."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lib_rimo.benchmark.tagger import open_tagger
from lib_rimo.errors import PluginError
from lib_rimo.hosts.drawers.drawer import Drawer
from lib_rimo.hosts.drawers.registry import DEFAULT, DRAWERS, DrawerSettings, open_drawer
from lib_rimo.study.record import journal
from lib_rimo.study.store.snapshot import StudyState
from lib_rimo.study.studies import Studies
from lib_rimo.testing.drawers import DrawerTestCase
from lib_rimo.toy.family import Family, unpack
from tests.plugins.conftest import HERE, Install, Run

PACKAGE, NAME = "rimo_plugin_drawer", "elsewhere"
SMALL: dict[str, Any] = {"budget": 64, "unseen": 4, "checked": 0, "steps": 2, "seed": 3, "strategy": "random"}


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    """The tiny family, unpacked."""
    return unpack(tmp_path_factory.mktemp("family"))


def settings_of(family: Family) -> DrawerSettings:
    """What a drawer of the tiny family is told."""
    return DrawerSettings(family.base.parent, lambda _: family.config_dir, "cpu")


@pytest.fixture(scope="module")
def process_drawer(family: Family) -> Iterator[Any]:
    """The package's drawer, without its being installed."""
    spec = importlib.util.spec_from_file_location(PACKAGE, HERE / PACKAGE / f"{PACKAGE}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    drawer = module.ProcessDrawer(settings_of(family))
    yield drawer
    drawer.close()


class TestInAProcess(DrawerTestCase):
    """The contract."""

    @pytest.fixture
    def models(self, family: Family) -> Sequence[Path]:
        """The base and one of the specialists."""
        return [family.base, family.specialists[0]]

    @pytest.fixture
    def drawer(self, process_drawer: Drawer) -> Drawer:
        """One process for all tests."""
        return process_drawer


def studies_with(drawer: Drawer, folder: Path, family: Family) -> tuple[Studies, dict[str, Any]]:
    """Studies on the tiny family, and settings of a small one."""
    studies = Studies(drawer, folder, lambda s: open_tagger(family.tagger_dir, s.threshold))
    files = {"base": str(family.base), "partners": [str(family.specialists[0])]}
    tags = {"tagger": str(family.tagger_dir), "catalogue": str(family.catalogue), "one_per_category": True}
    return studies, {**files, **tags, **SMALL}


def decisions(folder: Path) -> list[dict[str, Any]]:
    """What the only study of a folder asked, drew and found, without times and places."""
    (found,) = folder.glob(f"*/{journal.FILE}")
    lines = [json.loads(line) for line in found.read_text().splitlines()[1:]]
    return [{key: value for key, value in line.items() if key not in ("seconds", "id")} for line in lines]


@pytest.fixture(scope="module")
def decided_here(family: Family, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The decisions of a study with the drawer of this process."""
    folder = tmp_path_factory.mktemp("here")
    studies, settings = studies_with(open_drawer(DEFAULT, settings_of(family)), folder, family)
    studies.start(settings)
    studies.join(600)
    assert studies.snapshot().state is StudyState.FINISHED, studies.snapshot().error
    studies.close()
    return decisions(folder)


def test_a_study_from_the_command_line_decides_the_same(
    install: Install, rimo: Run, tmp_path: Path, family: Family, decided_here: list[dict[str, Any]]
) -> None:
    """Named on the command line, the drawer of the package carries a study out as the one of this process does."""
    install(PACKAGE)
    assert DRAWERS.maker(NAME) == "rimo-plugin-drawer"
    told = [text for name, value in SMALL.items() for text in (f"--{name}", value)]
    ran = rimo("mix", "--base", family.base, "--partners", family.specialists[0], "--drawer", NAME, *told)
    assert ran.returncode == 0, ran.stderr
    assert decisions(tmp_path / "home" / "studies") == decided_here


def test_a_process_that_dies_fails_the_study_which_can_go_on(
    process_drawer: Any, tmp_path: Path, family: Family, decided_here: list[dict[str, Any]]
) -> None:
    """Killed in the middle the study says so; resumed, it starts a new process and decides as if nothing had been."""
    studies, settings = studies_with(process_drawer, tmp_path, family)
    snapshot = studies.start(settings)
    while snapshot.state.active and snapshot.trial < 2:
        snapshot = studies.wait(snapshot.version, 60)
    before = process_drawer.pid
    os.kill(before, signal.SIGKILL)
    studies.join(600)
    failed = studies.snapshot()
    assert failed.state is StudyState.FAILED
    assert "The process that draws has ended" in failed.error
    studies.resume()
    studies.join(600)
    assert studies.snapshot().state is StudyState.FINISHED, studies.snapshot().error
    assert process_drawer.pid not in (before, None)
    studies.close()
    assert process_drawer.pid is None
    assert decisions(tmp_path) == decided_here


def test_what_is_no_drawer_is_left_out(install: Install, family: Family) -> None:
    """A class without the methods, a name that is taken, and what makes something else are named; others go on."""
    modules = {
        "broken_drawers": "class Half:\n    name = 'half'\n\n\ndef make(settings):\n    return settings\n"
    }
    points = {"half": "broken_drawers:Half", DEFAULT: "broken_drawers:make", "strange": "broken_drawers:make"}
    install("broken-drawers", modules, {"rimo.drawers": points})
    assert DRAWERS.names() == (DEFAULT, "strange")
    told = {problem.what: str(problem) for problem in DRAWERS.problems()}
    assert "draw" in told["The drawer half of broken-drawers is left out"]
    assert "already" in told[f"The drawer {DEFAULT} of broken-drawers is left out"]
    with pytest.raises(PluginError, match="strange of broken-drawers cannot be used"):
        open_drawer("strange", settings_of(family))
    with pytest.raises(PluginError, match="There is no such drawer"):
        open_drawer("gone", settings_of(family))
    assert open_drawer(DEFAULT, settings_of(family)).name == "diffusers"
