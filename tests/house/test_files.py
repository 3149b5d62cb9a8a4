"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib_rimo.files import whole_file, write_whole


def test_what_is_written_takes_the_place_of_what_was(tmp_path: Path) -> None:
    """One file is left, the new one."""
    path = tmp_path / "kept.json"
    path.write_text("old")
    assert write_whole(path, "new \u00e9\n") == path
    assert path.read_text("utf-8") == "new \u00e9\n"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    """Half a file is removed, whatever stopped it."""
    path = tmp_path / "kept.json"
    path.write_text("old")

    def stopped(draft: Path) -> None:
        draft.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), whole_file(path) as draft:
        stopped(draft)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
