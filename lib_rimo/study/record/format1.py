"""Journals of format 1: of studies from before trials had ids.

Their first line has no number, and one trial was open at a time: what was drawn and what was judged was always of the
one that was asked for last. A study of format 1 that is gone on with gets lines of format 2 behind its own, whose first
line stays as it is; both are read, line by line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

FORMAT = 1
OF_TRIALS = ("asked", "images", "trial")
"""Kinds of events that name a trial now."""


def upgraded(lines: Iterable[object]) -> Iterator[object]:
    """The lines of a journal as format 2 has them: the first says its format, events of trials name theirs.

    Args:
        lines: Parsed, oldest first. Those of another format are handed on as they are.
    """
    first, asked = True, 0
    is_old = False
    for line in lines:
        if first:
            first, is_old = False, isinstance(line, Mapping) and "format" not in line
        if not is_old or not isinstance(line, Mapping):
            yield line
        elif line.get("t") == "opened":
            yield {**line, "format": FORMAT}
        elif line.get("t") in OF_TRIALS:
            asked += line["t"] == "asked"
            yield {"trial": asked, **line}
        else:
            yield line
