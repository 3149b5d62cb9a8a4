"""Upstream's benchmark on a list of checkpoints, in the background, on the drawer that is there.

Every checkpoint is swapped into the loaded one and drawn as the mix that is that file. The drawer's queue is held from
batch to batch as a study holds it: whoever waits is let in with the user's own weights in place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.suite import Suite
from lib_rimo.errors import ArchitectureError, RimoError, SettingsError, StudyError
from lib_rimo.hosts.drawers.drawer import Drawer
from lib_rimo.merging.checkpoints.architecture import check_same
from lib_rimo.merging.mix.mixable import check_mixable
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.said import say
from lib_rimo.study.measure.background import LATEST, Background
from lib_rimo.study.measure.background_job import BackgroundJob
from lib_rimo.study.measure.bench_request import BenchRequest
from lib_rimo.study.measure.bench_tables import BenchTables
from lib_rimo.study.measure.measurement import names_of, refuse_other_families
from lib_rimo.study.run.session import OpenTagger
from lib_rimo.study.settings.settings import MeasureSettings

KIND = "bench"
FACTS = "bench.json"
PARTITION = "theater"
"""Any would do: every group is swapped in whole."""

Resolve = Callable[[str, Mapping[str, Any]], MeasureSettings]


class Benchmarks(Background):
    """Runs benchmarks one at a time and keeps the latest tables.

    Args:
        drawer: Draws.
        folder: Where results are kept.
        open_tagger: Gives the tagger that settings ask for.
        settings: Name of a checkpoint, and settings by name, to what is drawn and read; defaults are filled in.
        job: The one thing that runs in the background besides studies.
        may_load: Whether another checkpoint than the loaded one may be loaded. In a WebUI that is the user's choice.
    """

    def __init__(
        self,
        drawer: Drawer,
        folder: Path,
        open_tagger: OpenTagger,
        settings: Resolve,
        job: BackgroundJob,
        *,
        may_load: bool,
    ) -> None:
        super().__init__(FACTS, drawer, folder, open_tagger, job)
        self._settings = settings
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
        self._job.start(KIND, lambda: self._work(request, files, settings[0]))

    def file(self, kind: str) -> str:
        """The latest tables as a file of this kind, one of ``FORMATS``.

        Raises:
            StudyError: There are none.
        """
        return self._read(f"bench.{kind}")

    def _resolved(self, name: str, request: BenchRequest) -> MeasureSettings:
        """What is drawn and read with this checkpoint."""
        try:
            return self._settings(name, request.look)
        except SettingsError as error:
            if error.field != "base":
                raise
            raise SettingsError(
                "checkpoints", error.what, found=error.found, wanted=error.wanted, fix=error.fix
            ) from error

    # -- the thread --------------------------------------------------------------------------------------------

    def _work(self, request: BenchRequest, files: Sequence[Path], settings: MeasureSettings) -> None:
        partition = load_partition(PARTITION)
        with Sources() as sources:
            base = self._base(files, sources)
            opened = dataclasses.replace(settings, base=base)
            measuring = self._measuring(opened, partition)
            suite = Suite(request.suite(measuring.look), measuring.catalogue)
            candidates = measuring.swapped_checkpoints(files, sources, partition)
            opened_files = [sources.open(sources.source_of(path)) for path in files if path != base]
            notes = check_mixable(sources.open(sources.source_of(base)), opened_files)
            for results in self._one_by_one(measuring, candidates, suite):
                found = BenchTables.of(results, suite, measuring, notes)
                found.write(self._folder / LATEST)
                counted = {"done": len(results), "of": len(candidates)}
                self._keep({"request": request.to_json(), **counted, **found.to_json()})

    def _base(self, files: Sequence[Path], sources: Sources) -> Path:
        """The checkpoint to swap the others into: the loaded one, or another where that may be loaded."""
        first = sources.open(sources.source_of(files[0]))
        refuse_other_families([sources.open(sources.source_of(path)) for path in files])
        for path in files[1:]:
            try:
                check_same(first, sources.open(sources.source_of(path)))
            except ArchitectureError as error:
                raise SettingsError(
                    "checkpoints",
                    error.what,
                    found=error.found,
                    fix="Run the benchmark for each of them by itself",
                ) from error
        loaded = self._drawer.loaded()
        if loaded is not None and loaded.is_file() and self._fits(loaded, files[0], sources):
            return loaded
        if self._may_load:
            return files[0]
        raise StudyError(
            "The selected checkpoint is of another family",
            found=loaded.name if loaded is not None else say("none"),
            wanted=say("one like {1}", files[0].name),
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
