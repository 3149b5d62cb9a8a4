"""Runs the studies of the golden journals again and says whether they come out as they were recorded.

``python -m tests.golden.replay`` takes the same commands with today's code and compares every decision (all events but
times and places), the pixels of every sample picture and the tensors of every saved file. It takes some minutes. On
another processor, or with other versions of the libraries, last bits may differ; where they were recorded nothing may.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lib_rimo.study.record import events, journal
from tests.golden.make import COMMANDS, RECORDED, make

HERE = Path(__file__).resolve().parent
FORMATS = ("format1", "format2")
ELSEWHERE = {"study", "started", "versions", "seconds", "path", "files", "file", "format"}
"""Fields of events that say when and where, and by which program."""
PLACES = {"base", "partners", "tagger", "catalogue", "config"}
"""Settings that name files."""


def main() -> int:
    """Runs them; returns 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    recordings = [name for name in FORMATS if (HERE / name / RECORDED).exists()]
    parser.add_argument("recordings", nargs="*", default=recordings, help="folders of recordings")
    parser.add_argument("--checkout", type=Path, default=HERE.parents[1], help="whose code is run")
    parser.add_argument("--made", type=Path, help="compare what was made there before, and run nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        made = options.made or Path(scratch).resolve() / "made"
        if options.made is None:
            home = Path(scratch).resolve() / "home"
            home.mkdir()
            make(options.checkout.resolve(), made, home)
        differences = [line for name in options.recordings for line in compare(HERE / name, made)]
    sys.stdout.write("".join(f"{line}\n" for line in differences) or "All agree.\n")
    return bool(differences)


def compare(recording: Path, made: Path) -> list[str]:
    """What differs, in lines; what agrees is printed as it is found.

    Args:
        recording: Folder that ``make`` filled then.
        made: Folder that it filled now.
    """
    was, now = (json.loads((folder / RECORDED).read_text(encoding="utf-8")) for folder in (recording, made))
    found: list[str] = []
    for name in COMMANDS:
        then, today = (decisions(folder / name) for folder in (recording, made))
        arms = {event.get("arm") for event in then}
        today = [
            event for event in today if event.get("arm") in arms
        ]  # one may be measured beside those of then
        differing = [
            f"{name}: event {number} ({old['t']}) differs at {place}"
            for number, (old, new) in enumerate(zip(then, today, strict=False), 1)
            for place in differences(old, new)
        ]
        if len(then) != len(today):
            differing.append(f"{name}: {len(then)} events then, {len(today)} now")
        told = {"grids": "sample pictures", "saved": "saved files"}
        for kind, words in told.items():
            unequal = {
                file for file in {*was[name][kind], *now[name][kind]}
                if was[name][kind].get(file) != now[name][kind].get(file)
            }  # fmt: skip
            differing += [f"{name}: {file} differs" for file in sorted(unequal)]
            equal = len(was[name][kind]) - len(unequal)
            sys.stdout.write(f"{recording.name}/{name}: {equal} of {len(was[name][kind])} {words} agree\n")
        if not any("event" in line for line in differing):
            sys.stdout.write(f"{recording.name}/{name}: all {len(then)} events agree\n")
        found += differing
    return found


def decisions(folder: Path) -> list[dict[str, Any]]:
    """The events of a journal as plain values, in today's form."""
    plain = json.dumps([events.to_json(event) for event in journal.read(folder)])
    read: list[dict[str, Any]] = json.loads(plain)
    return read


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Where two values differ. What only the newer one says, a field that was added since, is no difference."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        left_out = ELSEWHERE | (PLACES if place == ".settings" else set())
        for key in set(old) - left_out:
            yield from differences(old[key], new.get(key), f"{place}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, f"{place}[{number}]")
    elif old != new:
        yield f"{place}: {str(old)[:60]} then, {str(new)[:60]} now"


if __name__ == "__main__":
    sys.exit(main())
