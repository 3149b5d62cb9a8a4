"""The studies of one program: at most one runs, all can be looked at, opened, tried and saved from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

from lib_rimo.benchmark.taggers import Taggers
from lib_rimo.errors import StudyError
from lib_rimo.hosts.drawers.drawer import Drawer
from lib_rimo.merging.checkpoints.architecture import family_of
from lib_rimo.merging.checkpoints.facts import FactsCache, FileFacts
from lib_rimo.merging.saving.options import SaveOptions
from lib_rimo.said import Said, say, words
from lib_rimo.study.analysis.block_labels import title_of
from lib_rimo.study.analysis.sensitivity import Sensitivity
from lib_rimo.study.measure.background_job import BackgroundJob
from lib_rimo.study.measure.bench_job import Benchmarks
from lib_rimo.study.measure.rank_sweep_job import RankSweeps
from lib_rimo.study.mixes.freeze import frozen_from
from lib_rimo.study.mixes.lend import Lending
from lib_rimo.study.mixes.preview import Previewer, PreviewRequest
from lib_rimo.study.mixes.repair import Repair, Repairer
from lib_rimo.study.mixes.save import save_record, study_sources
from lib_rimo.study.record import events as ev
from lib_rimo.study.record.choice import Choice, describe
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.run.estimate import estimate
from lib_rimo.study.run.lease import HostLease
from lib_rimo.study.run.selection import is_selected
from lib_rimo.study.run.session import OpenTagger
from lib_rimo.study.run.worker import Command, Worker
from lib_rimo.study.settings.offers import Defaults, Offers
from lib_rimo.study.settings.profiles import Profile
from lib_rimo.study.settings.settings import MeasureSettings, StudySettings
from lib_rimo.study.settings.user_presets import UserPresets
from lib_rimo.study.store.pictures import Pictures, picture_path
from lib_rimo.study.store.snapshot import Snapshot, StudyState
from lib_rimo.study.store.store import StudyStore, started_at, study_folder
from lib_rimo.study.store.summary import row_of

__all__ = ["Studies", "study_folder"]

FACTS = "files.json"
"""In the folder of studies: what checkpoint files are."""


class Demo(Protocol):
    """A family of models that is offered when it is asked for, and not before."""

    @property
    def offered(self) -> bool:
        """Whether it was asked for."""

    def offer(self) -> None:
        """It is asked for."""

    def hides(self, checkpoint: Path) -> bool:
        """Whether a checkpoint is one of it and nobody asked."""


class Studies:
    """Implements ``StudyService`` and ``StudyArchive`` on a drawer and a folder of journals.

    Args:
        drawer: Draws the pictures.
        folder: Holds one folder per study.
        open_tagger: Gives the tagger that settings ask for.
        defaults: See ``Offers``, as the next two.
        of_base: Settings that a base brings along.
        taggers: What can be chosen.
        may_load: Whether trying a mix may load its base when another checkpoint is loaded. In a WebUI the loaded one
            is the user's choice, so it may not.
        results: Where measurements of checkpoints are kept; None for a folder beside the studies' own.
        demo: The tiny family, to be had when asked for; None where there is none.
    """

    def __init__(
        self,
        drawer: Drawer,
        folder: Path,
        open_tagger: OpenTagger,
        defaults: Defaults | None = None,
        *,
        of_base: Callable[[Path], Mapping[str, Any]] = lambda _: {},
        taggers: Taggers | None = None,
        may_load: bool = True,
        results: Path | None = None,
        demo: Demo | None = None,
    ) -> None:
        self._drawer = drawer
        self._folder = folder
        self._taggers = taggers
        self._demo = demo
        facts = FactsCache(folder / FACTS)
        hidden = (lambda _: False) if demo is None else demo.hides
        self._offers = Offers(drawer, defaults, of_base, taggers, facts.of, hidden)
        self._lending = Lending(drawer)
        self._lease = HostLease()
        self._worker = Worker(drawer, folder, open_tagger, self._lease, lambda: self._lending.name)
        self._store = StudyStore(folder)
        self._previewer = Previewer(drawer, may_load=may_load)
        self._repairer = Repairer(drawer, self._previewer, self._offers.find)
        self._presets = UserPresets(folder)
        self._sensitivity = Sensitivity()
        self._job = BackgroundJob(self._lease)
        kept = results or folder / "bench"
        self._benchmarks = Benchmarks(
            drawer, kept, open_tagger, self.measure_settings, self._job, may_load=may_load
        )
        self._ranks = RankSweeps(
            drawer, kept, open_tagger, self._offers.find, self.record, self._job, may_load=may_load
        )

    # -- the study on display ------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The study now."""
        return self._worker.snapshot()

    def wait(self, version: int, timeout_s: float) -> Snapshot:
        """The snapshot as soon as it is newer than ``version``, or the present one after the timeout."""
        return self._worker.wait(version, timeout_s)

    def options(self) -> Mapping[str, Any]:
        """What the tab offers; see ``StudyService``."""
        asked = self._demo is None or self._demo.offered
        return {**self._offers.options(), "plays": self._lending.possible, "demo": not asked}

    def defaults(self, base: str, profile: str = "") -> Mapping[str, Any]:
        """Settings that hold on a base unless others are given; see ``StudyService``."""
        return self._offers.defaults(base, profile)

    def facts(self, name: str) -> FileFacts | None:
        """What a checkpoint's file is; see ``StudyService``."""
        return self._offers.facts(name)

    def profile(self, base: str, profile: str = "") -> tuple[Profile, Said | None] | None:
        """What a base is drawn with where nothing else is said; see ``StudyService``."""
        return self._offers.profile(base, profile)

    def about_tagger(self, name: str) -> Mapping[str, Any]:
        """What is known of a tagger; see ``StudyService``."""
        return {"name": name, "kind": "none"} if self._taggers is None else self._taggers.about(name)

    def fetch_tagger(self, name: str) -> None:
        """Begins to download a known tagger; see ``StudyService``."""
        if self._taggers is not None:
            self._taggers.begin_fetching(name)

    def offer_demo(self) -> None:
        """Offers the tiny family from now on; see ``StudyService``."""
        if self._demo is not None:
            self._demo.offer()

    def estimate(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """What such a study would cost; see ``StudyService``."""
        return estimate(self.settings(settings), self.snapshot().images_per_s)

    def picture(self, study: str, file: str) -> Path:
        """The path of a study's picture by the name that the snapshot gave."""
        return picture_path(study_folder(self._folder, study), file)

    def start(self, settings: Mapping[str, Any]) -> Snapshot:
        """Starts a new study in the background."""
        started = self._worker.begin(self.settings(settings))
        self._presets.remember(settings)
        return started

    def resume(self, study: str = "") -> Snapshot:
        """Goes on with the paused study, or reopens an ended one by its id."""
        snapshot = self.snapshot()
        if snapshot.state is StudyState.PAUSED and study in ("", snapshot.study):
            return self._worker.tell(Command.RESUME)
        if not (wanted := study or snapshot.study):
            raise StudyError("There is no study to go on with", fix="Start one")
        known = self._store.snapshot(wanted)
        self._store.record(wanted).refuse_newer()
        return self._worker.go_on(wanted, known)

    def pause(self) -> Snapshot:
        """The user's own weights go back at the next picture; the study waits."""
        return self._worker.tell(Command.PAUSE)

    def stop(self) -> Snapshot:
        """Ends the study at the next picture; the best recipe so far stays."""
        return self._worker.tell(Command.STOP)

    def save(
        self,
        name: str,
        choice: Choice | None = None,
        form: SaveOptions | None = None,
        repair: Repair | None = None,
    ) -> Path:
        """Writes a mix of the study on display as a checkpoint into the host's folder.

        Args:
            name: Of the file.
            choice: Which mix; the best if left out.
            form: Number type, with or without VAE and EMA copies; None writes everything as the base has it.
            repair: A contact fusion to write in the mix's place.

        Raises:
            StudyError: There is no study.
            SettingsError: There is no such mix.
            SaveError: The name or the folder does not allow it; nothing was written.
        """
        if not (study := self.snapshot().study):
            raise StudyError("There is nothing to save yet", fix="Start or open a study first")
        record = self.record(study)
        recipe = (choice or Choice()).recipe(record)
        if repair is not None:
            path, recipe = self._repairer.save(record, recipe, repair, name, form)
        else:
            folder = self._drawer.save_folder()
            with (
                self._worker.files(study) as shared,
                study_sources(record, folder) if shared is None else nullcontext(shared) as files,
            ):
                path = save_record(record, recipe, folder, name, files, form=form)
        if not record.is_newer:  # whose journal is for the version that wrote it
            self._worker.note_saved(ev.Saved(path.name, recipe.to_json()))
        self._drawer.refresh()
        return path

    def join(self, timeout_s: float | None = None) -> None:
        """Waits until no study is active; for the command line and for tests."""
        self._worker.join(timeout_s)

    def join_benchmark(self, timeout_s: float | None = None) -> None:
        """Waits until no benchmark or other job runs; for tests."""
        self._job.join(timeout_s)

    def close(self) -> None:
        """Stops what is running, takes a lent mix back and lets the files go."""
        self._job.stop()
        self._job.join()
        self._repairer.close()
        self._worker.close()
        self._lending.end()
        self._drawer.close()

    # -- all studies ---------------------------------------------------------------------------------------------

    def studies(self) -> Sequence[Mapping[str, Any]]:
        """One line per study, newest first; see ``StudyArchive``."""
        now = self.snapshot()
        opened = self._worker.study
        shown = {}
        if opened is not None and opened.record.opened.study == now.study:
            shown = {now.study: row_of(now, started_at(opened.record))}
        return [{**row, "current": row["id"] == now.study} for row in self._store.rows(shown)]

    def stored(self, study: str) -> Snapshot:
        """A study as it is or was left; nothing is opened or changed."""
        now = self.snapshot()
        return now if study and study == now.study else self._store.snapshot(study)

    def open(self, study: str) -> Snapshot:
        """Puts a stored study on display."""
        now = self.snapshot()
        if study and study == now.study:
            return now
        return self._worker.display(self._store.snapshot(study))

    def delete(self, study: str) -> None:
        """Removes a study that is not running."""
        now = self.snapshot()
        if study and study == now.study:
            if now.state.active:
                raise StudyError("This study is running", found=study, fix="Stop it first")
            self._worker.display(Snapshot())
        self._store.delete(study)

    def mix(self, study: str, choice: Choice) -> Mapping[str, Any]:
        """A mix of a study as plain values; see ``mixes.describe``."""
        record = self.record(study)
        mix = describe(record, choice)
        family = family_of(record.sources[0].path)
        return {**mix, "titles": [title_of(group, family).plain() for group in mix["groups"]]}

    def blocks(self, study: str) -> Mapping[str, Any]:
        """What each block group does in a study's best mix; see ``sensitivity``."""
        return self._sensitivity.of(self.record(study))

    def freeze(self, study: str, groups: Sequence[str]) -> Snapshot:
        """Starts a study that begins with another one's best mix and leaves some groups as they are there."""
        return self._worker.begin(frozen_from(self.record(study), groups))

    def try_mix(
        self, study: str, choice: Choice, request: PreviewRequest, repair: Repair | None = None
    ) -> Mapping[str, Any]:
        """Draws a request with a mix of a study and keeps the pictures in its folder; see ``StudyArchive``."""
        record, captured = self.record(study), None
        recipe = choice.recipe(record)

        def check() -> None:
            self._is_free(record)

        if repair is not None:
            images, captured = self._repairer.draw(record, recipe, repair, request, check)
        else:
            with self._worker.files(study) as shared:
                images = self._previewer.draw(record, recipe, request, sources=shared, check=check)
        files = Pictures(study_folder(self._folder, study)).keep_tries(images)
        return {
            "study": study,
            "name": choice.name,
            "files": list(files),
            "prompt": request.prompt,
            "seeds": [request.seed + i for i in range(request.count)],
            "captured": captured,
        }

    def record(self, study: str) -> StudyRecord:
        """A study's record; of the open study the very one that the worker adds to."""
        opened = self._worker.study
        if opened is not None and opened.record.opened.study == study:
            return opened.record
        return self._store.record(study)

    def play(self, study: str, choice: Choice) -> str:
        """Lends a mix to the user's own tabs; returns its name."""
        record = self.record(study)
        name = say("{1} of study {2}", words(choice.name), study)
        self._lending.lend(record, choice.recipe(record), name)
        self._worker.note_lent()
        return name

    def stop_playing(self) -> None:
        """The user's own tabs draw with their own model again."""
        self._lending.end()
        self._worker.note_lent()

    def presets(self) -> UserPresets:
        """The user's own presets."""
        return self._presets

    def benchmarks(self) -> Benchmarks:
        """Upstream's benchmark on any checkpoints."""
        return self._benchmarks

    def ranks(self) -> RankSweeps:
        """Several ranks of a mix's repair."""
        return self._ranks

    # -- inside --------------------------------------------------------------------------------------------------

    def _is_free(self, record: StudyRecord) -> None:
        """Refuses to load one base while a study or a measurement works on another."""
        now, opened = self.snapshot(), self._worker.study
        if not now.state.active:
            if not is_selected(self._drawer, record.settings.base):
                self._lease.refuse()
            return
        if opened is None or now.state is StudyState.PREPARING:
            raise StudyError("A study is just being prepared", fix="Try again in a moment")
        if opened.record.sources[0] != record.sources[0]:
            raise StudyError(
                "A study on another base is running",
                found=opened.record.sources[0].name,
                wanted=record.sources[0].name,
                fix="Stop it first",
            )

    def settings(self, values: Mapping[str, Any]) -> StudySettings:
        """Plain values to settings: presets and defaults filled in, checkpoint names to paths.

        Raises:
            SettingsError: A value is wrong; it carries the field.
        """
        return self._offers.settings(values)

    def measure_settings(self, base: str, values: Mapping[str, Any]) -> MeasureSettings:
        """What is drawn and read with a checkpoint: plain values, with the defaults of its base filled in.

        Raises:
            SettingsError: A value is wrong; it carries the field.
        """
        return self._offers.measure_settings(base, values)
