"""What is known of the families that come with the program stays what it was before they were data files."""

from __future__ import annotations

import json
from pathlib import Path

from tests.merging.checkpoints.family_facts import GOLDEN, facts


def test_the_facts_of_every_family_are_the_recorded_ones(tmp_path: Path) -> None:
    """Names, places, groups, labels and saved bytes of models of every family, whole and in pieces."""
    golden = json.loads(GOLDEN.read_text("utf-8"))
    found = facts(tmp_path)
    assert set(found) == set(golden)
    for part, recorded in golden.items():
        assert found[part] == recorded, part
