"""What the program says: English text to whoever prints it, template and values to whoever speaks another language."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from lib_rimo.errors import SettingsError, StudyError
from lib_rimo.said import Said, all_said, from_json, joined, say, sentences, to_json
from lib_rimo.study.record import events
from lib_rimo.study.record.events import Opened

NAME = "my model v1. final.safetensors"
TOLD = say("{1} lacks {2} tensors; see {3}", NAME, 3, say("the base"))


def test_it_is_the_english_text() -> None:
    """Printing, comparing and JSON know nothing of templates."""
    assert f"{NAME} lacks 3 tensors; see the base" == TOLD
    assert json.loads(json.dumps({"note": TOLD}))["note"] == str(TOLD)


COPIES = {
    "copied": copy.deepcopy,
    "pickled": lambda said: pickle.loads(pickle.dumps(said)),
    "read again": lambda said: from_json(to_json(said)),
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_keep_template_and_values(how: str) -> None:
    """Snapshots are copied and journals are read again; words in it stay words, names names."""
    copied = COPIES[how](TOLD)
    assert (copied, copied.template, copied.values) == (TOLD, TOLD.template, TOLD.values)
    assert [type(value) for value in copied.values] == [str, int, Said]


def test_braces_in_a_name_are_no_places() -> None:
    """A value is never read as a template."""
    assert say("{1} and {2}", "{2}", "b") == "{2} and b"


def test_parts_are_joined_and_closed() -> None:
    """Pieces keep their separator, sentences get a full stop each."""
    assert joined(" · ", "Epoch 1", say("{1} images", 3)) == "Epoch 1 · 3 images"
    assert sentences("No", say("{1} images", 3)) == "No. 3 images."


def test_an_error_says_its_fields() -> None:
    """The text is what it always was; what was found is a value, the rest is words."""
    error = SettingsError(
        "base", say("{1} is chosen twice", NAME), found=NAME, wanted="another one", fix="Remove it."
    )
    assert str(error) == f"{NAME} is chosen twice. Found: {NAME}. Wanted: another one. Remove it."
    assert error.said == str(error)
    what, found, wanted, _ = error.said.values
    assert isinstance(what, Said)
    assert isinstance(found, Said)
    assert isinstance(wanted, Said)
    assert found.values == (NAME,)
    assert isinstance(wanted.values[0], Said)


def test_every_text_with_places_is_found() -> None:
    """An answer is searched through; texts without places need no template."""
    answer = {"error": StudyError("No").said, "parts": [{"notes": (TOLD, say("plain"))}], "n": 1}
    assert set(all_said(answer)) == {"No.", str(TOLD)}


@pytest.mark.parametrize("note", [TOLD, "an old journal's plain text"])
def test_a_journal_keeps_how_its_notes_were_put_together(note: str) -> None:
    """What the preflight found comes back from disk as it was said; plain texts of older journals stay as they are."""
    opened = Opened("s", {}, (), "theater", (), (note,), {}, 1, {})
    read = events.from_json(json.loads(json.dumps(events.to_json(opened))))
    assert isinstance(read, Opened)
    assert read.notes == (note,)
    assert getattr(read.notes[0], "values", None) == getattr(note, "values", None)
