"""The doors to studies, for tab, API, command line and tests: one to the study on display, one to all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from lib_rimo.merging.checkpoints.facts import FileFacts
from lib_rimo.merging.saving.options import SaveOptions
from lib_rimo.said import Said
from lib_rimo.study.mixes.preview import PreviewRequest
from lib_rimo.study.mixes.repair import Repair
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.settings.profiles import Profile
from lib_rimo.study.settings.user_presets import UserPresets
from lib_rimo.study.store.snapshot import Snapshot


class StudyOnDisplay(Protocol):
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
            ``folder``: where checkpoints belong. ``demo``: whether the tiny family can be asked for and is not offered.
            ``checkpoints``: list of ``{"name", "path", "size_bytes"}``. ``presets``: name -> ``{"label",
            "explanation", "epochs", "budget", "unseen"}``. ``default``: ``{"base", "partners", "preset"}``, file names,
            and whichever other settings hold for that base unless others are given. ``taggers``: names that can be
            chosen beside folders. ``plays``: whether a mix can be lent. ``left_out``: what packages add and cannot be
            used, and why.
        """

    def defaults(self, base: str, profile: str = "") -> Mapping[str, Any]:
        """Settings that hold on a base (a name or a path; empty for none yet) unless others are given.

        Args:
            base: Its name or path.
            profile: Name of a drawing profile, or ``none``; empty for the one that the base's file asks for.
        """

    def facts(self, name: str) -> FileFacts | None:
        """What a checkpoint's file is, by its name or path; None where there is none. Its header is read once."""

    def profile(self, base: str, profile: str = "") -> tuple[Profile, Said | None] | None:
        """What a base is drawn with where nothing else is said.

        Args:
            base: Its name or path.
            profile: As for ``defaults``.

        Returns:
            The profile, and why where the file was asked; None where no profile is known or wanted.
        """

    def about_tagger(self, name: str) -> Mapping[str, Any]:
        """What is known of a tagger, and how far its download is (``Taggers.about``)."""

    def fetch_tagger(self, name: str) -> None:
        """Begins to download a known tagger; ``about_tagger`` tells how far it is."""

    def offer_demo(self) -> None:
        """Unpacks the tiny family, in a folder of its own, and offers it from now on."""

    def estimate(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """What such a study would cost.

        Returns:
            ``images``, ``ram_bytes``, ``disk_bytes``, ``hours`` (None if unknown), ``text`` (one line),
            ``advice`` (a sentence, or empty), ``look`` (a sentence: what pictures are drawn with).
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

    def save(
        self,
        name: str,
        choice: Choice | None = None,
        form: SaveOptions | None = None,
        repair: Repair | None = None,
    ) -> Path:
        """Writes a mix as a checkpoint into the host's folder; blocks until it is there.

        Args:
            name: Of the file.
            choice: Which mix of the study on display; the best so far if left out.
            form: Number type, with or without VAE and EMA copies; None writes everything as the base has it.
            repair: A contact fusion to write in the mix's place.
        """

    def picture(self, study: str, file: str) -> Path:
        """The path of a study's picture by the name that the snapshot gave; refuses every other name."""


class StudyArchive(Protocol):
    """All studies of a folder, the running one among them. As for ``StudyOnDisplay``: any thread, ``RimoError``."""

    def studies(self) -> Sequence[Mapping[str, Any]]:
        """One line per study, newest first: ``summary.row_of``, and ``current`` for the one on display."""

    def stored(self, study: str) -> Snapshot:
        """A study as it is or was left; nothing is opened or changed."""

    def open(self, study: str) -> Snapshot:
        """Puts a stored study on display, so that ``StudyOnDisplay`` acts on it; refused while another is active."""

    def delete(self, study: str) -> None:
        """Removes a study that is not running, with its pictures; saved checkpoints stay."""

    def mix(self, study: str, choice: Choice) -> Mapping[str, Any]:
        """One of a study's mixes as plain values (``mixes.describe``)."""

    def blocks(self, study: str) -> Mapping[str, Any]:
        """What each block group did (``sensitivity``)."""

    def freeze(self, study: str, groups: Sequence[str]) -> Snapshot:
        """Starts a study that begins with another's best mix, in which these groups stay as they are there."""

    def try_mix(
        self, study: str, choice: Choice, request: PreviewRequest, repair: Repair | None = None
    ) -> Mapping[str, Any]:
        """Draws the user's own prompt with a mix, or with the contact fusion that repairs it.

        The user's weights are back before this returns.

        Returns:
            ``study``, ``name`` (of the mix), ``files`` (names for ``StudyService.picture``), ``prompt``, ``seeds``,
            ``captured`` (share of the difference that a repair took over, else None).
        """

    def play(self, study: str, choice: Choice) -> str:
        """Lends a mix to the WebUI's own tabs, where ``options()["plays"]``; returns its name, as in ``live``."""

    def stop_playing(self) -> None:
        """The WebUI's own tabs draw with the user's model again."""

    def record(self, study: str) -> StudyRecord:
        """Everything that a study's journal says; not to be changed."""

    def picture(self, study: str, file: str) -> Path:
        """The path of a study's picture by the name that the snapshot gave."""


class BackgroundService(Protocol):
    """A long measurement: one at a time of whatever kind, never beside a study. Any thread, ``RimoError``."""

    def start(self, values: Mapping[str, Any]) -> None:
        """Starts one (``bench_settings.BenchRequest``, ``rank_sweeps.RankRequest``), or goes on with a stopped one."""

    def stop(self) -> None:
        """Ends it after the batch that is being drawn; what was measured is kept."""

    def standing(self) -> Mapping[str, Any]:
        """How it stands: ``job.JobStatus``, and ``mark``, which changes with the tables."""

    def latest(self) -> Mapping[str, Any]:
        """The latest tables: ``request``, ``done`` checkpoints or mixes ``of`` how many, and what is known of them.

        Returns:
            Of a benchmark also ``tables``, ``points``, ``notes``; of ranks see ``rank_sweeps.RankSweeps.latest``.
        """


class BenchService(BackgroundService, Protocol):
    """Upstream's benchmark."""

    def file(self, kind: str) -> str:
        """The latest tables as a file of this kind (``bench_tables.FORMATS``)."""


class StudyService(StudyOnDisplay, StudyArchive, Protocol):
    """Both in one object, as the page and the routes want them."""

    def presets(self) -> UserPresets:
        """The user's own presets."""

    def benchmarks(self) -> BenchService:
        """Upstream's benchmark on any checkpoints."""

    def ranks(self) -> BackgroundService:
        """Several ranks of a mix's repair."""
