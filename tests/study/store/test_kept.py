"""What is kept beside the studies: own presets and the lines of the history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lib_rimo.errors import SaveError, SettingsError
from lib_rimo.study.settings import user_presets
from lib_rimo.study.settings.user_presets import UserPresets
from lib_rimo.study.store.history_cache import FILE, HistoryCache
from tests.study.conftest import Workshop, copied, open_workshop, played


def test_presets_survive_a_restart(tmp_path: Path) -> None:
    """Kept presets and the last settings are there for the next program, whatever letters their names have."""
    UserPresets(tmp_path / "studies").keep("夜のミックス", {"budget": 640, "partners": ["a.safetensors"]})
    UserPresets(tmp_path / "studies").remember({"budget": 700})
    assert UserPresets(tmp_path / "studies").all() == {
        "presets": {"夜のミックス": {"budget": 640, "partners": ["a.safetensors"]}},
        "last": {"budget": 700},
    }


@pytest.mark.parametrize("text", ["", "{", "[]", '{"presets": 3}', '{"presets": {"a": 1}}', "\x00" * 9])
def test_a_damaged_file_of_presets_is_put_aside(tmp_path: Path, text: str) -> None:
    """What cannot be read is no error and is not lost: the next write leaves it under another name."""
    (tmp_path / user_presets.FILE).write_text(text)
    presets = UserPresets(tmp_path)
    assert presets.all()["presets"] == {}
    presets.keep("mine", {"budget": 640})
    assert UserPresets(tmp_path).all()["presets"] == {"mine": {"budget": 640}}
    aside = tmp_path / "presets.damaged.json"
    assert not aside.exists() or aside.read_text() == text


@pytest.mark.parametrize("settings", [None, [], {"x": float("nan")}, {"x": object()}, {"x": "y" * 100_000}])
def test_settings_that_cannot_be_kept_are_refused(tmp_path: Path, settings: Any) -> None:
    """Only plain values of a sensible size are kept; the file stays as it was."""
    presets = UserPresets(tmp_path)
    with pytest.raises(SettingsError):
        presets.keep("mine", settings)
    assert not (tmp_path / user_presets.FILE).exists()


def test_too_many_presets_are_refused(tmp_path: Path) -> None:
    """There is room for many, not for any number; one that exists can still be replaced."""
    presets = UserPresets(tmp_path)
    full = {"presets": {str(i): {} for i in range(user_presets.MOST_PRESETS)}, "last": None}
    (tmp_path / user_presets.FILE).write_text(json.dumps(full))
    with pytest.raises(SettingsError, match="too many"):
        presets.keep("one more", {})
    assert presets.keep("7", {"budget": 1})["presets"]["7"] == {"budget": 1}


def test_a_folder_that_cannot_be_written_is_told_or_forgiven(tmp_path: Path) -> None:
    """Keeping a preset says why it failed; not keeping the last settings only costs them."""
    (tmp_path / "studies").write_text("a file where the folder should be")
    presets = UserPresets(tmp_path / "studies")
    with pytest.raises(SaveError, match="cannot be written"):
        presets.keep("mine", {})
    presets.remember({})
    assert presets.all() == {"presets": {}, "last": None}


def test_a_kept_line_is_used_only_for_the_same_journal(tmp_path: Path) -> None:
    """A line is found again after a restart by size and time of the journal; lines of gone studies are dropped."""
    rows = HistoryCache(tmp_path)
    rows.put("one", (10, 20), {"id": "one"})
    rows.put("gone", (1, 2), {"id": "gone"})
    rows.write(["one"])
    again = HistoryCache(tmp_path)
    assert again.get("one", (10, 20)) == {"id": "one"}
    assert again.get("one", (11, 20)) is None
    assert again.get("gone", (1, 2)) is None


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": 0, "rows": {"one": [10, 20, {}]}}'])
def test_unreadable_lines_are_made_again(tmp_path: Path, text: str) -> None:
    """The file is a cache: whatever is in it, the history is right."""
    (tmp_path / FILE).write_text(text)
    rows = HistoryCache(tmp_path)
    assert rows.get("one", (10, 20)) is None
    rows.put("one", (10, 20), {"id": "one"})
    assert rows.get("one", (10, 20)) == {"id": "one"}


def test_the_history_is_the_same_from_kept_lines(tmp_path: Path) -> None:
    """A second program lists what the first one did without folding a journal, and folds one that has changed."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = open_workshop(tmp_path / "a")
    study = played(first, budget=64, unseen=8)
    first.studies.close()
    workshop: Workshop = copied(tmp_path / "a", tmp_path / "b")
    listed = workshop.studies.studies()
    kept = json.loads((tmp_path / "b" / "studies" / FILE).read_text())["rows"]
    assert set(kept) == {study}
    again = open_workshop(tmp_path / "b")
    assert again.studies.studies() == listed
    again.studies.open(study)
    again.studies.save("kept")
    again.studies.close()
    third = open_workshop(tmp_path / "b")
    assert third.studies.studies()[0]["saved"] == ["kept.safetensors"]
