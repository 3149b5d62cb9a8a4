"""Tags in prompts: read by the rules of the WebUIs' prompts, they are what they are scored as."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.benchmark.escaping import ended, escaped
from lib_rimo.benchmark.prompts import PromptSettings, draw_prompts
from lib_rimo.benchmark.tags import Catalogue, Tag
from lib_rimo.hosts.host import ImageDefaults
from lib_rimo.hosts.prompt_text import plain
from lib_rimo.study.run.image_settings import ImageSettings, prompt_settings
from lib_rimo.study.settings.images import ImageOptions


def read(prompt: str) -> list[tuple[str, float]]:
    r"""A prompt as a WebUI reads it, by the rules that its own help gives: texts, each with its weight.

    ``\x`` stands for itself, ``(..)`` and ``[..]`` weigh, ``(..:1.3)`` with a number, ``BREAK`` is no text.
    """
    out: list[list[object]] = []
    stack: list[tuple[str, int]] = []
    at = 0
    while at < len(prompt):
        sign = prompt[at]
        number = re.compile(r":\s*([+-]?[.\d]+)\s*\)").match(prompt, at)
        if sign == "\\":
            out.append([prompt[at + 1 : at + 2] if prompt[at + 1 : at + 2] in tuple("\\()[]") else "", 1.0])
            at += 2 if out[-1][0] else 1
            continue
        if sign in "([":
            stack.append((sign, len(out)))
        elif number and stack and stack[-1][0] == "(":
            for row in out[stack.pop()[1] :]:
                row[1] = float(str(row[1])) * float(number[1])
            at = number.end()
            continue
        elif sign in ")]" and stack:
            for row in out[stack.pop()[1] :]:
                row[1] = float(str(row[1])) * (1.1 if sign == ")" else 1 / 1.1)
        else:
            out.append([sign, 1.0])
        at += 1
    return [(str(text), float(str(weight))) for text, weight in out]


TAGS = st.text(st.sampled_from("ab ()[]\\|:<>3_-1.AND^"), min_size=1, max_size=12)


@given(TAGS)
def test_an_escaped_tag_is_read_as_itself(tag: str) -> None:
    """Nothing in it weighs, alternates, parts the prompt or names a network, and its letters are all there."""
    written = escaped(tag)
    pieces = read(f"smile, {written}, hat")
    assert {weight for _, weight in pieces} == {1.0}
    text = "".join(piece for piece, _ in pieces)
    assert text.lower().replace(" ", "") == f"smile,{tag},hat".lower().replace(" ", "")
    assert not re.search(r"\b(AND|BREAK)\b", written)
    assert not re.search(r"<\w+:", written)
    assert not re.search(r"(?<!\\)(?:\\\\)*\|", written)


@given(TAGS)
def test_a_host_without_emphasis_reads_the_same_words(tag: str) -> None:
    """Without the escapes it is the tag again, but for small letters and spaces that text encoders do not see."""
    assert plain(escaped(tag)).lower().replace("< ", "<") == tag.lower().replace("< ", "<")


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        ("star_(symbol)", r"star \(symbol\)"),
        ("(o)_(o)", r"\(o\)_\(o\)"),
        (r"\m/", r"\\m/"),
        ("[_]", r"\[_\]"),
        ("|_|", r"\|_\|"),
        ("rock AND roll", "rock and roll"),
        ("<lora:x>", "< lora:x>"),
        ("^_^", "^_^"),
        ("long_hair", "long hair"),
    ],
)
def test_tags_are_written_as_a_user_of_the_webui_would(tag: str, written: str) -> None:
    """Known shapes of tags, and those that need nothing."""
    assert PromptSettings(prefix="").text([tag, "hat"]) == f"{written}, hat"


def test_a_face_at_the_end_is_no_weight() -> None:
    """A prompt that ends in ``:3`` would be weighed three times."""
    assert ended("smile, :3") == "smile, :3,"
    assert ended("smile, >:3") == "smile, >:3,"
    assert ended("smile, :d") == "smile, :d"
    assert PromptSettings(prefix="").text(["hat", ":3"]) == "hat, :3,"


def test_a_study_from_before_goes_on_as_it_began() -> None:
    """Its journal does not say that tags are escaped, so that its pools stay the prompts that it has met."""
    old = {
        "width": 64,
        "height": 64,
        "steps": 4,
        "cfg": 2.0,
        "sampler": "Euler",
        "scheduler": "Automatic",
        "tags": [2, 3],
    }
    settings = ImageOptions()
    assert not ImageSettings.from_json(old).escape
    assert prompt_settings(settings, ImageSettings.from_json(old)).text(["star_(symbol)"]) == "star (symbol)"
    fresh = ImageSettings.resolve(settings, ImageDefaults(64, 64, 4, 2.0, "Euler"), Catalogue.of(["a", "b"]))
    assert prompt_settings(settings, fresh).text(["star_(symbol)"]) == r"star \(symbol\)"


def test_the_users_own_emphasis_stays_and_tags_are_scored_as_the_catalogue_has_them() -> None:
    """The prefix is written as it was typed; what is asked for and scored are the catalogue's names."""
    catalogue = Catalogue(tuple(Tag(name, "x") for name in ("star_(symbol)", "bow_(weapon)", "hat")))
    look = PromptSettings(tags_min=3, tags_max=3, prefix="(best quality:1.2), [sketch]")
    for prompt in draw_prompts(catalogue, look, 8, 0):
        assert prompt.text.startswith("(best quality:1.2), [sketch], ")
        assert set(prompt.tags) == set(catalogue.names)
        assert all(escaped(tag.replace("_", " ")) in prompt.text for tag in prompt.tags)
