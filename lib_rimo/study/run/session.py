"""Sets a study up: from settings (new) or from its journal (resumed) to everything the runner needs."""

from __future__ import annotations

import dataclasses
import platform
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata

from lib_rimo.benchmark.catalogue import Catalogue, choose_catalogue
from lib_rimo.benchmark.scoring import Scoring
from lib_rimo.benchmark.tagger import Tagger, character_threshold_of
from lib_rimo.benchmark.taggers import told_thresholds
from lib_rimo.errors import JournalError, SettingsError
from lib_rimo.hosts.drawers.drawer import Drawer, Files
from lib_rimo.merging.mix.partition import Partition, load_partition
from lib_rimo.merging.mix.recipe import Source
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.said import say
from lib_rimo.study.record import events as ev
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.run.drawing import DrawingSession, load_base
from lib_rimo.study.run.image_settings import ImageSettings, PromptPools
from lib_rimo.study.run.preflight import canary_recipe, check_canary, check_files, check_room, damaged_groups
from lib_rimo.study.run.preparing import Preparation
from lib_rimo.study.settings.category_weights import category_weights
from lib_rimo.study.settings.checks import strange_start
from lib_rimo.study.settings.constraints import check_constraints
from lib_rimo.study.settings.merge_method import check_method
from lib_rimo.study.settings.scorer_weights import scorer_weights
from lib_rimo.study.settings.scoring import ScoringOptions
from lib_rimo.study.settings.settings import StudySettings

OpenTagger = Callable[[ScoringOptions], Tagger]


@dataclass(frozen=True, slots=True)
class Session:
    """A study whose files are open and whose model is loaded.

    Attributes:
        record: What happened so far.
        sources: The opened checkpoints.
        partition: The block groups.
        all_groups: The groups that parents are measured in: all of the base's, frozen ones included, but for
            frozen ones that the host does not let anyone swap (the VAE when the user chose another).
        bench: Draws this study's recipes.
        pools: Its prompts.
        catalogue: Its tags.
    """

    record: StudyRecord
    sources: Sources
    partition: Partition
    all_groups: tuple[str, ...]
    bench: DrawingSession
    pools: PromptPools
    catalogue: Catalogue


def open_new(
    settings: StudySettings, drawer: Drawer, open_tagger: OpenTagger, preparation: Preparation | None = None
) -> Session:
    """Checks everything, loads the base and draws the canary.

    Raises:
        RimoError: Something would fail later; nothing was changed or written.
        StudyStopped: The user does not want it any more.
    """
    preparation = preparation or Preparation()
    scoring, catalogue = _scoring(settings, open_tagger, preparation)
    partition = load_partition(settings.search.partition)
    sources = Sources()
    try:
        wanted = tuple(sources.source_of(path) for path in (settings.base, *settings.partners))
        notes = check_files(
            sources,
            partition,
            wanted,
            preparation,
            frozen=settings.search.frozen,
            mix_predictions=settings.mix_predictions,
        )
        notes += check_room(settings.base, drawer, [settings.base, *settings.partners])
        if character_threshold_of(scoring.tagger) is not None:
            notes.append(told_thresholds(scoring.tagger))
        groups = _searched_groups(settings, partition, sources.open(wanted[0]).keys())
        check_constraints(settings.search, [s.name for s in wanted[1:]], (*partition.groups, *groups), groups)
        all_groups = _load_base(settings, drawer, sources, partition, preparation)
        _check_start(settings, wanted, partition)
        layout = ImageSettings.resolve(settings.images, drawer.image_defaults(), catalogue)
        opened = ev.Opened(
            study=time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(2),
            settings=settings.to_json(),
            sources=tuple(
                {"name": s.name, "fingerprint": s.fingerprint, "path": str(s.path)} for s in wanted
            ),
            partition=partition.name,
            groups=groups,
            notes=tuple(notes),
            layout=dataclasses.asdict(layout),
            batch=drawer.batch_size(*layout.largest()),
            versions=_versions(),
            started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )
        record = StudyRecord.begin(opened)
        study = _assemble(record, drawer, scoring, catalogue, partition, sources, all_groups, preparation)
        preparation.step("Drawing the first images")
        with study.bench as bench:
            prompts = study.pools.grid()[:1]
            average = canary_recipe(wanted[0], wanted[1:], partition.name, groups)
            own = bench.pictures(study.record.base, prompts)[0]
            preparation.check()
            check_canary(own.tobytes(), bench.pictures(average, prompts)[0].tobytes(), drawer.name)
            preparation.check()
    except BaseException:
        sources.close()
        raise
    return study


def reopen(record: StudyRecord, drawer: Drawer, open_tagger: OpenTagger, preparation: Preparation) -> Session:
    """Opens the files of a study again and makes sure that they are the same files.

    Raises:
        JournalError: A checkpoint changed since the study began, or a newer version made it.
        RimoError: A file is missing or cannot be loaded.
        StudyStopped: The user does not want it any more.
    """
    record.refuse_newer()
    settings = record.settings
    check_method(settings.search, len(settings.partners))  # the package that it is of may be gone
    scoring, catalogue = _scoring(settings, open_tagger, preparation)
    partition = load_partition(settings.search.partition)
    sources = Sources()
    try:
        for recorded, path in zip(record.sources, (settings.base, *settings.partners), strict=True):
            preparation.step("Reading the checkpoints")
            if (found := sources.source_of(path)) != recorded:
                raise JournalError(
                    say("{1} is not the file that the study began with", path.name),
                    found=found.fingerprint[:12],
                    wanted=recorded.fingerprint[:12],
                    fix="Put the old file back, or start a new study",
                )
        all_groups = _load_base(settings, drawer, sources, partition, preparation)
    except BaseException:
        sources.close()
        raise
    return _assemble(record, drawer, scoring, catalogue, partition, sources, all_groups, preparation)


def _assemble(
    record: StudyRecord,
    drawer: Drawer,
    scoring: Scoring,
    catalogue: Catalogue,
    partition: Partition,
    sources: Sources,
    all_groups: tuple[str, ...],
    preparation: Preparation,
) -> Session:
    layout = ImageSettings.from_json(record.opened.layout)
    files = Files(sources, partition, preparation.check)
    bench = DrawingSession(drawer, files, scoring, layout)
    pools = PromptPools(record.settings, layout, catalogue)
    return Session(record, sources, partition, all_groups, bench, pools, catalogue)


def _scoring(
    settings: StudySettings, open_tagger: OpenTagger, preparation: Preparation
) -> tuple[Scoring, Catalogue]:
    preparation.step("Opening the tagger")
    tagger = open_tagger(settings.scoring)
    catalogue = choose_catalogue(settings.images.catalogue, tagger)
    category_weights(  # named before anything is drawn
        settings.scoring.category_weights, catalogue.categories
    )
    return Scoring(tagger, scorer_weights(settings.scoring.scorers)), catalogue


def _load_base(
    settings: StudySettings, drawer: Drawer, sources: Sources, partition: Partition, preparation: Preparation
) -> tuple[str, ...]:
    """Loads the base; returns the groups that parents can be measured in."""
    preparation.step("Loading the base")
    with drawer.exclusive():
        preparation.check()  # the queue may have been long
        load_base(drawer, settings.base, settings.images.vae)
        preparation.check()
        closed = set(drawer.closed(partition)) & set(settings.search.frozen)
    partners = [sources.source_of(path) for path in settings.partners]
    closed |= damaged_groups(sources, partition, partners, settings.search.frozen)
    present = partition.groups_present(sources.open(sources.source_of(settings.base)).keys())
    return tuple(group for group in present if group not in closed)


def _searched_groups(settings: StudySettings, partition: Partition, keys: Iterable[str]) -> tuple[str, ...]:
    present = partition.groups_present(keys)
    for group in settings.search.frozen:
        if group not in partition.groups and group not in present:
            raise SettingsError("frozen", "No such block group", found=group, wanted=", ".join(present))
    groups = tuple(group for group in present if group not in settings.search.frozen)
    if not groups:
        raise SettingsError(
            "frozen", "All block groups are frozen", found=", ".join(present), fix="Free at least one"
        )
    return groups


def _check_start(settings: StudySettings, wanted: Sequence[Source], partition: Partition) -> None:
    start = settings.search.start
    if start is None:
        return
    strange = any(source not in wanted for source in start.sources())
    if start.base != wanted[0] or start.partition != partition.name or strange:
        raise strange_start(start, partition, [source.name for source in wanted])


def _versions() -> dict[str, str]:
    """What the numbers depend on; another version may draw other last bits."""
    names = ("torch", "numpy", "scikit-optimize", "scikit-learn", "diffusers", "onnxruntime")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
