"""Drawing profiles: what models of a kind are drawn with, as their own pages ask for.

They are data (``data/profiles.json``), each with its source. What decides is what a file says of itself; where that is
silent its name, and then the reason says so, because a name proves nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from lib_rimo.merging.checkpoints.facts import FileFacts
from lib_rimo.said import Said, say

NONE = "none"
"""In the place of a profile's name: the model's own configuration alone."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What models of a kind are drawn with.

    Attributes:
        name: That it is chosen by.
        title: For people.
        family: Whose files it is for.
        channels: Width of the first layer of that family's full-size network.
        settings: Of a study, by name, as plain values.
        source: Where they are from.
        prediction: ``v`` or ``epsilon``, where it is for such files only.
        names: Of which a word of a file's name or title begins with one; empty for every file.
        old_names: Whether files with the spelling of NovelAI's first model are of the kind whatever they are called.
    """

    name: str
    title: str
    family: str
    channels: int
    settings: Mapping[str, Any]
    source: str
    prediction: str = ""
    names: Sequence[str] = ()
    old_names: bool = False

    def why(self, facts: FileFacts) -> Said | None:
        """Why it is a file's profile, for the user; None if it is not."""
        if facts.family != self.family or facts.channels != self.channels:
            return None
        if self.prediction and facts.prediction != self.prediction:
            return None
        if self.old_names and facts.old_names:
            return say("its text encoder is spelt as NovelAI's")
        called = f"{facts.name} {facts.title}".lower()
        if mark := next((name for name in self.names if _begins_a_word(name, called)), ""):
            return say("{1} is in its name", mark)
        if self.names:
            return None
        return say("the file says v-prediction") if self.prediction else say("of its family no more is known")


def _begins_a_word(part: str, text: str) -> bool:
    return re.search(rf"(?<![a-z]){re.escape(part)}", text) is not None


def _all() -> dict[str, Profile]:
    text = resources.files("lib_rimo.study.settings").joinpath("data").joinpath("profiles.json")
    return {data["name"]: Profile(**data) for data in json.loads(text.read_text("utf-8"))["profiles"]}


PROFILES: Mapping[str, Profile] = _all()
"""Profiles by name, in the order in which a file is held against them."""
TITLES = {name: profile.title for name, profile in PROFILES.items()}


def proposed(facts: FileFacts) -> tuple[Profile, Said] | None:
    """The profile that a file asks for and why; None where none is known."""
    fitting = ((profile, profile.why(facts)) for profile in PROFILES.values())
    return next(((profile, why) for profile, why in fitting if why is not None), None)
