"""Names of new checkpoints."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.errors import SaveError
from lib_rimo.merging.saving.names import checkpoint_file


@pytest.mark.parametrize(
    "name", ["mix", "my mix v1.5", "夏の混合", "mix.safetensors", "MIX.SafeTensors", "a-b_c(2)", "console"]
)
def test_plain_names_get_the_ending_once(tmp_path, name):
    """With or without the ending, in any script."""
    path = checkpoint_file(tmp_path, name)
    assert path.parent == tmp_path
    assert path.name.count(".safetensors") == 1
    assert path.name.lower().startswith(name.lower().removesuffix(".safetensors"))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        ".safetensors",
        "..",
        "../mix",
        "a/../../mix",
        "/etc/mix",
        "a/b",
        "a\\b",
        "C:mix",
        ".hidden",
        "mix.",
        "mix ",
        " mix",
        "mi\x00x",
        "mi\nx",
        "mi\u202ex",
        "what?",
        "a*b",
        "CON",
        "con.safetensors",
        "nul.old.safetensors",
        "LPT9",
        "com¹",
        "mix.ckpt",
        "x" * 300,
        "ü" * 150,
        "\ud800",
    ],
)
def test_names_that_leave_the_folder_or_are_none_everywhere_are_refused(tmp_path, name):
    """Path parts, device names, invisible characters, other endings, and what no file system holds."""
    with pytest.raises(SaveError, match="no name for a checkpoint"):
        checkpoint_file(tmp_path, name)


@given(name=st.text(st.characters(), max_size=30))
def test_whatever_is_typed_the_file_lies_in_the_folder(name):
    """Any text is either refused or a plain file in the very folder."""
    folder = Path(os.sep) / "models"
    try:
        path = checkpoint_file(folder, name)
    except SaveError:
        return
    assert path.parent == folder
    assert path.suffix == ".safetensors"
    assert Path(os.path.normpath(path)) == path


@pytest.mark.parametrize("taken", ["mix.safetensors", "MIX.safetensors", "Mix.Yaml"])
def test_taken_names_are_refused_whatever_their_case(tmp_path, taken):
    """The checkpoint's name, or that of the sidecar it might bring."""
    (tmp_path / taken).touch()
    with pytest.raises(SaveError, match="already"):
        checkpoint_file(tmp_path, "mix")
