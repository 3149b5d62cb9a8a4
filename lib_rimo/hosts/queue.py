"""A first-come, first-served queue in front of one model, whose length can be read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from lib_rimo.errors import HostError
from lib_rimo.said import say


class Owned:
    """A queue that knows which thread holds it."""

    def __init__(self) -> None:
        self._holder: int | None = None

    def is_mine(self) -> bool:
        """Whether this thread holds the queue."""
        return self._holder == threading.get_ident()

    def require(self, action: str) -> None:
        """Refuses an action outside ``hold``.

        Args:
            action: What was attempted, as the message's subject.

        Raises:
            HostError: This thread does not hold the queue.
        """
        if not self.is_mine():
            raise HostError(
                say("{1} was attempted without the host's queue", say(action)),
                wanted="a call inside `with host.exclusive()`",
            )

    def _refuse_twice(self) -> None:
        if self.is_mine():
            raise HostError(
                "The host's queue was entered twice",
                found=say("this thread holds it already"),
                wanted="one `with host.exclusive()` at a time",
            )


class HostQueue(Owned):
    """Lets one thread at a time at the model, in the order in which they came.

    A plain ``threading.Lock`` is neither fair nor does it say who waits, and a study has to know both: it gives
    way between image batches when somebody waits, and must not be the next to get in again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._tickets: deque[object] = deque()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Waits for the turn and holds the queue inside.

        Raises:
            HostError: This thread holds the queue already; waiting would never end.
        """
        ticket = object()
        self._refuse_twice()
        with self._changed:
            self._tickets.append(ticket)
            try:
                self._changed.wait_for(lambda: self._holder is None and self._tickets[0] is ticket)
            finally:
                # Also when waiting was broken off (KeyboardInterrupt): a dead ticket would block all behind it.
                self._tickets.remove(ticket)
                self._changed.notify_all()
            self._holder = threading.get_ident()
        try:
            yield
        finally:
            with self._changed:
                self._holder = None
                self._changed.notify_all()

    def waiting(self) -> int:
        """How many threads wait for their turn now."""
        with self._changed:
            return len(self._tickets)
