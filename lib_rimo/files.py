"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file that gets its name once it is complete and on the disk, in the place of an earlier one.

    Args:
        path: Its name; the folder is there.

    Yields:
        Where to write it. What an error leaves there is removed, and an earlier file stays as it was.

    Raises:
        OSError: It cannot be written.
    """
    draft = path.with_name(f"{path.name}.tmp")
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> Path:
    """Writes a text file at once: nobody ever reads half of it."""
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return path
