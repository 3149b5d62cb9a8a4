"""A search strategy from outside: chosen by its name everywhere, held against the same laws, left out when broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lib_rimo.errors import SettingsError
from lib_rimo.registry import problems
from lib_rimo.search import STRATEGIES
from lib_rimo.study.record import journal
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.testing import StrategyTestCase
from tests.plugins.conftest import Install, Run
from tests.study.conftest import Workshop, played

BROKEN = {
    "rimo_gone": ("import rimo_gone_for_good\n", "gone", "No module named 'rimo_gone_for_good'"),
    "rimo_taken": (
        "class Taken: ...\n",
        "default",
        "default is a search strategy of Rimo Random Mix already",
    ),
    "rimo_odd": (
        "class Odd:\n    def ask(self, history, pending=()): ...\n",
        "odd",
        "too many positional arguments",
    ),
}
"""Package -> its module, the name that it takes, and what is said of it."""


@pytest.fixture
def broken(install: Install) -> None:
    """One package that cannot be imported, one that takes a taken name, one whose class is no strategy."""
    for package, (module, name, _) in BROKEN.items():
        made = package.removeprefix("rimo_").capitalize()
        install(package, {package: module}, {"rimo.strategies": {name: f"{package}:{made}"}})


class TestSteps(StrategyTestCase):
    strategy = "steps"

    @pytest.fixture(autouse=True)
    def _installed(self, install: Install) -> None:
        install("rimo_plugin_strategy")


def test_a_study_runs_with_it(install: Install, make_workshop: Callable[..., Workshop]) -> None:
    """A study names it in its settings, searches by it, and another program goes on from its journal."""
    install("rimo_plugin_strategy")
    workshop = make_workshop()
    study = played(workshop, strategy="steps")
    record = StudyRecord.replay(journal.read(workshop.folder / "studies" / study))
    assert record.opened.settings["strategy"] == "steps"
    assert "steps" in STRATEGIES.names()


def test_without_its_package_the_known_ones_are_listed(
    install: Install, make_workshop: Callable[..., Workshop]
) -> None:
    """``estimate`` and ``start`` refuse a strategy that is not there at its field, before anything is drawn."""
    workshop = make_workshop()
    for ask in (workshop.studies.estimate, workshop.studies.start):
        with pytest.raises(
            SettingsError, match="default, upstream-theater, upstream-ro, random, skopt"
        ) as caught:
            ask({**workshop.settings, "strategy": "steps"})
        assert caught.value.field == "strategy"


def test_what_cannot_be_used_is_named_and_the_study_runs(
    broken: None, make_workshop: Callable[..., Workshop]
) -> None:
    """Three broken packages are left out, each with its reason, also in what the page shows; a study runs."""
    workshop = make_workshop()
    told = [str(problem) for problem in problems()]
    for package, (_, name, reason) in BROKEN.items():
        (said,) = [text for text in told if f"The search strategy {name} of {package} is left out" in text]
        assert reason in said
    assert set(told) <= set(workshop.studies.options()["left_out"])
    played(workshop)


@pytest.mark.slow
def test_the_command_line_searches_by_it(install: Install, broken: None, rimo: Run, tmp_path: Path) -> None:
    """``rimo mix --demo --strategy steps`` mixes the tiny family, and says on stderr what was left out."""
    install("rimo_plugin_strategy")
    out = tmp_path / "result.json"
    done = rimo(
        "mix", "--demo", "--strategy", "steps", "--budget", 64, "--unseen", 4, "--checked", 0, "--steps", 2,
        "--seed", 3, "--json", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for package, (_, name, reason) in BROKEN.items():
        assert f"WARNING The search strategy {name} of {package} is left out" in done.stderr
        assert done.stderr.count(reason) == 1
    assert json.loads(out.read_text())["trials"] >= 3
    refused = rimo("mix", "--demo", "--strategy", "best")
    assert refused.returncode == 2
    assert "steps" in refused.stderr
