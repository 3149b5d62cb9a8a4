"""Files that are there whole or not at all, and texts as other programs and systems leave them.

A half character is one of the two code units that UTF-16 makes a character of, alone: Python has it in file names whose
bytes are no UTF-8, and in JSON of programs that cut a name in the middle. No encoding can write it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HALF = re.compile("[\ud800-\udfff]")


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


def read_text(path: Path) -> str:
    """A text file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is in another encoding.
    """
    data = path.read_bytes()
    # The same rule as JSON's: which of the first bytes are zero tells the encoding where no mark does.
    return data.decode(json.detect_encoding(data), "surrogatepass").removeprefix("\ufeff")


def json_text(
    data: object,
    *,
    sort_keys: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    allow_nan: bool = True,
) -> str:
    """JSON with every character as itself, but for half characters: they are escaped, and come back as they were."""
    text = json.dumps(
        data,
        ensure_ascii=False,
        sort_keys=sort_keys,
        indent=indent,
        separators=separators,
        allow_nan=allow_nan,
    )
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def whole_text(text: str) -> str:
    """A text that can be written: in the place of each half character the one that stands for unknown ones."""
    return _HALF.sub("\ufffd", text)
