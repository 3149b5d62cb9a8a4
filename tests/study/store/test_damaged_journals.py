"""Journals that hold what this program never wrote: told as damaged, and no harm to the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib_rimo.study.record import journal
from lib_rimo.study.store.store import StudyStore
from lib_rimo.study.store.unfinished import unfinished
from tests.study.conftest import Workshop, open_workshop, played

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def two_studies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workshop, str, Path]:
    """A workshop with a good study, and another whose journal gets damaged."""
    workshop = open_workshop(tmp_path_factory.mktemp("two"))
    good = played(workshop)
    played(workshop, seed=6, epochs=2, budget=128, unseen=24)
    (other,) = (p for p in (workshop.folder / "studies").glob(f"*/{journal.FILE}") if p.parent.name != good)
    workshop.studies.close()
    return workshop, good, other


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10**6), deep=st.integers(0, 10**6), value=ANYTHING)
def test_one_damaged_journal_never_hides_the_others(
    two_studies: tuple[Workshop, str, Path], at: int, deep: int, value: object
) -> None:
    """Whatever stands in one line, the history is shown, the other study in it, and a new one can be started."""
    workshop, good, path = two_studies
    whole = path.read_bytes()
    lines = [json.loads(line) for line in whole.splitlines()]
    place: Any = lines[at % len(lines)]
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[deep % len(keys)]
        if not isinstance(place[key], dict | list) or not place[key] or deep % 3 == 0:
            break
        place, deep = place[key], deep // 3
    place[key] = value
    try:
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        rows = StudyStore(workshop.folder / "studies").rows({})
        assert sorted(row["id"] for row in rows) == sorted([good, path.parent.name])
        assert next(row for row in rows if row["id"] == good)["broken"] == ""
        checked = workshop.studies.settings({**workshop.settings, "seed": 77})
        assert unfinished(workshop.folder / "studies", checked) is None
    finally:
        path.write_bytes(whole)
