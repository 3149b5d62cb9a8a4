"""The journal: one JSON line per event, on disk before anyone is told of it.

After a crash the last line may be torn; it is cut off when the journal is opened again, because an event that was
not whole on disk was never shown to anybody. A write that fails (a full disk) is cut off at once, and nothing is
buffered, so that its rest cannot reach the file later, behind the back of whoever read it meanwhile.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from lib_rimo.errors import JournalError
from lib_rimo.said import say
from lib_rimo.study.record import events
from lib_rimo.study.record.events import Event
from lib_rimo.study.record.format1 import upgraded

FILE = "journal.jsonl"
LOCK = "journal.lock"


class Journal:
    """An append-only file of events. One process at a time writes it; the lock file says which.

    Args:
        folder: The study's folder; it is made if it is missing.

    Raises:
        JournalError: Another process writes this study now, or the folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._writing = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / LOCK).open("a+b")
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            _take(self._lock, folder)
            self._file = self.path.open("a+b", buffering=0)
            self._whole_bytes = _whole_bytes(self.path.read_bytes())
            self._file.truncate(self._whole_bytes)
        except OSError as error:
            self._lock.close()
            raise _unwritable(folder, error) from error
        except BaseException:
            self._lock.close()
            raise

    def append(self, event: Event) -> None:
        """Writes an event and waits until it is on disk.

        Raises:
            JournalError: It could not be written; the journal is as it was before.
        """
        text = json.dumps(events.to_json(event), ensure_ascii=False, separators=(",", ":"))
        line = text.encode("utf-8", "surrogatepass") + b"\n"  # paths may hold bytes that are no UTF-8
        with self._writing:
            try:
                self._write(line)
            except BaseException as error:
                self._cut_back()
                if isinstance(error, OSError):
                    raise _unwritable(self.path.parent, error) from error
                raise
            self._whole_bytes += len(line)

    def close(self) -> None:
        """Releases the file for others."""
        try:
            self._file.close()
        finally:
            self._lock.close()

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            written = self._file.write(rest)
            if not written:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rest = rest[written:]
        os.fsync(self._file.fileno())

    def _cut_back(self) -> None:
        """Takes back what a failed write left; where even that fails, nothing more is written through this object."""
        try:
            self._file.truncate(self._whole_bytes)
        except (OSError, ValueError):
            self._file.close()  # whoever opens the journal next cuts the torn line off

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keeps every other program from writing a study inside.

    Raises:
        JournalError: One is writing it now.
    """
    with (folder / LOCK).open("a+b") as lock:
        _take(lock, folder)
        yield


def read(folder: Path) -> Iterator[Event]:
    """The whole events of a study, oldest first, as today's format has them. A torn last line is left out.

    Raises:
        JournalError: There is no journal, or it is damaged before its last line.
    """
    path = folder / FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JournalError("There is no such study", found=str(folder), fix="Choose another one") from error
    newer = False
    for number, line in enumerate(upgraded(_parsed(data[: _whole_bytes(data)])), 1):
        try:
            event = events.from_json(line, newer=newer)
            newer = newer or (isinstance(event, events.Opened) and event.format > events.FORMAT)
        except (ValueError, TypeError, RecursionError) as error:
            raise _damaged(number, error) from error
        yield event


def _parsed(data: bytes) -> Iterator[object]:
    for number, line in enumerate(data.splitlines(), 1):
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _damaged(number, error) from error


def _damaged(number: int, error: BaseException) -> JournalError:
    return JournalError(say("Line {1} of the journal is damaged", number), found=str(error))


def _whole_bytes(data: bytes) -> int:
    """Length of the part that ends with a whole line."""
    return data.rfind(b"\n") + 1


def _unwritable(folder: Path, error: OSError) -> JournalError:
    return JournalError(
        "The study's journal cannot be written",
        found=error.strerror or str(error),
        wanted=say("a folder that can be written to and has room: {1}", folder),
        fix="Free some room, then resume",
    )


def _take(lock: BinaryIO, folder: Path) -> None:
    """Takes the lock for this process; it goes with the process, also after ``kill -9``."""
    try:
        if sys.platform == "win32":  # pragma: no cover - Windows only
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise JournalError(
            "This study is open in another program", found=str(folder), fix="Stop it there first"
        ) from error
