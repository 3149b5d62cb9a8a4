"""Lines of the history kept on disk, so that a long history need not be folded anew at every start."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lib_rimo.files import write_whole

log = logging.getLogger("rimo")

FILE = "history.json"
FORMAT = 1
"""Raised when a line says more or other things than before."""

Stamp = tuple[int, int]
"""Size and time of a journal: the same journal while both are the same, since it only grows."""


class HistoryCache:
    """A cache and nothing else: lost or damaged, it is made again from the journals.

    Args:
        folder: The folder of studies.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[Stamp, Mapping[str, Any]]] | None = None
        self._fresh = False

    def get(self, study: str, stamp: Stamp) -> Mapping[str, Any] | None:
        """The line of a study if its journal has not changed since it was kept."""
        with self._lock:
            kept = self._read().get(study)
        return kept[1] if kept is not None and kept[0] == stamp else None

    def put(self, study: str, stamp: Stamp, row: Mapping[str, Any]) -> None:
        """Keeps a line, on disk only after ``write``."""
        with self._lock:
            self._read()[study] = (stamp, row)
            self._fresh = True

    def write(self, studies: Iterable[str]) -> None:
        """Writes what is new, for these studies only: others are gone."""
        with self._lock:
            if not self._fresh:
                return
            self._fresh = False
            wanted = set(studies)
            self._rows = {study: kept for study, kept in self._read().items() if study in wanted}
            plain = {study: [*stamp, row] for study, (stamp, row) in self._rows.items()}
            with contextlib.suppress(OSError):  # a folder that cannot be written to has a slower history
                write_whole(self._path, json.dumps({"format": FORMAT, "rows": plain}))

    def _read(self) -> dict[str, tuple[Stamp, Mapping[str, Any]]]:
        if self._rows is None:
            self._rows = {}
            try:
                data = json.loads(self._path.read_text(encoding="utf-8"))
                if data["format"] == FORMAT:
                    self._rows = {
                        str(study): ((int(size), int(time_ns)), dict(row))
                        for study, (size, time_ns, row) in data["rows"].items()
                    }
            except FileNotFoundError:
                pass
            except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                log.info("%s is made again: %s", self._path, error)
        return self._rows
