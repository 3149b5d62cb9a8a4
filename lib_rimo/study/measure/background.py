"""What all measurements in the background have in common: how they stand, and their latest results on the disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.suite import Suite
from lib_rimo.benchmark.suite_run import Candidate, PartResult, Results
from lib_rimo.errors import StudyError
from lib_rimo.files import write_whole
from lib_rimo.hosts.drawers.drawer import Drawer
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.said import from_json, to_json
from lib_rimo.study.measure.background_job import BackgroundJob
from lib_rimo.study.measure.bench_tables import as_text
from lib_rimo.study.measure.measurement import Measuring
from lib_rimo.study.run.session import OpenTagger
from lib_rimo.study.settings.settings import MeasureSettings

LATEST = "latest"
"""Folder of the latest tables, beside the kept results."""


class Background:
    """A kind of measurement that runs as a job and keeps what it found last.

    Args:
        facts: Name of the file with the latest results.
        drawer: Draws.
        folder: Where results are kept.
        open_tagger: Gives the tagger that settings ask for.
        job: The one thing that runs in the background besides studies.
    """

    def __init__(
        self, facts: str, drawer: Drawer, folder: Path, open_tagger: OpenTagger, job: BackgroundJob
    ) -> None:
        self._facts = facts
        self._drawer = drawer
        self._folder = folder
        self._open_tagger = open_tagger
        self._job = job

    def stop(self) -> None:
        """Ends it after the batch that is being drawn; what was measured is kept."""
        self._job.stop()

    def standing(self) -> dict[str, Any]:
        """How the job stands, of whatever kind it is, and which tables of this kind there are.

        Returns:
            ``state`` and the rest of ``JobStatus``; ``mark``, which changes with the tables.
        """
        return {**self._job.now.to_json(), "mark": self.mark()}

    def mark(self) -> str:
        """Changes whenever the latest tables do; empty if there are none."""
        try:
            found = (self._folder / LATEST / self._facts).stat()
        except OSError:
            return ""
        return f"{found.st_mtime_ns:x}-{found.st_size:x}"

    def latest(self) -> dict[str, Any]:
        """The latest tables, as they were kept.

        Raises:
            StudyError: There are none.
        """
        try:
            found: dict[str, Any] = from_json(json.loads(self._read(self._facts)))
        except ValueError as error:
            raise StudyError("The kept tables are damaged", found=str(error), fix="Run it again") from error
        return found

    def _read(self, name: str) -> str:
        try:
            return (self._folder / LATEST / name).read_text(encoding="utf-8")
        except OSError as error:
            raise StudyError("There are no tables yet", fix="Run the benchmark first") from error

    def _keep(self, facts: Mapping[str, Any]) -> None:
        folder = self._folder / LATEST
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / self._facts, as_text(to_json(facts)))

    def _measuring(self, settings: MeasureSettings, partition: Partition) -> Measuring:
        """A measurement that gives way after each batch and ends where the user wants that."""
        between = self._job.between
        return Measuring.open(
            settings, self._drawer, self._open_tagger, self._folder, partition=partition, between=between
        )

    def _one_by_one(
        self, measuring: Measuring, candidates: Sequence[Candidate], suite: Suite
    ) -> Iterator[Results]:
        """Measures candidates while the job tells how far it is; gives all that is known after each."""
        results: dict[str, Mapping[str, PartResult]] = {}
        total = len(candidates) * suite.images
        for place, candidate in enumerate(candidates):
            before = place * suite.images

            def progress(name: str, done: int, _: int, before: int = before) -> None:
                self._job.note(name, before + done, total)

            progress(candidate.name, 0, 0)
            results.update(measuring.run([candidate], suite, progress))
            yield dict(results)
