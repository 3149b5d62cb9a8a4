"""What the page is sent: enough, no more, and small."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.study.store.snapshot import CurvePoint, Grid, LatestPicture, Snapshot, StudyState
from lib_rimo.ui.api import status as room
from lib_rimo.ui.api.status import MOST_POINTS, status
from lib_rimo.ui.report.report_tables import arms
from tests.ui.scripted import interval, result

LARGEST_ANSWER = 50_000


def study(trials: int, **changes: Any) -> Snapshot:
    """A study in the middle of its search."""
    curve = tuple(
        CurvePoint(
            1 + i // 150, i + 1, 16 * (i + 1), 0.5 + i % 7 / 100, 16, 0.6123, 0.58123, 0.6412, "blocks"
        )
        for i in range(trials)
    )
    made = Snapshot(
        version=trials, state=StudyState.SEARCHING, study="one", trial=trials, curve=curve, images=16 * trials
    )
    return dataclasses.replace(made, **changes)


class Reader:
    """A page as the script is one: it keeps what it was sent and asks for the rest."""

    def __init__(self) -> None:
        self.run, self.study, self.version = "", "", -1
        self.points: list[Any] = []
        self.marks: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def read(self, snapshot: Snapshot) -> dict[str, Any]:
        news = status(
            snapshot,
            run=self.run,
            study=self.study,
            since=self.version,
            points=len(self.points),
            have=frozenset(self.marks.values()),
        )
        if "state" not in news:
            return news
        if (news["run"], news["study"]) != (self.run, self.study):
            self.marks = {}
        curve = news["curve"]
        self.points = self.points[: curve["from"]] + curve["points"]
        for name, part in news["parts"].items():
            self.marks[name], self.values[name] = part["mark"], part["value"]
        self.run, self.study, self.version = news["run"], news["study"], news["version"]
        return news

    def read_all(self, snapshot: Snapshot) -> int:
        """Reads until up to date; returns the size of the largest answer."""
        sizes = []
        while "state" in (news := self.read(snapshot)):
            sizes.append(len(json.dumps(news)))
            assert len(sizes) < 50
        return max(sizes, default=0)


def test_an_up_to_date_page_gets_two_words() -> None:
    """Nothing but version and run is sent when nothing changed."""
    page = Reader()
    page.read_all(study(5))
    assert page.read(study(5)) == {"version": 5, "run": room.RUN}


def test_only_new_points_are_sent() -> None:
    """A page that holds five points gets the sixth alone."""
    page = Reader()
    page.read_all(study(5))
    news = page.read(study(6))
    assert news["curve"]["from"] == 5
    assert [p[1] for p in news["curve"]["points"]] == [6]
    assert not news["parts"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900), st.booleans(), st.booleans(), st.booleans()), max_size=6))
def test_any_page_ends_up_with_the_whole_study(moments: list[tuple[int, bool, bool, bool]]) -> None:
    """Whatever it saw before (another study, more points, another process), a page that asks on is right."""
    page = Reader()
    for version, (trials, other, restarted, finished) in enumerate(moments):
        now = study(
            trials,
            version=version,
            study="two" if other else "one",
            saved=("a.safetensors",) if other else (),
            result=result() if finished else None,
        )
        if restarted:
            page.run = "before"
        page.read_all(now)
        assert [p[1] for p in page.points] == [p.trial for p in now.curve]
        assert page.values["saved"] == list(now.saved)
        assert (page.values["result"] is None) == (now.result is None)


def test_equal_values_of_different_parts_are_told_apart() -> None:
    """A list that became empty is sent although the page holds another empty list."""
    page = Reader()
    page.read_all(study(1, saved=("a.safetensors",), notes=()))
    page.read_all(study(1, version=2, saved=(), notes=()))
    assert page.values["saved"] == []


def test_answers_stay_small() -> None:
    """No answer of a 2,000-trial study of twelve epochs with prompts of twenty tags reaches 50 KB."""
    grids = tuple(
        Grid(e, tuple(f"grids/epoch-{e:03d}-{i:02d}.png" for i in range(8)), ("tag, " * 20,) * 8)
        for e in range(13)
    )
    latest = LatestPicture("latest/1.webp", tuple((f"long tag number {i}", True) for i in range(32)))
    page = Reader()
    size = page.read_all(study(2000, grids=grids, latest=latest, result=result(), notes=("A note.",) * 20))
    assert len(page.points) == 2000
    assert 10 * MOST_POINTS < size < LARGEST_ANSWER


def test_the_base_level_is_the_first_probe_until_it_is_measured() -> None:
    """The dashed line is where the search met the base; the measurement replaces it and adds the parents."""
    probe = CurvePoint(1, 1, 16, 0.55, 16, 0.55, 0.5, 0.6, "base")
    page = Reader()
    page.read_all(study(0, curve=(probe,)))
    assert page.values["lines"] == [{"kind": "base", "label": "base", "at": 0.55}]
    page.read_all(study(0, curve=(probe,), version=9, result=result()))
    assert [line["kind"] for line in page.values["lines"]] == ["base", "best-parent", "parent", "parent"]
    assert page.values["lines"][0]["at"] == 0.561


def test_what_can_be_done_follows_from_the_state() -> None:
    """Buttons are offered exactly in the states in which the service takes their commands."""
    can = {state: status(study(1, state=state))["can"] for state in StudyState}
    assert {s for s in StudyState if can[s]["start"]} == {s for s in StudyState if not s.active}
    assert {s for s in StudyState if can[s]["resume"]} == {
        StudyState.PAUSED,
        StudyState.STOPPED,
        StudyState.FAILED,
    }
    assert not can[StudyState.PAUSED]["pause"]
    assert can[StudyState.PAUSED]["stop"]


@given(st.integers(1, 5), st.integers(0, 3000), st.integers(0, 800))
def test_the_steps_add_up_to_the_study(epochs: int, images: int, measured: int) -> None:
    """Epochs and measurement share the whole bar, none is more than done, and their sum is what was drawn."""
    now = study(
        0,
        epochs=epochs,
        epoch=min(epochs, 1 + images * epochs // 3000),
        budget=3000,
        images=images,
        measured=measured,
        to_measure=800,
    )
    steps = status(now)["steps"]
    assert [s["name"] for s in steps] == [f"Epoch {e + 1}" for e in range(epochs)] + ["Final measurement"]
    assert abs(sum(s["share"] for s in steps) - 1) < 0.001
    assert all(0 <= s["done"] <= 1 for s in steps)
    assert abs(sum(s["share"] * s["done"] for s in steps) - (images + measured) / 3800) < 0.001


def test_the_tags_gained_and_lost_most_are_sent() -> None:
    """Both lists begin with the surest, and no tag is in the list of the other sign."""
    part = status(study(1, result=result()))["parts"]["result"]["value"]
    assert [row["tag"] for row in part["gained"]] == ["rainbow", "night", "star"]
    assert [row["tag"] for row in part["lost"]] == ["two"]
    assert part["gained"][0]["sure"] is True
    assert len(part["categories"][0]["each"]) == len(part["parents"]) == 3


def test_page_and_report_show_the_best_of_one_weight_per_model() -> None:
    """Where it was measured it has a row of its own in both, and the verdict says what block weights added."""
    added = dataclasses.replace(
        result(), single=interval(0.66), gain_over_single_weight=interval(0.024, 0.012)
    )
    for made, rows in ((result(), 0), (added, 1)):
        shown = room._result(made, ())
        assert [arm["role"] for arm in shown["arms"]].count("single") == rows
        assert ("over one weight per model" in shown["verdict"]) == bool(rows)
        assert arms(made, "base").count("best of one weight per model") == rows
