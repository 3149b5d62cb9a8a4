"""The frame of the live view, which the script fills: where the study is, its curve, its result, what to save.

It lies in ``html/``. An element with ``data-rimo="name"`` is filled by ``javascript/``; ``{{curve}}`` stands for
another file, ``{{measurement bench}}`` for one with a name of its own in it. Every sentence is one text without markup
inside, because translations look for whole texts.
"""

from __future__ import annotations

import re
from importlib import resources

_PLACE = re.compile(r"\{\{(\w+)(?: (\w+))?\}\}")


def markup(file: str, name: str = "") -> str:
    """One of the files, whole, with every run of white space made one space, so that texts can be looked up.

    Args:
        file: Without its ending.
        name: Stands before the names of its parts, where a file is used more than once.
    """
    text = resources.files("lib_rimo.ui.page").joinpath("html").joinpath(f"{file}.html").read_text("utf-8")
    whole = _PLACE.sub(lambda found: markup(found[1], found[2] or ""), text.replace("{{name}}", name))
    return " ".join(whole.split())


INTRODUCTION = markup("introduction")
PROGRESS = markup("progress")
LIVE = markup("live")
