"""Texts as other programs and systems leave them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.files import json_text, read_text, whole_text

ANY = st.text(st.characters(exclude_categories=()))
"""Half characters too."""


@given(st.dictionaries(ANY, ANY))
def test_json_with_half_characters_can_be_written_and_comes_back(data: dict[str, str]) -> None:
    """Every text that a program or a file system can hold, as name and as value; others stand as they are."""
    text = json_text(data)
    assert json.loads(text.encode("utf-8")) == data
    plain = {whole_text(key): whole_text(value) for key, value in data.items()}
    assert json_text(plain) == json.dumps(plain, ensure_ascii=False)


@given(
    st.text().filter(lambda text: text[:1] != "\ufeff"), st.sampled_from(["utf-8-sig", "utf-16", "utf-32"])
)
def test_a_byte_order_mark_tells_the_encoding(
    tmp_path_factory: pytest.TempPathFactory, text: str, name: str
) -> None:
    """And is no part of the text."""
    path = tmp_path_factory.getbasetemp() / "text"
    path.write_bytes(text.encode(name))
    assert read_text(path) == text


@pytest.mark.parametrize("name", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_without_a_mark_the_zeros_tell_it(tmp_path: Path, name: str) -> None:
    """Of what begins as recipes and tables do."""
    text = 'version 0.1.0\nmodel "模型 😀"'
    (tmp_path / "text").write_bytes(text.encode(name))
    assert read_text(tmp_path / "text") == text
