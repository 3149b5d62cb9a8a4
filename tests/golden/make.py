"""Makes the golden journals: three studies of the tiny family, and what their pictures and files were.

``python tests/golden/make.py CHECKOUT FOLDER`` runs them with the code of a checkout, by its command line alone, and
leaves in ``FOLDER`` the journal of each study, one of a study that was cut off in the middle of a trial, and
``recorded.json``: SHA-256 of the pixels of every sample picture and of the tensors of every saved file. ``format1`` was
made with commit 47a58ea, whose journals had no format number, and ``format2`` with 1a67e28, the first whose had one.

Where things lay stands in the journals as ``/golden/...``, so that they are the same wherever they are made.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

JOURNAL = "journal.jsonl"
RECORDED = "recorded.json"
CUT = "cut-off"
"""The study whose program ended in a trial: the first lines of ``epochs``."""

COMMANDS: dict[str, tuple[str, ...]] = {
    "epochs": (
        "--epochs=2", "--budget=160", "--unseen=32", "--checked=16", "--limit=mid=0:0.3", "--tie=out1,out2",
        "--diversity-floor=0.5", "--seed=3",
    ),
    "start": (
        "--budget=96", "--unseen=24", "--category-weights", "object=2", "position=0.5", "--penalty=partners",
        "--seed=4",
    ),
    "upstream": ("--strategy=upstream-theater", "--budget=96", "--unseen=24", "--seed=5"),
}  # fmt: skip
"""What ``mix --demo`` is told for each study."""

SAVES: dict[str, tuple[tuple[str, ...], ...]] = {
    "epochs": (("--epoch=1", "--prune-ema"),),
    "start": (("--trial=5", "--number-type=fp16", "--no-vae"), ("--average",)),
    "upstream": (),
}
"""What is saved of each study beside its winner."""

START_WEIGHT = 0.25
"""Weight of the first partner in all groups of the recipe that ``start`` begins with."""
PATIENCE_S = 1800


def main() -> None:
    """Makes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path, help="whose code is run")
    parser.add_argument("folder", type=Path, help="where the journals go")
    parser.add_argument(
        "--only", nargs="+", choices=COMMANDS, default=tuple(COMMANDS), help="make these anew"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        make(options.checkout.resolve(), options.folder, Path(home).resolve(), options.only)


def make(checkout: Path, folder: Path, home: Path, only: Sequence[str] = tuple(COMMANDS)) -> None:
    """Runs the studies and keeps what they left.

    Args:
        checkout: Whose ``lib_rimo`` is run.
        folder: Where journals and ``recorded.json`` go.
        home: An empty folder for studies and models.
        only: Which studies; what is there of others stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = Program(checkout, home)
    places = {str(home): "/golden", str(checkout): "/golden/program"}
    file = folder / RECORDED
    recorded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name in only:
        study = program.study(name, COMMANDS[name])
        for number, what in enumerate(SAVES[name]):
            program.run("save", study.name, *what, f"--name={name}-{number}")
        _keep(study / JOURNAL, folder / name, places)
        files = sorted((home / "models").glob(f"{name}*.safetensors"))
        recorded[name] = {
            "grids": {path.name: _pixels(path) for path in sorted((study / "grids").glob("*.png"))},
            "saved": {path.name: _tensors(path) for path in files},
        }
        file.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")
    if "epochs" in only:
        _cut_off(folder / "epochs" / JOURNAL, folder / CUT / JOURNAL)


class Program:
    """The command line of a checkout.

    Args:
        checkout: Whose.
        home: Folder of its studies and models.
    """

    def __init__(self, checkout: Path, home: Path) -> None:
        self._checkout = checkout
        self._home = home
        paths = [str(checkout), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._environment = {
            **os.environ,
            "RIMO_HOME": str(home),
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": "1",
        }

    def study(self, name: str, arguments: tuple[str, ...]) -> Path:
        """Begins a study, stops it, goes on with it and saves its winner; returns its folder."""
        before = set(self._studies())
        begin = ("mix", "--demo", "--fresh", *arguments)
        if name == "start":
            self._stopped(begin, lambda: self._lines(before) >= 1)
            (study,) = set(self._studies()) - before
            _begin_elsewhere(study / JOURNAL)
        else:
            self._stopped(begin, lambda: self._lines(before) >= 16)
            (study,) = set(self._studies()) - before
        self.run("mix", "--demo", "--resume", study.name, "--save", name)
        return study

    def run(self, *arguments: str) -> None:
        """Runs a command to its end."""
        subprocess.run(self._command(arguments), env=self._environment, cwd=self._checkout, check=True)

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "lib_rimo", *arguments]

    def _stopped(self, arguments: tuple[str, ...], when: Callable[[], bool]) -> None:
        """Runs a command and stops it as Ctrl-C does, once the journal is long enough."""
        process = subprocess.Popen(
            self._command(arguments),
            env=self._environment,
            cwd=self._checkout,
            preexec_fn=_listen,  # noqa: PLW1509 -- there are no threads
        )
        ends = time.monotonic() + PATIENCE_S
        while process.poll() is None and not when() and time.monotonic() < ends:
            time.sleep(0.05)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)

    def _studies(self) -> list[Path]:
        return [path.parent for path in (self._home / "studies").glob(f"*/{JOURNAL}")]

    def _lines(self, before: set[Path]) -> int:
        return sum((path / JOURNAL).read_bytes().count(b"\n") for path in set(self._studies()) - before)


def _listen() -> None:
    """Lets a process hear Ctrl-C, which one that was started in the background does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _begin_elsewhere(journal: Path) -> None:
    """Lets a study begin with a mix, which the command line cannot ask for: by the first line of its journal."""
    opened = json.loads(journal.read_bytes().splitlines()[0])
    base, partner = ({k: s[k] for k in ("name", "fingerprint")} for s in opened["sources"][:2])
    recipe = {
        "rimo_recipe": 1,
        "base": base,
        "partners": [partner],
        "partition": opened["partition"],
        "weights": {group: [START_WEIGHT] for group in opened["groups"]},
    }
    opened["settings"]["start"] = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
    journal.write_text(json.dumps(opened, separators=(",", ":")) + "\n", encoding="utf-8")


def _keep(journal: Path, folder: Path, places: dict[str, str]) -> None:
    """Copies a journal, with neutral names for where things lay."""
    text = journal.read_text(encoding="utf-8")
    for place, neutral in places.items():
        text = text.replace(place, neutral)
    folder.mkdir(exist_ok=True)
    (folder / JOURNAL).write_text(text, encoding="utf-8")


def _cut_off(whole: Path, part: Path) -> None:
    """The journal up to the last trial's pictures, and half of the line that closes it."""
    lines = whole.read_bytes().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if json.loads(line)["t"] == "images")
    part.parent.mkdir(exist_ok=True)
    part.write_bytes(b"".join(lines[: last + 1]) + lines[last + 1][:40])


def _pixels(path: Path) -> str:
    with Image.open(path) as image:
        return hashlib.sha256(f"{image.mode} {image.size}".encode() + image.tobytes()).hexdigest()


def _tensors(path: Path) -> str:
    """Of names, types, shapes and bytes of a safetensors file, whatever its metadata say."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    found = hashlib.sha256()
    for name in sorted(header):
        begin, end = header[name]["data_offsets"]
        found.update(json.dumps([name, header[name]["dtype"], header[name]["shape"]]).encode())
        found.update(data[8 + length + begin : 8 + length + end])
    return found.hexdigest()


if __name__ == "__main__":
    main()
