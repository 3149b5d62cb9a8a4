"""The taggers that a program has at hand: known ones by name, those of the program that it runs in, and any folder."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.hub import KNOWN_TAGGERS, fetch_tagger, missing_files, unknown_tagger
from lib_rimo.benchmark.onnx_model import device_in_use
from lib_rimo.benchmark.tagger import Tagger, character_threshold_of, open_tagger
from lib_rimo.errors import RimoError, TaggerError
from lib_rimo.said import say

log = logging.getLogger("rimo")

DEFAULT = "wd-vit-tagger-v3"
"""The smallest of the known ones (0.4 GB); it finds nearly what the large ones find."""


@dataclass(slots=True)
class Download:
    """How far a known tagger's download is.

    Attributes:
        active: Whether it goes on.
        done_bytes: What is here.
        size_bytes: What there will be; 0 while nobody knows.
        error: Why it ended without success, as a text to show.
    """

    active: bool = False
    done_bytes: int = 0
    size_bytes: int = 0
    error: str = ""


def told_thresholds(tagger: Tagger) -> str:
    """Who reads the pictures and from where on a tag counts, in a sentence."""
    general, characters = f"{tagger.threshold:g}", character_threshold_of(tagger)
    if characters is None:
        return say("Tagger {1}, threshold {2}.", tagger.name, general)
    return say("Tagger {1}, threshold {2}, for characters {3}.", tagger.name, general, f"{characters:g}")


class Taggers:
    """Opens taggers as users name them.

    Args:
        folder: Where known ones lie once they are downloaded.
        others: Further ones by name, each opened with a threshold or None.
        hub: Another hub than the public one.
    """

    def __init__(
        self,
        folder: Path,
        others: Mapping[str, Callable[[float | None], Tagger]] | None = None,
        hub: str | None = None,
    ) -> None:
        self._folder = folder
        self._hub = hub
        self._others = dict(others or {})
        self._downloads: dict[str, Download] = {}
        self._locks = {name: threading.Lock() for name in KNOWN_TAGGERS}
        self._guard = threading.Lock()  # of the downloads

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

    def open(
        self, chosen: object, threshold: float | None = None, character_threshold: float | None = None
    ) -> Tagger:
        """Opens a tagger; a known one is downloaded when it is first used.

        Args:
            chosen: See ``check``.
            threshold: Probability from which a tag counts as found; None takes the tagger's own.
            character_threshold: The same for tags that name a character.

        Raises:
            TaggerError: See ``check``; or it cannot be fetched or opened.
        """
        self.check(chosen)
        name = str(chosen).strip()
        if name in self._others:
            return self._others[name](threshold)
        place = Path(name).expanduser()
        if place.is_dir():
            return open_tagger(place, threshold, character_threshold)
        known = KNOWN_TAGGERS[name]
        return open_tagger(
            self.fetch(name),
            known.threshold if threshold is None else threshold,
            known.character_threshold if character_threshold is None else character_threshold,
        )

    # -- what can be downloaded ----------------------------------------------------------------------------------

    def fetch(self, name: str) -> Path:
        """Makes sure that a known tagger is here; waits for a download that is under way. Any thread.

        Raises:
            TaggerError: It is unknown, or cannot be fetched.
        """
        if name not in KNOWN_TAGGERS:
            raise unknown_tagger(name, KNOWN_TAGGERS)
        with self._locks[name]:
            if not missing_files(name, self._folder):
                return self._folder / name
            self._note(name, Download(active=True, size_bytes=KNOWN_TAGGERS[name].size_bytes or 0))
            try:
                found = fetch_tagger(
                    name,
                    self._folder,
                    endpoint=self._hub,
                    progress=lambda done, of: self._note(name, Download(True, done, of)),
                )
            except RimoError as error:
                self._note(name, Download(error=error.said))
                raise
            self._note(name, None)
            return found

    def begin_fetching(self, name: str) -> None:
        """Downloads a known tagger in the background; ``about`` tells how far it is.

        Raises:
            TaggerError: It is unknown.
        """
        if name not in KNOWN_TAGGERS:
            raise unknown_tagger(name, KNOWN_TAGGERS)
        with self._guard:
            now = self._downloads.get(name)
            if now is not None and now.active:
                return
            self._downloads[name] = Download(active=True, size_bytes=KNOWN_TAGGERS[name].size_bytes or 0)
        threading.Thread(target=self._fetch_quietly, args=(name,), daemon=True).start()

    def about(self, chosen: object) -> dict[str, Any]:
        """What is known of a tagger, for a page.

        Args:
            chosen: A name or a folder.

        Returns:
            ``name``, ``kind`` (``known``, ``own`` for one of this program, ``folder`` or ``none``), ``here``,
            ``device`` (what it will run on), and of a known one ``download`` (``active``, ``done_bytes``,
            ``size_bytes``, ``error``), all of ``KnownTagger``, and the ``folder`` that it goes to.
        """
        name = str(chosen or "").strip()
        known = KNOWN_TAGGERS.get(name)
        device = device_in_use()
        if known is None:
            kind = "own" if name in self._others else "folder" if name else "none"
            here = kind == "own" or (kind == "folder" and Path(name).expanduser().is_dir())
            return {"name": name, "kind": kind, "here": here, "device": device}
        with self._guard:
            now = self._downloads.get(name) or Download()
            download = {
                "active": now.active,
                "done_bytes": now.done_bytes,
                "size_bytes": now.size_bytes,
                "error": now.error,
            }
        return {
            "name": name,
            "kind": "known",
            "here": not missing_files(name, self._folder),
            "device": device,
            "download": download,
            "folder": str(self._folder / name),
            "repository": known.repository,
            "files": list(known.files),
            "size_bytes": known.size_bytes,
            "licence": known.licence,
            "good_for": known.good_for,
            "threshold": known.threshold,
            "character_threshold": known.character_threshold,
            "source": known.source,
        }

    def _note(self, name: str, download: Download | None) -> None:
        with self._guard:
            if download is None:
                self._downloads.pop(name, None)
            else:
                self._downloads[name] = download

    def _fetch_quietly(self, name: str) -> None:
        try:
            self.fetch(name)
        except RimoError as error:
            log.warning("%s", error)
        except Exception as error:  # whatever it was, the page must not show a download for ever
            log.exception("A download failed")
            self._note(name, Download(error=f"{type(error).__name__}: {error}"))
        else:
            self._note(name, None)
