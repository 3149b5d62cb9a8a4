"""Guided search: limits and ties of block groups and partners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.errors import SettingsError
from lib_rimo.search import run_search
from lib_rimo.search.history import Floats, Ints
from lib_rimo.search.landscape import Landscape
from lib_rimo.study.analysis.sensitivity import Sensitivity
from lib_rimo.study.record.journal import read
from lib_rimo.study.record.observations import constraints_of
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.settings.constraints import check_constraints, guide
from lib_rimo.study.settings.search import SearchOptions
from lib_rimo.study.settings.settings import StudySettings
from tests.study.conftest import Workshop, played

PARTNERS = ("first.safetensors", "second.ckpt")
GROUPS = ("in7", "in8+", "mid", "text")
ENDS = st.integers(-4, 0), st.integers(0, 4)


def settings(**values: Any) -> SearchOptions:
    """Of some study with two partners."""
    return StudySettings.from_mapping({"base": "base", "partners": PARTNERS, **values}).search


def bounds(*limits: str) -> Floats:
    """The bounds that limits make."""
    return guide(settings(limits=limits), PARTNERS, GROUPS).bounds


def tied(*ties: str) -> list[list[int]]:
    """Labels, row by row, each row counted from its first."""
    labels = guide(settings(ties=ties), PARTNERS, GROUPS).ties
    assert not set(labels[0]) & set(labels[1])
    return [(row - row[0]).tolist() for row in labels]


def check(**values: Any) -> None:
    """All groups searched but the VAE, which is known."""
    check_constraints(settings(**values), PARTNERS, (*GROUPS, "vae"), GROUPS)


def test_nothing_asked_is_nothing_changed() -> None:
    """Without limits and ties every weight has the study's bounds and a label of its own."""
    assert (bounds() == [-0.2, 1.0]).all()
    assert tied() == [[0, 1, 2, 3], [0, 1, 2, 3]]
    check()


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("mid", [(0, 2), (1, 2)]),
        ("first", [(0, 0), (0, 1), (0, 2), (0, 3)]),
        ("second.ckpt", [(1, 0), (1, 1), (1, 2), (1, 3)]),
        ("first.safetensors/in8+", [(0, 1)]),
        ("second/text", [(1, 3)]),
        ("vae", []),
    ],
)
def test_a_limit_holds_where_its_name_says(name: str, cells: list[tuple[int, int]]) -> None:
    """A group for all partners, a partner in all groups, or one of the one in one of the other."""
    check(limits=(f"{name}=-.1:.3",))
    found = bounds(f" {name} = -.1 : .3")
    changed = np.argwhere((found == [-0.1, 0.3]).all(axis=-1)).tolist()
    assert list(map(tuple, changed)) == cells
    assert (found == [-0.2, 1.0]).all(axis=-1).sum() == 8 - len(cells)


def test_the_last_limit_counts() -> None:
    """Whether narrower or wider; one number alone freezes."""
    assert bounds("first=0:.1", "mid=0:.5", "first/mid=0")[0].tolist() == [
        [0, 0.1],
        [0, 0.1],
        [0, 0],
        [0, 0.1],
    ]
    assert bounds("first/mid=0", "first=-1:2")[0].tolist() == [[-1, 2]] * 4


@given(st.lists(st.tuples(st.sampled_from([*GROUPS, "first", "second/mid"]), *ENDS), max_size=6))
def test_every_weight_has_its_last_limit(given_limits: list[tuple[str, int, int]]) -> None:
    """For each weight, going back through the limits: the first that names it, else the study's bounds."""
    found = bounds(*(f"{name}={low}:{high}" for name, low, high in given_limits))
    for i, partner in enumerate(("first", "second")):
        for j, group in enumerate(GROUPS):
            named = [x[1:] for x in given_limits if x[0] in (partner, group, f"{partner}/{group}")]
            assert tuple(found[i, j]) == (named[-1] if named else (-0.2, 1.0))


def test_ties_join_and_reach_on() -> None:
    """Groups within each partner, a partner for itself, and what shares a member becomes one."""
    assert tied("in7,mid") == [[0, 1, 0, 3], [0, 1, 0, 3]]
    assert tied("second") == [[0, 1, 2, 3], [0, 0, 0, 0]]
    assert tied("first/in7, first/mid") == [[0, 1, 0, 3], [0, 1, 2, 3]]
    assert tied("mid,in8+", "text,in7", "text,mid") == [[0, 0, 0, 0], [0, 0, 0, 0]]
    assert tied("mid,vae") == tied()


def test_partners_of_other_epochs_do_not_concern_one() -> None:
    """An epoch's guide has the rows of its partners, in their order."""
    asked = settings(limits=("first=0:.1", "second=0:.2"), ties=("first",))
    alone = guide(asked, PARTNERS[1:], GROUPS)
    assert (alone.bounds == [0, 0.2]).all()
    assert len(np.unique(alone.ties)) == len(GROUPS)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"limits": ("mid",)}, "cannot be read"),
        ({"limits": ("mid=",)}, "cannot be read"),
        ({"limits": ("=0:1",)}, "cannot be read"),
        ({"limits": ("mid=.5:-.1",)}, "cannot be read"),
        ({"limits": ("mid=0:inf",)}, "cannot be read"),
        ({"limits": ("mid=nan",)}, "cannot be read"),
        ({"limits": ("mid=0:1:2",)}, "cannot be read"),
        ({"limits": ("mid=.3",)}, "leaves out weight zero"),
        ({"limits": ("mid=.1:.3",)}, "leaves out weight zero"),
        ({"limits": ("nid=0",)}, "close: mid"),
        ({"limits": ("third/mid=0",)}, "No block group and no partner"),
        ({"limits": ("first/nid=0",)}, "No block group and no partner"),
        ({"limits": ("first=0", "second=0")}, "no weight to search"),
        ({"limits": ("first=0",), "partners_per_epoch": 1}, "no weight to search"),
        ({"limits": ("mid=0",), "ties": ("first", "second")}, "no weight to search"),
        ({"limits": ("mid=0",), "strategy": "upstream-ro"}, "mixes outside the limits"),
        ({"ties": ("mid",)}, "Nothing is tied"),
        ({"ties": ("mid,mid",)}, "Nothing is tied"),
        ({"ties": ("mid,first/mid",)}, "Nothing is tied"),
        ({"ties": ("mid,",)}, "No block group and no partner"),
        ({"ties": ("first,nid",)}, "No block group and no partner"),
    ],
)
def test_what_could_not_work_is_told_at_its_field(values: dict[str, Any], told: str) -> None:
    """Unreadable, unknown, without zero, tied to nothing, or with nothing left to search."""
    with pytest.raises(SettingsError, match=told) as caught:
        check(**values)
    assert caught.value.field == next(iter(values))


def test_what_leaves_something_to_search_passes() -> None:
    """One partner frozen beside another, frozen groups that are named, and ties of those that are left out."""
    check(limits=("first=0",), ties=("second", "mid,vae"))
    check(limits=("first=0", "first/mid=0:.1", "second=0"), partners_per_epoch=3)


def test_a_name_of_two_things_wants_its_ending() -> None:
    """A partner that is called like a group."""
    both = ("mid.safetensors", "other.ckpt")
    with pytest.raises(SettingsError, match="with its ending"):
        check_constraints(settings(limits=("mid=0",)), both, GROUPS, GROUPS)
    check_constraints(settings(limits=("mid.safetensors=0",)), both, GROUPS, GROUPS)


def keeps_to(weights: Any, limits: Floats, ties: Ints) -> bool:
    """Whether a mix is inside its limits and equal where it is tied."""
    w = np.asarray(weights)
    equal = all(np.ptp(w[ties == label]) == 0 for label in np.unique(ties))
    return equal and bool((w >= limits[..., 0]).all() and (w <= limits[..., 1]).all())


@pytest.mark.parametrize("strategy", ["default", "random", "upstream-theater"])
def test_a_search_keeps_to_its_guide(strategy: str) -> None:
    """Every recipe that is asked for and the one that wins; what is free is really searched."""
    asked = settings(limits=("mid=0:.15", "first/text=0", "second=-.05:.4"), ties=("in7,in8+", "second"))
    limits, ties = guide(asked, PARTNERS, GROUPS)
    land = Landscape("small", 2, 4, 1, 64)
    found = run_search(
        land.score,
        n_partners=2,
        n_groups=4,
        bounds=limits,
        ties=ties,
        budget_images=400,
        pool_size=64,
        seed=2,
        strategy=strategy,
    )
    assert all(keeps_to(o.weights, limits, ties) for o in found.history)
    assert keeps_to(found.weights, limits, ties)
    moved = np.ptp([o.weights for o in found.history], axis=0) > 0
    assert (moved == (limits[..., 0] < limits[..., 1])).all()


def test_a_study_keeps_to_its_guide(make_workshop: Callable[..., Workshop]) -> None:
    """All that is asked in both epochs, with partners that take turns; the closed group is shown as frozen."""
    workshop = make_workshop()
    limits, ties = ["first=-.05:.5", "second/mid=0:.4", "text=0"], ["out0,out2,out3+", "first/mid,first/in8+"]
    study = played(workshop, limits=limits, ties=ties, epochs=2, partners_per_epoch=1)
    record = StudyRecord.replay(read(workshop.folder / "studies" / study))
    assert {p.name for partners in record.partners.values() for p in partners} == {
        "first.safetensors",
        "second.safetensors",
    }
    for trial in record.trials:
        assert keeps_to(trial.weights, *constraints_of(record, trial.epoch))
    columns = np.array([row for trial in record.trials for row in trial.weights]).T
    moved = [g for g, column in zip(record.opened.groups, columns, strict=True) if np.ptp(column)]
    rows = Sensitivity().of(record)["groups"]
    assert [row["name"] for row in rows if row["state"] == "frozen"] == ["text", "vae"]
    assert moved == [row["name"] for row in rows if row["state"] != "frozen"]


@pytest.mark.parametrize(("field", "value"), [("limits", "nid=0"), ("limits", "mid=0:11"), ("ties", "mid")])
def test_a_study_that_cannot_be_guided_so_does_not_start(workshop: Workshop, field: str, value: str) -> None:
    """It is told at the field before the model is loaded, and leaves no study behind."""
    with pytest.raises(SettingsError) as caught:
        workshop.studies.start({**workshop.settings, field: [value]})
    assert caught.value.field == field
    assert not list((workshop.folder / "studies").glob("*/journal.jsonl"))
