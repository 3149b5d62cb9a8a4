"""The translations of the tab."""

from __future__ import annotations

import ast
import json
import re

import pytest

from tests.house.source import ROOT, python_files, tree

LANGUAGES = ("ja_JP", "zh_CN")


def read(language: str) -> dict[str, str]:
    """English text -> translation."""
    found: dict[str, str] = json.loads(
        (ROOT / "localizations" / f"{language}.json").read_text(encoding="utf-8")
    )
    return found


def shown() -> set[str]:
    """Every text of the program that could be shown: whole strings, and what stands between HTML tags."""
    texts: set[str] = set()
    for file in python_files("lib_rimo"):
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                pieces = [node.value, *re.split(r"<[^>]*>", node.value)]
                texts |= {" ".join(piece.split()) for piece in pieces}
    return texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_translated_text_is_shown_somewhere(language: str) -> None:
    """The WebUI translates exact texts, so a text that was reworded since shows up here."""
    assert set(read(language)) - shown() == set()


def test_languages_translate_the_same_texts() -> None:
    """What is translated into one language is translated into the other, and nothing is left empty."""
    first, second = (read(language) for language in LANGUAGES)
    assert set(first) == set(second)
    assert all(first.values())
    assert all(second.values())
