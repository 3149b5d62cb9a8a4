"""The tab as a whole: what holds for all of its components together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.ui.tabs import tab_of


def test_every_component_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Script, style and errors find each component by its id, so no two share one."""
    blocks = tab_of(tmp_path)
    ids = Counter(id_ for block in blocks.blocks.values() if (id_ := getattr(block, "elem_id", None)))
    assert {name: n for name, n in ids.items() if n > 1} == {}
    assert len(ids) > 40
