"""A scorer that a package adds: made without a line of the program changed, and used by its name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lib_rimo.benchmark.scoring import SCORERS
from lib_rimo.errors import SettingsError
from lib_rimo.registry import problems
from lib_rimo.study.record import journal
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.settings.scorer_weights import ScorerWeight, scorer_weights
from lib_rimo.study.store.snapshot import StudyState
from lib_rimo.testing import ScorerTestCase
from lib_rimo.ui.report.report import report_html
from tests.plugins.conftest import Install, Run
from tests.study.conftest import Workshop, played


@pytest.mark.usefixtures("installed")
class TestTexture(ScorerTestCase):
    """The plugin's scorer keeps the laws."""

    scorer = "texture"

    @pytest.fixture
    def installed(self, install: Install) -> None:
        install("rimo_plugin_scorer")


def test_a_study_searches_and_reports_by_it(workshop: Workshop, install: Install) -> None:
    """Its values are in the journal, decide the search as they weigh, and stand in the result beside the accuracy."""
    install("rimo_plugin_scorer")
    study = played(workshop, budget=96, unseen=24, scorers=["tags=1", "texture=3"])
    folder = workshop.folder / "studies" / study
    record = StudyRecord.replay(journal.read(folder))
    scores = [score for trial in record.trials for score in trial.scores]
    assert all(set(score.values) == {"texture"} for score in scores)
    assert len({score.values["texture"] for score in scores}) > 1
    result = record.result
    assert result is not None
    (row,) = result.scorers
    assert row.scorer == "texture"
    assert row.merged.mean == pytest.approx(np.mean([s.values["texture"] for s in record.measured["merged"]]))
    assert set(row.parents) == set(result.parents)
    hits = [hit for score in record.measured["merged"] for hit in score.hits]
    assert result.merged.mean == pytest.approx(np.mean(hits))
    page = report_html(workshop.studies, study)
    assert f"{row.merged.mean:.3f}" in page


def test_the_same_study_without_it_draws_the_same(workshop: Workshop, install: Install) -> None:
    """With weight 0 it is measured and decides nothing: tags and hits are those of a study without it."""
    install("rimo_plugin_scorer")
    one, other = (
        StudyRecord.replay(journal.read(workshop.folder / "studies" / study))
        for study in (
            played(workshop, budget=96, unseen=24, strategy="default"),
            played(workshop, budget=96, unseen=24, strategy="default", scorers=["tags=2", "texture=0"]),
        )
    )
    assert [t.weights for t in one.trials] == [t.weights for t in other.trials]
    assert [s.hits for t in one.trials for s in t.scores] == [s.hits for t in other.trials for s in t.scores]
    assert one.result is not None
    assert other.result is not None
    assert one.result.merged == other.result.merged
    assert not one.result.scorers
    assert other.result.scorers


def test_a_study_whose_scorer_is_gone_opens_and_says_so_when_gone_on_with(
    workshop: Workshop, install: Install
) -> None:
    """Without the package its studies are listed, reported and saved; to go on the scorer is missed by name."""
    install("rimo_plugin_scorer")
    study = played(workshop, budget=96, unseen=24, scorers=["texture=1"])
    SCORERS.remove("texture")
    (row,) = workshop.studies.studies()
    assert row["broken"] == ""
    workshop.studies.open(study)
    assert workshop.studies.save("without").exists()
    workshop.studies.resume(study)
    workshop.studies.join(60)
    shown = workshop.studies.snapshot()
    assert shown.state is StudyState.FAILED
    assert "There is no such scorer" in shown.error
    assert "texture" in shown.error


@pytest.mark.slow
def test_a_study_of_the_tiny_family_runs_with_it(install: Install, rimo: Run, tmp_path: Path) -> None:
    """``rimo mix --scorers`` by the command line, in a process of its own."""
    install("rimo_plugin_scorer")
    ran = rimo(
        "mix", "--demo", "--budget", 64, "--unseen", 4, "--checked", 0, "--steps", 4, "--strategy", "random",
        "--scorers", "tags=1", "texture=0.5", "--json", tmp_path / "result.json",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "Mean value of the scorer texture" in ran.stdout
    (row,) = json.loads((tmp_path / "result.json").read_text())["scorers"]
    assert 0 < row["merged"]["low"] <= row["merged"]["mean"] <= row["merged"]["high"] < 1
    (path,) = (tmp_path / "home" / "studies").glob(f"*/{journal.FILE}")
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    values = [
        score["values"]["texture"] for line in lines if line["t"] == "images" for score in line["scores"]
    ]
    assert len(values) == 64
    shutil.rmtree(tmp_path / "home")


def test_what_a_scorer_does_wrong_is_told_by_its_name(workshop: Workshop, install: Install) -> None:
    """One that raises, counts wrongly or leaves [0, 1] ends the study with its name; what was measured before stays."""
    bad = """
class Bad:
    def __init__(self, tagger): pass
    def score(self, prompts, images):
        return self.answer(images)

class Raising(Bad):
    def answer(self, images): raise RuntimeError("no weights")

class Few(Bad):
    def answer(self, images): return []

class High(Bad):
    def answer(self, images):
        from lib_rimo.benchmark import Reading
        return [Reading(1.5)] * len(images)
"""
    install("bad", {"bad_scorers": bad}, {"rimo.scorers": {
        "raising": "bad_scorers:Raising", "few": "bad_scorers:Few", "high": "bad_scorers:High",
    }})  # fmt: skip
    told = {"raising": "RuntimeError: no weights", "few": "lost count", "high": "out of range"}
    for name, words in told.items():
        workshop.studies.start({**workshop.settings, "budget": 96, "scorers": [f"{name}=1"]})
        workshop.studies.join(60)
        shown = workshop.studies.snapshot()
        assert shown.state is StudyState.FAILED
        assert f"The scorer {name}" in shown.error
        assert words in shown.error


def test_plugins_that_are_no_scorers_are_left_out_by_name(install: Install) -> None:
    """A failed import, a taken name, a class without the method: named, and the program goes on with the others."""
    install(
        "good",
        {"good": "class A:\n    def score(self, p, i): return []\n"},
        {"rimo.scorers": {"fine": "good:A"}},
    )
    install("odd", {"odd": "class B: pass\nclass C:\n    def score(self, p, i): return []\n"}, {
        "rimo.scorers": {"no-method": "odd:B", "tags": "odd:C", "not-there": "missing:A"},
    })  # fmt: skip
    assert set(SCORERS.names()) == {"tags", "fine"}
    told = "\n".join(str(problem) for problem in problems())
    assert all(f"The scorer {name} of odd is left out" in told for name in ("no-method", "tags", "not-there"))
    with pytest.raises(SettingsError, match="no-method of odd is left out") as caught:
        scorer_weights([ScorerWeight("no-method", 1.0)])
    assert caught.value.field == "scorers"
