"""The thread that works on a study, what it can be told meanwhile, and the snapshot that it publishes."""

from __future__ import annotations

import enum
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lib_rimo.errors import HostTakenError, RimoError, StudyError
from lib_rimo.hosts.host import Host
from lib_rimo.study import events as ev
from lib_rimo.study.journal import Journal
from lib_rimo.study.opening import OpenStudy
from lib_rimo.study.pictures import Pictures
from lib_rimo.study.runner import Runner
from lib_rimo.study.shelf import study_folder
from lib_rimo.study.snapshot import LatestPicture, Snapshot, StudyState
from lib_rimo.study.view import snapshot_of

log = logging.getLogger("rimo")

Opening = Callable[[], tuple[OpenStudy, Journal]]


class Command(enum.Enum):
    """What the user can tell a running study."""

    PAUSE = enum.auto()
    RESUME = enum.auto()
    STOP = enum.auto()


class Worker:
    """Works on at most one study. Every method may be called from any thread.

    Args:
        host: Draws the pictures.
        folder: Holds one folder per study.
        lent: Name of the mix that the user's own pictures are drawn with now; empty for their own model.
    """

    def __init__(self, host: Host, folder: Path, lent: Callable[[], str] = str) -> None:
        self._host = host
        self._lent = lent
        self._folder = folder
        self._changed = threading.Condition()
        self._snapshot = Snapshot()
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._last: Command | None = None
        self._taken = ""
        self._thread: threading.Thread | None = None
        self._study: OpenStudy | None = None
        self._journal: Journal | None = None

    # -- what others see and tell ------------------------------------------------------------------------------

    @property
    def study(self) -> OpenStudy | None:
        """The study whose files are open: it runs, or ended in this process."""
        return self._study

    def snapshot(self) -> Snapshot:
        """The study on display, now."""
        with self._changed:
            return self._snapshot

    def wait(self, version: int, timeout_s: float) -> Snapshot:
        """The snapshot as soon as it is newer than ``version``, or the present one after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._snapshot.version > version, timeout_s)
            return self._snapshot

    def tell(self, command: Command) -> Snapshot:
        """Passes a command on; it is obeyed between two image batches.

        Raises:
            StudyError: No study is running.
        """
        if not self.snapshot().state.active:
            raise StudyError("No study is running", fix="Start one")
        self._commands.put(command)
        if command is Command.STOP:
            self._host.interrupt()
        return self.snapshot()

    def launch(self, opening: Opening, known: Snapshot | None = None) -> Snapshot:
        """Opens a study in the background and works on it.

        Args:
            opening: Gives the open study and its journal.
            known: What is known of it already, to show meanwhile.

        Raises:
            StudyError: Another one is running.
        """
        known = known or Snapshot()
        shown = self._display(
            known.but(state=StudyState.PREPARING, message="Reading the checkpoints", error="")
        )
        self._release()
        self._commands = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, args=(opening,), name="rimo-study", daemon=True)
        self._thread.start()
        return shown  # the thread may be further by now, or even done

    def display(self, snapshot: Snapshot) -> Snapshot:
        """Puts another study on display, one that nobody works on; lets the one before go.

        Raises:
            StudyError: A study is running.
        """
        shown = self._display(snapshot)
        self._release()
        return shown

    def note_lent(self) -> None:
        """Tells that another mix, or none, is in the user's hands."""
        now = self.snapshot()
        self._publish(live=_live(now.state, now))

    def note_saved(self, event: ev.Saved) -> None:
        """Journals that a checkpoint was written from the study on display."""
        with self._changed:
            snapshot = self._snapshot
            if self._study is not None and self._journal is not None:
                self._journal.append(event)
                self._study.record.apply(event)
            else:
                with Journal(study_folder(self._folder, snapshot.study)) as journal:
                    journal.append(event)
        self._publish(saved=(*snapshot.saved, event.file))

    def join(self, timeout_s: float | None = None) -> None:
        """Waits until no study is active."""
        if (thread := self._thread) is not None:
            thread.join(timeout_s)

    def close(self) -> None:
        """Stops a running study and lets its files go."""
        if self.snapshot().state.active:
            self._commands.put(Command.STOP)
        self.join()
        self._release()

    # -- the thread ------------------------------------------------------------------------------------------

    def _work(self, opening: Opening) -> None:
        try:
            self._study, self._journal = opening()
            folder = study_folder(self._folder, self._study.record.opened.study)
            runner = Runner(self._study, self._journal, Pictures(folder), self._show)
            self._show(StudyState.SEARCHING, "Drawing the base's sample grid", None)
            while not self._run(runner):
                if not self._wait_while_paused():
                    self._show(StudyState.STOPPED, "Stopped", None)
                    return
            self._show(StudyState.FINISHED, "Finished", None)
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

    def _display(self, snapshot: Snapshot) -> Snapshot:
        with self._changed:
            if self._snapshot.state.active:
                raise StudyError(
                    "A study is running already", found=self._snapshot.study, fix="Stop it first"
                )
            self._snapshot = snapshot.but(version=self._snapshot.version + 1, live=self._lent())
            self._changed.notify_all()
            return self._snapshot

    def _show(self, state: StudyState, message: str, latest: LatestPicture | None) -> None:
        assert self._study is not None
        fresh = snapshot_of(self._study.record)
        with self._changed:
            self._snapshot = fresh.but(
                version=self._snapshot.version + 1,
                state=state,
                message=message,
                latest=latest or self._snapshot.latest,
                live=self._lent() or _live(state, fresh),
            )
            self._changed.notify_all()

    def _publish(self, **changes: Any) -> None:
        if "live" in changes:
            changes["live"] = self._lent() or changes["live"]
        with self._changed:
            self._snapshot = self._snapshot.but(version=self._snapshot.version + 1, **changes)
            self._changed.notify_all()


def _live(state: StudyState, snapshot: Snapshot) -> str:
    if state is StudyState.SEARCHING and (trial := snapshot.trial + (snapshot.mix_drawn > 0)):
        return f"trial {trial}"
    return "a mix" if state is StudyState.MEASURING else ""
