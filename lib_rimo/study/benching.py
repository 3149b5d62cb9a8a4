"""Upstream's benchmark on a list of checkpoints, in the background, on the host that is there.

Every checkpoint is swapped into the loaded one and drawn as the mix that is that file. The host's queue is held from
batch to batch as a study holds it: whoever waits is let in with the user's own weights in place.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.suite import Suite
from lib_rimo.benchmark.suite_run import PartResult
from lib_rimo.errors import ArchitectureError, RimoError, SettingsError, StudyError
from lib_rimo.hosts.host import Host
from lib_rimo.merging.architecture import check_same
from lib_rimo.merging.partition import load_partition
from lib_rimo.merging.sources import Sources
from lib_rimo.study.bench_settings import BenchRequest
from lib_rimo.study.bench_tables import BenchTables, as_text, write_whole
from lib_rimo.study.errand import Errand
from lib_rimo.study.measuring import Measuring, names_of
from lib_rimo.study.opening import OpenTagger
from lib_rimo.study.settings import StudySettings

KIND = "bench"
LATEST = "latest"
"""Folder of the latest tables, beside the kept results."""
FACTS = "bench.json"
PARTITION = "theater"
"""Any would do: every group is swapped in whole."""

Resolve = Callable[[Mapping[str, Any]], StudySettings]


class Benchmarks:
    """Runs benchmarks one at a time and keeps the latest tables.

    Args:
        host: Draws.
        folder: Where results are kept.
        open_tagger: Gives the tagger that settings ask for.
        settings: Plain values to a study's settings, defaults filled in.
        errand: The one thing that runs in the background besides studies.
        may_load: Whether another checkpoint than the loaded one may be loaded. In a WebUI that is the user's choice.
    """

    def __init__(
        self,
        host: Host,
        folder: Path,
        open_tagger: OpenTagger,
        settings: Resolve,
        errand: Errand,
        *,
        may_load: bool,
    ) -> None:
        self._host = host
        self._folder = folder
        self._open_tagger = open_tagger
        self._settings = settings
        self._errand = errand
        self._may_load = may_load

    def start(self, values: Mapping[str, Any]) -> None:
        """Starts a benchmark, or goes on with one that was stopped.

        Args:
            values: As ``BenchRequest.of`` reads them.

        Raises:
            SettingsError: A value is wrong; it carries the field. Nothing was started.
            StudyError: Another one is running.
        """
        request = BenchRequest.of(values)
        settings = [self._resolved(name, request) for name in request.checkpoints]
        files = [one.base for one in settings]
        names_of(files)
        self._errand.start(KIND, lambda: self._work(request, files, settings[0]))

    def stop(self) -> None:
        """Ends it after the batch that is being drawn; what was measured is kept."""
        self._errand.stop()

    def standing(self) -> dict[str, Any]:
        """How the benchmark stands, and which tables there are.

        Returns:
            ``state`` and the rest of ``Standing``; ``mark``, which changes with the tables.
        """
        now = self._errand.now
        return {**now.to_json(), "mark": self.mark()}

    def mark(self) -> str:
        """Changes whenever the latest tables do; empty if there are none."""
        try:
            found = (self._folder / LATEST / FACTS).stat()
        except OSError:
            return ""
        return f"{found.st_mtime_ns:x}-{found.st_size:x}"

    def latest(self) -> dict[str, Any]:
        """The latest tables.

        Returns:
            ``request``, ``done`` checkpoints ``of`` how many, ``tables``, ``points``, ``notes``.

        Raises:
            StudyError: There are none.
        """
        try:
            found: dict[str, Any] = json.loads(self._read(FACTS))
        except ValueError as error:
            raise StudyError("The kept tables are damaged", found=str(error), fix="Run it again") from error
        return found

    def file(self, kind: str) -> str:
        """The latest tables as a file of this kind, one of ``FORMATS``.

        Raises:
            StudyError: There are none.
        """
        return self._read(f"bench.{kind}")

    def _read(self, name: str) -> str:
        try:
            return (self._folder / LATEST / name).read_text(encoding="utf-8")
        except OSError as error:
            raise StudyError("There are no tables yet", fix="Run the benchmark first") from error

    def _resolved(self, name: str, request: BenchRequest) -> StudySettings:
        """A study's settings on this checkpoint, for its path and for how pictures look."""
        try:
            return self._settings({"base": name, "partners": [""], **request.look})
        except SettingsError as error:
            if error.field != "base":
                raise
            raise SettingsError(
                "checkpoints", error.what, found=error.found, wanted=error.wanted, fix=error.fix
            ) from error

    # -- the thread --------------------------------------------------------------------------------------------

    def _work(self, request: BenchRequest, files: Sequence[Path], settings: StudySettings) -> None:
        partition = load_partition(PARTITION)
        with Sources() as sources:
            base = self._base(files, sources)
            opened = dataclasses.replace(settings, base=base)
            measuring = Measuring.open(
                opened,
                self._host,
                self._open_tagger,
                self._folder,
                partition=partition,
                between=self._errand.between,
            )
            suite = Suite(request.suite(measuring.look), measuring.catalogue)
            contestants = measuring.swapped_checkpoints(files, sources, partition)
            results: dict[str, Mapping[str, PartResult]] = {}
            for place, contestant in enumerate(contestants):
                before, total = place * suite.images, len(contestants) * suite.images

                def progress(name: str, done: int, _: int, before: int = before, total: int = total) -> None:
                    self._errand.note(name, before + done, total)

                self._errand.note(contestant.name, before, total)
                results.update(measuring.run([contestant], suite, progress))
                self._keep(request, BenchTables.of(results, suite, measuring), len(results), len(contestants))

    def _base(self, files: Sequence[Path], sources: Sources) -> Path:
        """The checkpoint to swap the others into: the loaded one, or another where that may be loaded."""
        first = sources.open(sources.source_of(files[0]))
        for path in files[1:]:
            try:
                check_same(first, sources.open(sources.source_of(path)))
            except ArchitectureError as error:
                raise SettingsError(
                    "checkpoints",
                    "Only checkpoints of one family can be compared",
                    found=f"{first.path.name}, {path.name}",
                    fix="Run the benchmark for each family by itself",
                ) from error
        loaded = self._host.loaded()
        if loaded is not None and loaded.is_file() and self._fits(loaded, files[0], sources):
            return loaded
        if self._may_load:
            return files[0]
        raise StudyError(
            "The selected checkpoint is of another family",
            found=loaded.name if loaded is not None else "none",
            wanted=f"one like {files[0].name}",
            fix="Select one of them in the WebUI, then run it again",
        )

    def _fits(self, loaded: Path, file: Path, sources: Sources) -> bool:
        try:
            compared = check_same(
                sources.open(sources.source_of(loaded)), sources.open(sources.source_of(file))
            )
        except RimoError:
            return False
        return not (self._may_load and (compared.missing or compared.reshaped))

    def _keep(self, request: BenchRequest, found: BenchTables, done: int, of: int) -> None:
        folder = self._folder / LATEST
        found.write(folder)
        facts = {"request": request.to_json(), "done": done, "of": of, **found.to_json()}
        write_whole(folder / FACTS, as_text(facts))
