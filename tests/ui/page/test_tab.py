"""The tab as a whole: what holds for all of its components together."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import pytest

from tests.ui.scripted import ScriptedService

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # both generations of gradio warn of their own imports
    from lib_rimo.ui.page.tab import build_tab


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # gradio's own, of fastapi and pydantic
def test_every_component_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Script, style and errors find each component by its id, so no two share one."""
    blocks = build_tab(ScriptedService(tmp_path))
    ids = Counter(id_ for block in blocks.blocks.values() if (id_ := getattr(block, "elem_id", None)))
    assert {name: n for name, n in ids.items() if n > 1} == {}
    assert len(ids) > 40
