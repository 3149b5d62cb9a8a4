"""The thread that works on a study, what it can be told meanwhile, and the snapshot that it publishes."""

from __future__ import annotations

import contextlib
import enum
import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib_rimo.errors import HostTakenError, RimoError, StudyError
from lib_rimo.hosts.drawers.drawer import Drawer
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.said import say, sentences
from lib_rimo.study.record import events as ev
from lib_rimo.study.record.journal import Journal
from lib_rimo.study.run.drawing import load_base
from lib_rimo.study.run.lease import Hold, HostLease
from lib_rimo.study.run.opening import begin, go_on
from lib_rimo.study.run.preparing import Preparation, StudyStopped
from lib_rimo.study.run.runner import Runner
from lib_rimo.study.run.session import OpenTagger, Session
from lib_rimo.study.settings.settings import StudySettings
from lib_rimo.study.store.pictures import Pictures
from lib_rimo.study.store.snapshot import LatestPicture, Snapshot, StudyState
from lib_rimo.study.store.snapshot_of import snapshot_of
from lib_rimo.study.store.store import study_folder

log = logging.getLogger("rimo")

Opening = Callable[[Preparation], tuple[Session, Journal]]

TITLE = "A study"
"""What has the host while one is active, to begin a sentence with."""
LAST_WORDS_S = 10
"""How long the end of the program waits for a study that was stopped while its model was being loaded."""


class Command(enum.Enum):
    """What the user can tell a running study."""

    PAUSE = enum.auto()
    RESUME = enum.auto()
    STOP = enum.auto()


class _Run:
    """One thread's work on one study. A run that was stopped while it prepared the study publishes nothing more."""

    def __init__(self, hold: Hold | None = None) -> None:
        self.hold = hold
        self.commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.stopped = threading.Event()
        self.abandoned = False
        self.last: Command | None = None
        self.taken = ""
        self.thread: threading.Thread | None = None


class Worker:
    """Works on at most one study. Every method may be called from any thread.

    Args:
        drawer: Draws the pictures.
        folder: Holds one folder per study.
        open_tagger: Gives the tagger that settings ask for.
        lease: Held while a study is active, paused ones included.
        lent: Name of the mix that the user's own pictures are drawn with now; empty for their own model.
    """

    def __init__(
        self,
        drawer: Drawer,
        folder: Path,
        open_tagger: OpenTagger,
        lease: HostLease,
        lent: Callable[[], str] = str,
    ) -> None:
        self._drawer = drawer
        self._open_tagger = open_tagger
        self._lease = lease
        self._lent = lent
        self._folder = folder
        self._changed = threading.Condition()
        self._snapshot = Snapshot()
        self._run = _Run()
        self._study: Session | None = None
        self._journal: Journal | None = None
        # By a session's id: how many use its files besides its own thread.
        self._borrowed: Counter[int] = Counter()

    # -- what others see and tell ------------------------------------------------------------------------------

    @property
    def study(self) -> Session | None:
        """The study whose files are open: it runs, or ended in this process."""
        return self._study

    @contextmanager
    def files(self, study: str) -> Iterator[Sources | None]:
        """A study's open files, which stay open inside also if another study takes its place; None if it has none."""
        with self._changed:
            session = self._study
            if session is not None and session.record.opened.study != study:
                session = None
            self._borrowed[id(session)] += 1
        try:
            yield None if session is None else session.sources
        finally:
            with self._changed:
                self._borrowed[id(session)] -= 1
                if session is not self._study:
                    self._let_go(session)

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
        """Passes a command on. It is obeyed between two image batches; a stop during preparation, at once.

        Raises:
            StudyError: No study is running.
        """
        with self._changed:
            if not self._snapshot.state.active:
                raise StudyError("No study is running", fix="Start one")
            run = self._run
            if command is Command.STOP:
                run.stopped.set()
                if self._study is None:  # its thread leaves off at its next step, and says nothing any more
                    self._publish(None, state=StudyState.STOPPED, message="Stopped", live="")
                    run.abandoned = True
            run.commands.put(command)
        if command is Command.STOP:
            self._drawer.interrupt()
        return self.snapshot()

    def begin(self, settings: StudySettings) -> Snapshot:
        """Works on a new study, in the background.

        Raises:
            StudyError: The host is taken by another one or by a measurement, or no thread can be had.
        """
        return self._launch(
            lambda preparation: begin(settings, self._drawer, self._open_tagger, self._folder, preparation),
            Snapshot(),
        )

    def go_on(self, study: str, known: Snapshot) -> Snapshot:
        """Works on a study that ended, in the background.

        Args:
            study: Its id.
            known: What is known of it already, to show meanwhile.

        Raises:
            StudyError: As for ``begin``.
        """
        return self._launch(
            lambda preparation: go_on(study, self._drawer, self._open_tagger, self._folder, preparation),
            known,
        )

    def _launch(self, opening: Opening, known: Snapshot) -> Snapshot:
        """Nothing is shown before the thread runs."""
        with self._changed:  # held until the state stands: whatever the thread has to show comes after it
            run = _Run(self._lease.take(TITLE, lambda: self._snapshot.study))
            self._release()
            run.thread = threading.Thread(
                target=self._work, args=(run, opening), name="rimo-study", daemon=True
            )
            try:
                run.thread.start()
            except RuntimeError as error:
                self._end(run)
                raise StudyError("The study could not be started", found=error) from error
            self._run = run
            return self._set(
                known.but(state=StudyState.PREPARING, message="Reading the checkpoints", error="")
            )

    def display(self, snapshot: Snapshot) -> Snapshot:
        """Puts another study on display, one that nobody works on; lets the one before go.

        Raises:
            StudyError: A study is running.
        """
        with self._changed:
            if self._snapshot.state.active:
                raise StudyError(
                    "A study is running already", found=self._snapshot.study, fix="Stop it first"
                )
            self._release()
            return self._set(snapshot)

    def note_lent(self) -> None:
        """Tells that another mix, or none, is in the user's hands."""
        with self._changed:
            self._publish(None, live=_live(self._snapshot.state, self._snapshot))

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
            self._publish(None, saved=(*snapshot.saved, event.file))

    def join(self, timeout_s: float | None = None) -> None:
        """Waits until no study is active."""
        if (thread := self._run.thread) is not None:
            thread.join(timeout_s)

    def close(self) -> None:
        """Stops a running study and lets its files go."""
        if self.snapshot().state.active:
            with contextlib.suppress(StudyError):  # it has just ended
                self.tell(Command.STOP)
        self.join(LAST_WORDS_S if self._study is None else None)
        self._release()

    # -- the thread ------------------------------------------------------------------------------------------

    def _work(self, run: _Run, opening: Opening) -> None:
        """A study from its first file to its end. Whatever happens, a state is named from which one can start again."""
        try:
            if self._prepared(run, opening):
                self._carry_out(run)
        except StudyStopped:
            self._publish(run, state=StudyState.STOPPED, message="Stopped", live="")
        except RimoError as error:
            if run.stopped.is_set():
                self._publish(run, state=StudyState.STOPPED, message="Stopped", live="")
            elif isinstance(error, HostTakenError):  # before there was anything to pause
                self._publish(run, state=StudyState.STOPPED, message=error.said, live="")
            else:
                log.info("The study ended: %s", error, exc_info=True)
                self._publish(run, state=StudyState.FAILED, message="Failed", error=error.said, live="")
        except BaseException as error:
            log.exception("The study ended with an unexpected error")
            text = sentences(say("Unexpected {1}: {2}. The log has the details", type(error).__name__, error))
            self._publish(run, state=StudyState.FAILED, message="Failed", error=text, live="")

    def _prepared(self, run: _Run, opening: Opening) -> bool:
        """Opens the study; False if nobody wants it any more."""
        preparation = Preparation(
            lambda: not run.stopped.is_set(), lambda message: self._publish(run, message=message)
        )
        study, journal = opening(preparation)
        with self._changed:
            if not run.abandoned:
                self._study, self._journal = study, journal
                return True
        journal.close()
        study.sources.close()
        return False

    def _carry_out(self, run: _Run) -> None:
        assert self._study is not None
        assert self._journal is not None
        folder = study_folder(self._folder, self._study.record.opened.study)

        def show(state: StudyState, message: str, latest: LatestPicture | None) -> None:
            self._show(run, state, message, latest)

        runner = Runner(self._study, self._journal, Pictures(folder), show)
        show(StudyState.SEARCHING, "Drawing the base's sample grid", None)
        while not self._went_on(run, runner):
            if not self._wait_while_paused(run):
                show(StudyState.STOPPED, "Stopped", None)
                return
        show(StudyState.FINISHED, "Finished", None)

    def _went_on(self, run: _Run, runner: Runner) -> bool:
        """Goes on until the study is finished (True), or the user or another need for the host stops it."""
        if run.taken:
            run.taken = ""
            with self._drawer.exclusive():
                settings = runner.record.settings
                load_base(self._drawer, settings.base, settings.images.vae)
        try:
            return runner.run(lambda: _obey(run))
        except HostTakenError as error:
            run.taken, run.last = error.said, Command.PAUSE
            return False

    def _wait_while_paused(self, run: _Run) -> bool:
        """Waits for resume (True) or stop (False) after a pause."""
        if run.last is Command.STOP:
            return False
        message = run.taken or "Paused; your own model is live"
        self._publish(run, state=StudyState.PAUSED, message=message, live="")
        while (command := run.commands.get()) is Command.PAUSE:
            pass
        return command is Command.RESUME

    def _release(self) -> None:
        """Lets the files of the study before go; one that cannot be closed must not keep the next from starting."""
        journal, study = self._journal, self._study
        self._study = self._journal = None
        try:
            if journal is not None:
                journal.close()
        except OSError:
            log.exception("The journal could not be closed")
        self._let_go(study)

    def _let_go(self, study: Session | None) -> None:
        """Closes the files of a study that nobody works on, once nobody else uses them."""
        if study is not None and not self._borrowed[id(study)]:
            study.sources.close()

    # -- publishing ----------------------------------------------------------------------------------------

    @staticmethod
    def _end(run: _Run) -> None:
        if run.hold is not None:
            run.hold.release()

    def _set(self, snapshot: Snapshot) -> Snapshot:
        """Puts another study's snapshot on display. With the condition held."""
        self._snapshot = snapshot.but(version=self._snapshot.version + 1, live=self._lent())
        self._changed.notify_all()
        return self._snapshot

    def _show(self, run: _Run, state: StudyState, message: str, latest: LatestPicture | None) -> None:
        assert self._study is not None
        fresh = snapshot_of(self._study.record)
        with self._changed:
            shown = latest or self._snapshot.latest
            live = self._lent() or _live(state, fresh)
            self._change(run, fresh.but(state=state, message=message, latest=shown, live=live))

    def _publish(self, run: _Run | None, **changes: Any) -> None:
        """Changes what is on display. ``run`` is whose doing it is; None for the user's own."""
        if "live" in changes:
            changes["live"] = self._lent() or changes["live"]
        with self._changed:
            self._change(run, self._snapshot.but(**changes))

    def _change(self, run: _Run | None, snapshot: Snapshot) -> None:
        """The next version of what is on display; of a run that was left off, nothing. With the condition held."""
        if run is None or (run is self._run and not run.abandoned):
            self._snapshot = snapshot.but(version=self._snapshot.version + 1)
            if not snapshot.state.active:
                self._end(self._run)
            self._changed.notify_all()


def _obey(run: _Run) -> bool:
    """Looks at the commands between two image batches; False leaves the host to the user."""
    try:
        run.last = run.commands.get_nowait()
    except queue.Empty:
        return True
    return run.last is Command.RESUME


def _live(state: StudyState, snapshot: Snapshot) -> str:
    if state is StudyState.SEARCHING and (trial := snapshot.trial + (snapshot.mix_drawn > 0)):
        return say("trial {1}", trial)
    return "a mix" if state is StudyState.MEASURING else ""
