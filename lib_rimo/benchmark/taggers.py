"""The taggers that a program has at hand: known ones by name, those of the program that it runs in, and any folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lib_rimo.benchmark.hub import KNOWN_TAGGERS, fetch_tagger, unknown_tagger
from lib_rimo.benchmark.tagger import Tagger, open_tagger
from lib_rimo.errors import TaggerError
from lib_rimo.said import say

DEFAULT = "wd-vit-tagger-v3"
"""The smallest of the known ones (0.4 GB); it finds nearly what the large ones find."""


class Taggers:
    """Opens taggers as users name them.

    Args:
        folder: Where known ones lie once they are downloaded.
        others: Further ones by name, each opened with a threshold or None.
    """

    def __init__(
        self, folder: Path, others: Mapping[str, Callable[[float | None], Tagger]] | None = None
    ) -> None:
        self._folder = folder
        self._others = dict(others or {})

    @property
    def names(self) -> tuple[str, ...]:
        """What can be chosen beside a folder."""
        return (*KNOWN_TAGGERS, *self._others)

    def check(self, chosen: object) -> None:
        """Makes sure that there is such a tagger, without opening or fetching anything.

        Args:
            chosen: A name or a folder; None or an empty text for none.

        Raises:
            TaggerError: None is chosen, or there is neither a tagger of that name nor such a folder.
        """
        name = str(chosen or "").strip()
        if not name:
            raise TaggerError(
                "No tagger is chosen",
                wanted=say("one of {1}, or a folder with a tagger's files", ", ".join(self.names)),
                fix="Choose one; a known one is downloaded when it is first used",
                setting="tagger",
            )
        if name in self._others or name in KNOWN_TAGGERS or Path(name).expanduser().is_dir():
            return
        if len(Path(name).parts) > 1:
            raise TaggerError(
                "There is no such folder",
                found=name,
                wanted=say("a folder with a tagger's files, or one of {1}", ", ".join(self.names)),
            )
        raise unknown_tagger(name, self.names)

    def open(self, chosen: object, threshold: float | None = None) -> Tagger:
        """Opens a tagger; a known one is downloaded when it is first used.

        Args:
            chosen: See ``check``.
            threshold: Probability from which a tag counts as found; None takes the tagger's own.

        Raises:
            TaggerError: See ``check``; or it cannot be fetched or opened.
        """
        self.check(chosen)
        name = str(chosen).strip()
        if name in self._others:
            return self._others[name](threshold)
        place = Path(name).expanduser()
        return open_tagger(place if place.is_dir() else fetch_tagger(name, self._folder), threshold)
