"""The user's own presets and what they started last, in one small file beside the studies."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib_rimo.errors import SaveError, SettingsError
from lib_rimo.files import json_text, write_whole
from lib_rimo.said import say

log = logging.getLogger("rimo")

FILE = "presets.json"
LONGEST_NAME = 60
MOST_PRESETS = 100
LARGEST_BYTES = 64_000
"""Of one preset; a form fills a few hundred."""


class UserPresets:
    """Keeps settings as the form has them, under names.

    They are checked when they are used, not here: a preset stays even while a checkpoint that it names is away.

    Args:
        folder: Where the file goes; made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()

    def all(self) -> dict[str, Any]:
        """``{"presets": {name: settings}, "last": settings or None}``."""
        with self._lock:
            return self._read()

    def keep(self, name: object, settings: object) -> dict[str, Any]:
        """Keeps settings under a name, in place of what it had; returns what ``all`` does.

        Raises:
            SettingsError: The name or the settings cannot be kept.
            SaveError: The file cannot be written.
        """
        label, plain = _name(name), _settings(settings)
        with self._lock:
            data = self._read()
            if label not in data["presets"] and len(data["presets"]) >= MOST_PRESETS:
                raise SettingsError(
                    "name", "There are too many presets", found=MOST_PRESETS, fix="Delete one"
                )
            data["presets"][label] = plain
            self._write(data)
            return data

    def delete(self, name: object) -> dict[str, Any]:
        """Forgets a preset; returns what ``all`` does.

        Raises:
            SettingsError: There is none of that name.
        """
        with self._lock:
            data = self._read()
            if str(name) not in data["presets"]:
                raise SettingsError("name", "There is no such preset", found=name)
            del data["presets"][str(name)]
            self._write(data)
            return data

    def remember(self, settings: Mapping[str, Any]) -> None:
        """Keeps what was started last. A failure only costs the convenience, so it goes to the log."""
        try:
            plain = _settings(settings)
            with self._lock:
                self._write({**self._read(), "last": plain})
        except (SettingsError, SaveError) as error:
            log.warning("The last settings are not kept: %s", error)

    def _read(self) -> dict[str, Any]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            presets, last = dict(data["presets"]), data.get("last")
        except FileNotFoundError:
            return {"presets": {}, "last": None}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            log.warning("%s cannot be read and is put aside: %s", self._path, error)
            self._put_aside()
            return {"presets": {}, "last": None}
        kept = {str(name): value for name, value in presets.items() if isinstance(value, dict)}
        return {"presets": kept, "last": last if isinstance(last, dict) else None}

    def _put_aside(self) -> None:
        """A damaged file is kept under another name, so that the next write does not end it."""
        try:
            self._path.replace(self._path.with_suffix(".damaged.json"))
        except OSError as error:
            log.warning("%s cannot be put aside: %s", self._path, error)

    def _write(self, data: Mapping[str, Any]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, json_text(data, indent=1) + "\n")
        except OSError as error:
            raise SaveError(
                "The presets cannot be written",
                found=error.strerror or str(error),
                wanted=say("a folder that can be written to: {1}", self._path.parent),
            ) from error


def _name(name: object) -> str:
    label = str(name or "").strip()
    if not 1 <= len(label) <= LONGEST_NAME or not label.isprintable():
        raise SettingsError(
            "name",
            "The preset cannot have this name",
            found=ascii(label) if label else say("nothing"),
            wanted=say("1 to {1} printable characters", LONGEST_NAME),
        )
    return label


def _settings(settings: object) -> dict[str, Any]:
    if not isinstance(settings, Mapping):
        raise SettingsError("settings", "The settings cannot be kept", wanted="names and values")
    try:
        text = json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise SettingsError("settings", "The settings cannot be kept", found=str(error)) from None
    if len(text) > LARGEST_BYTES:
        raise SettingsError(
            "settings",
            "The settings are too long",
            found=say("{1} characters", len(text)),
            wanted=LARGEST_BYTES,
        )
    plain: dict[str, Any] = json.loads(text)
    return plain
