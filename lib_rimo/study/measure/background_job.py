"""One long measurement at a time, in the background: started, watched, stopped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from lib_rimo.errors import HostTakenError, RimoError, SettingsError, StudyError
from lib_rimo.said import say, sentences
from lib_rimo.study.run.lease import Hold, HostLease

log = logging.getLogger("rimo")


TITLES = {"bench": "A benchmark", "ranks": "A measurement of ranks"}
"""What is running, by its kind."""


class JobState(str, Enum):
    """What a job is doing."""

    IDLE = "idle"
    """None was started yet."""
    RUNNING = "running"
    STOPPED = "stopped"
    """By the user, or because they need the host; what was measured is kept."""
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How a job stands.

    Attributes:
        kind: What it is about.
        state: What it is doing.
        name: Of the checkpoint that is measured now.
        done: Pictures known so far, drawn now or earlier.
        total: Pictures in all; 0 until that is known.
        images_per_s: Speed of drawing; None until two batches are there.
        error: What went wrong, for the user.
        field: The input that is to blame, if one is.
    """

    kind: str = ""
    state: JobState = JobState.IDLE
    name: str = ""
    done: int = 0
    total: int = 0
    images_per_s: float | None = None
    error: str = ""
    field: str = ""

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.state is JobState.RUNNING

    @property
    def title(self) -> str:
        """What it is, to begin a sentence with."""
        return TITLES.get(self.kind, "A measurement")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "state": self.state.value}


class JobStopped(Exception):  # noqa: N818  # no error: the user's request, which travels through the layers as one
    """The user wants the job to end."""


class BackgroundJob:
    """Runs one piece of work in a thread of its own. Every method may be called from any thread.

    Args:
        lease: Held while it works, so that it never meets a study; None where there are none.
    """

    def __init__(self, lease: HostLease | None = None) -> None:
        self._lease = lease or HostLease()
        self._hold: Hold | None = None
        self._lock = threading.Lock()
        self._now = JobStatus()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._drawn = 0
        self._began = 0.0

    @property
    def now(self) -> JobStatus:
        """How it stands."""
        return self._now

    def start(self, kind: str, work: Callable[[], None]) -> None:
        """Starts some work. It calls ``between`` and ``note`` while it goes on.

        Raises:
            StudyError: Another one or a study has the host, or no thread can be had.
        """
        title = JobStatus(kind).title
        with self._lock:
            hold = self._lease.take(title)
            self._stop.clear()
            self._drawn = 0
            thread = threading.Thread(target=self._run, args=(work,), name=f"rimo-{kind}", daemon=True)
            try:
                thread.start()  # it has nothing to say before the lock is free
            except RuntimeError as error:
                hold.release()
                raise StudyError(say("{1} could not be started", title), found=error) from error
            self._thread, self._hold, self._now = thread, hold, JobStatus(kind, JobState.RUNNING)

    def stop(self) -> None:
        """Asks it to end after the batch that is being drawn."""
        self._stop.set()

    def join(self, timeout_s: float | None = None) -> None:
        """Waits for its end."""
        if (thread := self._thread) is not None:
            thread.join(timeout_s)

    def between(self, images: int) -> None:
        """Called by the work after each batch.

        Raises:
            JobStopped: The user wants it to end.
        """
        if self._drawn == 0:
            self._began = time.monotonic()  # the first batch includes loading, so that its time says nothing
        else:
            took = time.monotonic() - self._began
            self._show(images_per_s=self._drawn / took if took > 0 else None)
        self._drawn += images
        self.check()

    def note(self, name: str, done: int, total: int) -> None:
        """Called by the work: what is measured now, and how far it is.

        Raises:
            JobStopped: The user wants it to end.
        """
        self._show(name=name, done=done, total=total)
        self.check()

    def check(self) -> None:
        """Ends the work here if the user wants that.

        Raises:
            JobStopped: They do.
        """
        if self._stop.is_set():
            raise JobStopped

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
            self._show(state=JobState.FINISHED, name="")
        except JobStopped:
            self._show(state=JobState.STOPPED)
        except HostTakenError as error:
            text = StudyError(
                error.what, found=error.found, wanted=error.wanted, fix="Run it again to go on where it was"
            )
            self._show(state=JobState.STOPPED, error=text.said)
        except RimoError as error:
            log.info("%s ended: %s", self._now.title, error, exc_info=True)
            if self._stop.is_set():
                self._show(state=JobState.STOPPED)
                return
            field = error.field if isinstance(error, SettingsError) else ""
            self._show(state=JobState.FAILED, error=error.said, field=field)
        except BaseException as error:
            log.exception("%s ended with an unexpected error", self._now.title)
            told = sentences(say("Unexpected {1}: {2}. The log has the details", type(error).__name__, error))
            self._show(state=JobState.FAILED, error=told)

    def _show(self, **changes: Any) -> None:
        with self._lock:
            self._now = replace(self._now, **changes)
            if not self._now.running and self._hold is not None:
                self._hold.release()
