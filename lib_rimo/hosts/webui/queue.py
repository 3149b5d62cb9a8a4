"""The WebUI's own queue, as the study needs it: with an owner, and with a length that can be read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from lib_rimo.hosts.queue import Owned


class FIFOLock(Protocol):
    """What both WebUIs guard their model with (``modules.call_queue.queue_lock``)."""

    def acquire(self, blocking: bool = True) -> bool:
        """Waits for the turn."""
        ...

    def release(self) -> None:
        """Lets the next one in."""
        ...


class WebuiQueue(Owned):
    """Holds the WebUI's queue lock, in front of which its own tabs and API wait.

    Args:
        lock: The WebUI's lock; first come, first served, not re-entrant.
    """

    def __init__(self, lock: FIFOLock) -> None:
        super().__init__()
        self._lock = lock

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Waits for the turn and holds the queue inside.

        Raises:
            HostError: This thread holds the queue already; waiting would never end.
        """
        self._refuse_twice()
        self._lock.acquire()
        try:
            self._holder = threading.get_ident()
            yield
        finally:
            self._holder = None
            self._lock.release()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Counts the hold of the job that runs in this thread as ours inside; the lock itself is the job's."""
        before, self._holder = self._holder, threading.get_ident()
        try:
            yield
        finally:
            self._holder = before

    def waiting(self) -> int:
        """How many wait for their turn now; 1 where the lock does not tell, so that nobody waits for long."""
        pending = getattr(self._lock, "_pending_threads", None)
        return 1 if pending is None else len(pending)
