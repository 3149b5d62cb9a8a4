"""What a checkpoint has scored so far, on the disk: one line per unit of work, flushed before it counts.

A file belongs to one checkpoint's content and one set of everything that decides about its figures. So a checkpoint is
never measured twice, under whatever name, and an interrupted benchmark goes on with the unit that it was in.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.score import ImageScore
from lib_rimo.errors import JournalError, SaveError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class UnitResult:
    """A finished unit of work: the pictures of a few prompts of one part.

    Attributes:
        scores: One per picture.
        statistics: Of each picture, see ``image_statistics``.
        likenesses: One per prompt, see ``diversity``.
    """

    scores: tuple[ImageScore, ...]
    statistics: tuple[tuple[float, ...], ...]
    likenesses: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """A compact plain form."""
        return {
            "scores": [score.to_json() for score in self.scores],
            "statistics": self.statistics,
            "likenesses": self.likenesses,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> UnitResult:
        """Reads what ``to_json`` wrote.

        Raises:
            JournalError: The data is damaged.
        """
        try:
            return cls(
                tuple(ImageScore.from_json(score) for score in data["scores"]),
                tuple(tuple(float(x) for x in row) for row in data["statistics"]),
                tuple(float(x) for x in data["likenesses"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError("A unit of a benchmark is damaged", found=repr(error)) from error


class Cache:
    """The units of one checkpoint.

    Args:
        folder: Where results are kept; made if it is missing.
        fingerprint: Of the checkpoint.
        key: Everything else that decides about its figures.

    Raises:
        JournalError: The file is of something else, or damaged in its middle.
        SaveError: The folder cannot be written to.
    """

    def __init__(self, folder: Path, fingerprint: str, key: Mapping[str, Any]) -> None:
        self._head = {"rimo_bench": FORMAT, "fingerprint": fingerprint, "key": json.loads(json.dumps(key))}
        digest = hashlib.sha256(json.dumps(self._head["key"], sort_keys=True).encode()).hexdigest()
        self.path = folder / f"{fingerprint[:16]}-{digest[:16]}.jsonl"
        self.units: dict[tuple[str, int], UnitResult] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._read()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def add(self, part: str, unit: int, result: UnitResult) -> None:
        """Keeps a finished unit.

        Raises:
            SaveError: It cannot be written.
        """
        try:
            self._append({"part": part, "unit": unit, **result.to_json()})
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self.units[part, unit] = result

    def _append(self, data: Mapping[str, Any]) -> None:
        with self.path.open("ab") as file:
            file.write(json.dumps(data, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> None:
        if not self.path.exists():
            self._append(self._head)
            return
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # the last line was being written when the power went
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        lines = whole.splitlines()
        if not lines:
            self._append(self._head)
            return
        try:
            rows = [json.loads(line) for line in lines]
        except ValueError as error:
            raise self._damaged(str(error)) from error
        if rows[0] != self._head:
            raise self._damaged("the results of something else")
        for row in rows[1:]:
            try:
                self.units[str(row["part"]), int(row["unit"])] = UnitResult.from_json(row)
            except (KeyError, TypeError, ValueError) as error:
                raise self._damaged(repr(error)) from error

    def _damaged(self, found: str) -> JournalError:
        return JournalError(
            f"The kept results in {self.path.name} are damaged", found=found, fix=f"Delete {self.path}"
        )


def _unwritable(path: Path, error: OSError) -> SaveError:
    return SaveError(
        "Results cannot be kept", found=error.strerror or str(error), wanted=f"a folder to write to: {path}"
    )
