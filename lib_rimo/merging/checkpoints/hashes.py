"""SHA-256 of whole checkpoint files, each read once: kept from run to run, and taken from a WebUI that knows them.

A kept hash holds as long as the file has the size and the times that it had. The WebUIs keep theirs by name and time,
up to 1.9 in ``cache.json``, later in a database of the package diskcache; both lie in the WebUI's folder, above the
checkpoints. Source: ``modules/hashes.py`` and ``modules/cache.py`` of AUTOMATIC1111's WebUI 1.9 and 1.10.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import pickle
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from lib_rimo.files import json_text, read_text, write_whole
from lib_rimo.merging.checkpoints.digest import read_hashes

WEBUI_FILE, WEBUI_FOLDER = "cache.json", Path("cache", "hashes", "cache.db")
WEBUI_FILE_VARIABLE, WEBUI_FOLDER_VARIABLE = "SD_WEBUI_CACHE_FILE", "SD_WEBUI_CACHE_DIR"
"""Where a user may have told the WebUI to keep them instead."""
_PREFIX = "checkpoint/"
_DIGITS = frozenset("0123456789abcdef")
_LENGTH = 64
_PICKLED = 4
"""How diskcache marks a value that is no plain text or number."""
_SAME_TIME_S = 1e-6

_log = logging.getLogger("rimo")

Kept = dict[str, tuple[int, int, int, str]]
"""Path -> size in bytes, time of change of content and of the file in nanoseconds, hash."""
Told = dict[str, tuple[float, str]]
"""Name below the WebUI's folder of checkpoints -> time of change in seconds, hash."""


class Hashes:
    """SHA-256 of whole files.

    Args:
        file: Where they are kept; None to forget them in the end.
        reading: Called with a file and its bytes before it is read.
    """

    def __init__(self, file: Path | None = None, reading: Callable[[Path, int], None] | None = None) -> None:
        self._file = file
        self._reading = reading
        self._kept = _read_kept(file) if file is not None else {}
        self._webuis: dict[Path, Told] = {}
        self._legacy: dict[str, str] = {}

    def known(self, path: Path) -> str:
        """A file's hash if it need not be read for it, else an empty text."""
        try:
            stat = path.stat()
        except OSError:
            return ""
        kept = self._kept.get(_name(path))
        if kept is not None and kept[:3] == _times(stat):
            return kept[3]
        told = self._told(path)
        return next((sha for changed, sha in told if abs(changed - stat.st_mtime) < _SAME_TIME_S), "")

    def likely(self, path: Path) -> frozenset[str]:
        """What a WebUI says of a file, whatever became of the file since: worth a look, no more."""
        return frozenset(sha256 for _, sha256 in self._told(path))

    def sha256(self, path: Path, legacy: frozenset[str] | None = None) -> str:
        """A file's hash, read if it must be.

        Args:
            path: The file.
            legacy: Short hashes of the WebUI's first kind, of which the file must have one to be read to its end.

        Returns:
            64 digits in hex; empty where the file is gone, or has another short hash.
        """
        found = self.known(path)
        if found:
            return found
        if legacy is not None and self._legacy.get(_name(path), next(iter(legacy), "")) not in legacy:
            return ""
        try:
            stat = path.stat()
            if self._reading is not None:
                self._reading(path, stat.st_size)
            short, found = read_hashes(path, legacy)
        except OSError:
            return ""
        self._legacy[_name(path)] = short
        if found:
            self._kept[_name(path)] = (*_times(stat), found)
            self._keep()
        return found

    def _keep(self) -> None:
        if self._file is None:
            return
        data = {name: list(kept) for name, kept in sorted(self._kept.items()) if Path(name).is_file()}
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._file, json_text(data, indent=0) + "\n")
        except OSError as error:  # without it the next run reads again
            _log.info("hashes are not kept: %s", error)

    def _told(self, path: Path) -> Iterator[tuple[float, str]]:
        """Time of change and hash of whatever a WebUI knows under the name of a file."""
        for told in self._told_above(path):
            for start in range(1, len(path.parts)):
                for slash in ("/", "\\"):
                    found = told.get(_PREFIX + slash.join(path.parts[start:]))
                    if found is not None:
                        yield found

    def _told_above(self, path: Path) -> Iterator[Told]:
        for folder in path.absolute().parents:
            if folder not in self._webuis:
                self._webuis[folder] = _read_webui(folder / WEBUI_FILE, folder / WEBUI_FOLDER)
            yield self._webuis[folder]
        named = [os.environ.get(name) for name in (WEBUI_FILE_VARIABLE, WEBUI_FOLDER_VARIABLE)]
        if any(named):
            where = Path(named[0] or os.devnull)
            if where not in self._webuis:
                self._webuis[where] = _read_webui(
                    where, Path(named[1] or os.devnull, *WEBUI_FOLDER.parts[1:])
                )
            yield self._webuis[where]


def _name(path: Path) -> str:
    return str(path.absolute())


def _times(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == _LENGTH and set(value) <= _DIGITS


def _read_kept(file: Path) -> Kept:
    """What was kept; a damaged file counts as none."""
    try:
        data = json.loads(read_text(file))
        return {
            str(name): (int(size), int(changed), int(moved), str(sha256))
            for name, (size, changed, moved, sha256) in data.items()
            if _is_hash(sha256)
        }
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _read_webui(file: Path, database: Path) -> Told:
    """What a WebUI keeps, where these are its files."""
    told: Told = {}
    if file.is_file():
        with contextlib.suppress(OSError, ValueError, RecursionError):
            data = json.loads(read_text(file))
            section = data.get("hashes") if isinstance(data, dict) else None
            for name, entry in section.items() if isinstance(section, dict) else ():
                _take(told, name, entry)
    if database.is_file():
        with contextlib.suppress(sqlite3.Error, OSError):
            for name, entry in _rows(database):
                _take(told, name, entry)
    return told


def _take(told: Told, name: object, entry: object) -> None:
    if isinstance(entry, Mapping) and isinstance(name, str):
        changed, sha256 = entry.get("mtime"), entry.get("sha256")
        if isinstance(changed, int | float) and _is_hash(sha256):
            told[name] = (float(changed), str(sha256))


def _rows(database: Path) -> Iterator[tuple[object, object]]:
    """Names and entries; nothing is written, and nothing but plain values is made of what is stored."""
    with contextlib.closing(
        sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    ) as connection:
        rows = connection.execute("SELECT key, value FROM Cache WHERE mode = ?", (_PICKLED,)).fetchall()
    for name, value in rows:
        with contextlib.suppress(
            pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, TypeError
        ):
            yield name, _Plain(io.BytesIO(value)).load()


class _Plain(pickle.Unpickler):
    """Reads numbers, texts and what holds them; refuses whatever would have to be called."""

    def find_class(self, module: str, name: str) -> NoReturn:
        """Nothing is found."""
        raise pickle.UnpicklingError(f"{module}.{name}")
