"""The studies of one program: at most one runs, all can be opened again."""

from __future__ import annotations

import dataclasses
import enum
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lib_rimo.errors import HostTakenError, RimoError, SettingsError, StudyError
from lib_rimo.hosts.host import Host
from lib_rimo.study import events as ev
from lib_rimo.study import journal as journals
from lib_rimo.study.estimate import estimate
from lib_rimo.study.journal import Journal
from lib_rimo.study.opening import OpenStudy, OpenTagger, open_new, reopen
from lib_rimo.study.pictures import Pictures, picture_path
from lib_rimo.study.presets import DEFAULT_PRESET, PRESETS
from lib_rimo.study.record import StudyRecord
from lib_rimo.study.runner import Runner
from lib_rimo.study.saving import save_record
from lib_rimo.study.settings import StudySettings
from lib_rimo.study.snapshot import LatestPicture, Result, Snapshot, StudyState
from lib_rimo.study.view import snapshot_of

log = logging.getLogger("rimo")


class Command(enum.Enum):
    """What the user can tell a running study."""

    PAUSE = enum.auto()
    RESUME = enum.auto()
    STOP = enum.auto()


class Studies:
    """Implements ``StudyService`` on a host and a folder of journals.

    Args:
        host: Draws the pictures.
        folder: Holds one folder per study.
        open_tagger: Gives the tagger that settings ask for.
        defaults: Settings that hold unless others are given, and ``base`` and ``partners`` to offer first.
    """

    def __init__(
        self, host: Host, folder: Path, open_tagger: OpenTagger, defaults: Mapping[str, Any] | None = None
    ) -> None:
        self._host = host
        self._folder = folder
        self._open_tagger = open_tagger
        self._defaults = dict(defaults or {})
        self._changed = threading.Condition()
        self._snapshot = Snapshot()
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._last: Command | None = None
        self._taken = ""
        self._thread: threading.Thread | None = None
        self._study: OpenStudy | None = None
        self._journal: Journal | None = None

    # -- reading -------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The study now."""
        with self._changed:
            return self._snapshot

    def wait(self, version: int, timeout_s: float) -> Snapshot:
        """The snapshot as soon as it is newer than ``version``, or the present one after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._snapshot.version > version, timeout_s)
            return self._snapshot

    def options(self) -> Mapping[str, Any]:
        """What the tab offers; see ``StudyService``."""
        files = [p for p in self._host.checkpoints() if p.is_file()]
        return {
            "checkpoints": [{"name": p.name, "path": str(p), "size_bytes": p.stat().st_size} for p in files],
            "presets": {name: dataclasses.asdict(preset) for name, preset in PRESETS.items()},
            "default": {
                "base": Path(str(self._defaults.get("base", self._host.loaded() or ""))).name,
                "partners": [Path(str(p)).name for p in self._defaults.get("partners", ())],
                "preset": DEFAULT_PRESET,
            },
        }

    def estimate(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """What such a study would cost; see ``StudyService``."""
        return estimate(self.settings(settings), self.snapshot().images_per_s)

    def picture(self, study: str, file: str) -> Path:
        """The path of a study's picture by the name that the snapshot gave."""
        return picture_path(study_folder(self._folder, study), file)

    # -- steering ------------------------------------------------------------------------------------------

    def start(self, settings: Mapping[str, Any]) -> Snapshot:
        """Starts a new study in the background."""
        checked = self.settings(settings)
        return self._launch(lambda: self._open_new(checked))

    def resume(self, study: str = "") -> Snapshot:
        """Goes on with the paused study, or reopens an ended one by its id."""
        snapshot = self.snapshot()
        if snapshot.state is StudyState.PAUSED and study in ("", snapshot.study):
            self._commands.put(Command.RESUME)
            return snapshot
        if not (wanted := study or snapshot.study):
            raise StudyError("There is no study to go on with", fix="Start one")
        record = StudyRecord.replay(journals.read(study_folder(self._folder, wanted)))
        return self._launch(lambda: self._reopen(record))

    def pause(self) -> Snapshot:
        """The user's own weights go back at the next picture; the study waits."""
        return self._command(Command.PAUSE)

    def stop(self) -> Snapshot:
        """Ends the study at the next picture; the best recipe so far stays."""
        return self._command(Command.STOP)

    def save(self, name: str) -> Path:
        """Writes the best recipe so far as a checkpoint into the host's folder.

        Raises:
            StudyError: There is no study.
            SaveError: The name or the folder does not allow it; nothing was written.
        """
        study, journal = self._study, self._journal
        if study is None or journal is None:
            raise StudyError("There is nothing to save yet", fix="Start or open a study first")
        recipe, result = study.record.best(), self.snapshot().result
        folder = self._host.save_folder()
        path = save_record(study.record, recipe, folder, name, result, sources=study.sources)
        event = ev.Saved(path.name, recipe.to_json())
        with self._changed:
            journal.append(event)
            study.record.apply(event)
        self._host.refresh()
        self._publish(saved=(*self.snapshot().saved, path.name))
        return path

    def join(self, timeout_s: float | None = None) -> None:
        """Waits until no study is active; for the command line and for tests."""
        if (thread := self._thread) is not None:
            thread.join(timeout_s)

    def close(self) -> None:
        """Stops a running study and lets its files go."""
        if self.snapshot().state.active:
            self._commands.put(Command.STOP)
        self.join()
        self._release()

    # -- the thread ----------------------------------------------------------------------------------------

    def settings(self, values: Mapping[str, Any]) -> StudySettings:
        """Plain values to settings: presets and defaults filled in, checkpoint names to paths.

        Raises:
            SettingsError: A value is wrong; it carries the field.
        """
        given = dict(values)
        merged = {k: v for k, v in self._defaults.items() if k not in ("base", "partners")}
        if name := given.pop("preset", None):
            if name not in PRESETS:
                raise SettingsError("preset", "Unknown preset", found=name, wanted=", ".join(PRESETS))
            preset = PRESETS[name]
            merged |= {"epochs": preset.epochs, "budget": preset.budget, "unseen": preset.unseen}
        merged |= {k: v for k, v in given.items() if v is not None}
        for field in ("base", "partners"):
            if field in merged:
                merged[field] = self._resolve(field, merged[field])
        return StudySettings.from_mapping(merged)

    def _resolve(self, field: str, value: Any) -> Any:
        """Names of the host's checkpoints to their paths."""
        if isinstance(value, list | tuple):
            return [self._resolve(field, item) for item in value]
        known = {p.name: p for p in self._host.checkpoints()}
        path = known.get(str(value), Path(str(value)))
        if str(value) and not path.is_file():
            raise SettingsError(
                field,
                "There is no such checkpoint",
                found=str(value),
                wanted="a .safetensors or .ckpt file",
                fix="Refresh the list or check the path",
            )
        return str(path)

    def _command(self, command: Command) -> Snapshot:
        if not self.snapshot().state.active:
            raise StudyError("No study is running", fix="Start one")
        self._commands.put(command)
        if command is Command.STOP:
            self._host.interrupt()
        return self.snapshot()

    def _launch(self, opening: Callable[[], tuple[OpenStudy, Journal]]) -> Snapshot:
        with self._changed:
            if self._snapshot.state.active:
                raise StudyError(
                    "A study is running already", found=self._snapshot.study, fix="Stop it first"
                )
            self._snapshot = Snapshot(
                self._snapshot.version + 1, StudyState.PREPARING, message="Reading the checkpoints"
            )
            self._changed.notify_all()
        self._release()
        self._commands = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, args=(opening,), name="rimo-study", daemon=True)
        self._thread.start()
        return self.snapshot()

    def _open_new(self, settings: StudySettings) -> tuple[OpenStudy, Journal]:
        study = open_new(settings, self._host, self._open_tagger)
        journal = Journal(self._folder / study.record.opened.study)
        journal.append(study.record.opened)
        return study, journal

    def _reopen(self, record: StudyRecord) -> tuple[OpenStudy, Journal]:
        journal = Journal(study_folder(self._folder, record.opened.study))
        try:
            return reopen(record, self._host, self._open_tagger), journal
        except BaseException:
            journal.close()
            raise

    def _work(self, opening: Callable[[], tuple[OpenStudy, Journal]]) -> None:
        try:
            self._study, self._journal = opening()
            folder = study_folder(self._folder, self._study.record.opened.study)
            runner = Runner(self._study, self._journal, Pictures(folder), self._show)
            self._show(StudyState.SEARCHING, "Drawing the base's sample grid", None)
            while not self._run(runner):
                if not self._wait_while_paused():
                    self._show(StudyState.STOPPED, "Stopped", None)
                    return
            self._show(StudyState.FINISHED, "Finished", None, runner.result())
        except RimoError as error:
            if self._stopping():
                self._show(StudyState.STOPPED, "Stopped", None)
                return
            log.info("The study ended: %s", error, exc_info=True)
            self._publish(state=StudyState.FAILED, message="Failed", error=str(error), live="")
        except Exception as error:
            log.exception("The study ended with an unexpected error")
            text = f"Unexpected {type(error).__name__}: {error}. The log has the details."
            self._publish(state=StudyState.FAILED, message="Failed", error=text, live="")

    def _run(self, runner: Runner) -> bool:
        """Goes on until the study is finished (True), or the user or another need for the host stops it."""
        if self._taken:
            self._taken = ""
            with self._host.exclusive():
                self._host.load(runner.record.settings.base)
        try:
            return runner.run(self._obey)
        except HostTakenError as error:
            self._taken, self._last = str(error), Command.PAUSE
            return False

    def _obey(self) -> bool:
        """Looks at the commands between two image batches; False leaves the host to the user."""
        try:
            self._last = self._commands.get_nowait()
        except queue.Empty:
            return True
        return self._last is Command.RESUME

    def _stopping(self) -> bool:
        """Whether a stop is waiting to be obeyed: then an interrupted drawing is no failure."""
        while not self._commands.empty():
            if self._commands.get() is Command.STOP:
                return self._study is not None
        return False

    def _wait_while_paused(self) -> bool:
        """Waits for resume (True) or stop (False) after a pause."""
        if self._last is Command.STOP:
            return False
        message = self._taken or "Paused; your own model is live"
        self._publish(state=StudyState.PAUSED, message=message, live="")
        while (command := self._commands.get()) is Command.PAUSE:
            pass
        return command is Command.RESUME

    def _release(self) -> None:
        if self._journal is not None:
            self._journal.close()
        if self._study is not None:
            self._study.sources.close()
        self._study = self._journal = None

    # -- publishing ----------------------------------------------------------------------------------------

    def _show(
        self, state: StudyState, message: str, latest: LatestPicture | None, result: Result | None = None
    ) -> None:
        assert self._study is not None
        fresh = snapshot_of(self._study.record, result)
        with self._changed:
            self._snapshot = dataclasses.replace(
                fresh,
                version=self._snapshot.version + 1,
                state=state,
                message=message,
                latest=latest or self._snapshot.latest,
                live=_live(state, fresh),
            )
            self._changed.notify_all()

    def _publish(self, **changes: Any) -> None:
        with self._changed:
            self._snapshot = dataclasses.replace(
                self._snapshot, version=self._snapshot.version + 1, **changes
            )
            self._changed.notify_all()


def study_folder(folder: Path, study: str) -> Path:
    """The folder of a study.

    Raises:
        StudyError: The id has path parts in it.
    """
    if not study or study in (".", "..") or Path(study).name != study:
        raise StudyError("There is no such study", found=study)
    return folder / study


def _live(state: StudyState, snapshot: Snapshot) -> str:
    if state is StudyState.SEARCHING and snapshot.trial:
        return f"trial {snapshot.trial}"
    return "a mix" if state is StudyState.MEASURING else ""
