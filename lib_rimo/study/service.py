"""The one door to a study, for tab, API, command line and tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from lib_rimo.study.snapshot import Snapshot


class StudyService(Protocol):
    """Starts, steers and saves one study at a time. Every method may be called from any thread.

    Methods that change something answer at once; what they bring about is seen in ``snapshot``. All raise
    ``RimoError`` subclasses (``SettingsError`` names the field) with a text meant for the user, and then change
    nothing.
    """

    def snapshot(self) -> Snapshot:
        """The study now."""

    def wait(self, version: int, timeout_s: float) -> Snapshot:
        """The snapshot as soon as it is newer than ``version``, or the present one after the timeout."""

    def options(self) -> Mapping[str, Any]:
        """What the tab offers.

        Returns:
            ``checkpoints``: list of ``{"name", "path", "size_bytes"}``. ``presets``: name -> ``{"label",
            "explanation", "epochs", "budget", "unseen"}``. ``default``: ``{"base", "partners", "preset"}``, file names.
        """

    def estimate(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """What such a study would cost.

        Returns:
            ``images``, ``ram_bytes``, ``disk_bytes``, ``hours`` (None if unknown), ``text`` (one line).
        """

    def start(self, settings: Mapping[str, Any]) -> Snapshot:
        """Starts a study.

        Args:
            settings: ``base`` and ``partners`` (checkpoint names or paths), ``preset``, and any field of
                ``StudySettings`` by name.
        """

    def pause(self) -> Snapshot:
        """The user's own weights go back at the next picture; the study waits."""

    def resume(self, study: str = "") -> Snapshot:
        """Goes on with the paused study, or reopens an ended one by its id."""

    def stop(self) -> Snapshot:
        """Ends the study at the next picture; the best recipe so far stays."""

    def save(self, name: str) -> Path:
        """Writes the best recipe so far as a checkpoint into the host's folder; blocks until it is there."""

    def picture(self, study: str, file: str) -> Path:
        """The path of a study's picture by the name that the snapshot gave; refuses every other name."""
