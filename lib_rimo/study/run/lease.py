"""Who has the host for long: a study, a benchmark or a measurement of ranks, one at a time.

Whoever wants the host for more than a few pictures takes the lease first, in one step with finding out whether it is
free, and gives it back whatever happens. Those who draw a few pictures between others' batches (a preview, the user's
own jobs) need none: the host's queue lets them in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from lib_rimo.errors import StudyError
from lib_rimo.said import say


class Hold:
    """One use of the host, from its first step to its last.

    Args:
        lease: Which it is of.
        title: What uses it, to begin a sentence with.
        of: More about it, such as a study's id, as soon as it is known.
    """

    def __init__(self, lease: HostLease, title: str, of: Callable[[], str]) -> None:
        self._lease = lease
        self._title = title
        self._of = of

    def release(self) -> None:
        """Leaves the host to the next. Does nothing if that is done already."""
        self._lease._end(self)

    def refusal(self) -> StudyError:
        """What to tell others who want the host meanwhile."""
        return StudyError(
            say("{1} is running already", say(self._title)),
            found=self._of() or None,
            fix="Stop it, or wait until it has ended",
        )


class HostLease:
    """Is held by one at a time. Every method may be called from any thread, and none waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: Hold | None = None

    def take(self, title: str, of: Callable[[], str] = str) -> Hold:
        """Gives the host to whoever asks first.

        Args:
            title: What wants it, to begin a sentence with.
            of: More about it for those who come later.

        Raises:
            StudyError: It is taken; the text says by whom.
        """
        with self._lock:
            if (holder := self._holder) is None:
                self._holder = Hold(self, title, of)
                return self._holder
        raise holder.refusal()

    def refuse(self) -> None:
        """Says so if somebody has it, for those who would load another model for a moment.

        Raises:
            StudyError: Somebody has.
        """
        if (holder := self._holder) is not None:
            raise holder.refusal()

    def _end(self, hold: Hold) -> None:
        with self._lock:
            if self._holder is hold:
                self._holder = None
