"""Whether the checkpoint that a mix is made from is the one that the host's user works with."""

from __future__ import annotations

from pathlib import Path

from lib_rimo.errors import StudyError
from lib_rimo.hosts.host import DrawingProgram
from lib_rimo.said import say


def is_selected(host: DrawingProgram, base: Path) -> bool:
    """Whether a checkpoint is the one that the host's user works with."""
    loaded = host.loaded()
    return loaded is not None and loaded.exists() and loaded.samefile(base)


def wrong_selection(host: DrawingProgram, base: Path) -> StudyError:
    """What to tell a user who has another checkpoint selected than a mix is made from."""
    loaded = host.loaded()
    return StudyError(
        "Another checkpoint is selected",
        found=loaded.name if loaded is not None else say("none"),
        wanted=base.name,
        fix=say("Select {1}, which this mix is made from, then try again", base.name),
    )
