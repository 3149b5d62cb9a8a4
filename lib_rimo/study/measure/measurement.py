"""What everything that measures checkpoints needs: a drawer, a tagger, prompts, and who is measured."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from lib_rimo.benchmark.catalogue import Catalogue, choose_catalogue
from lib_rimo.benchmark.prompts import Prompt, PromptSettings
from lib_rimo.benchmark.scoring import Scoring
from lib_rimo.benchmark.suite import Suite
from lib_rimo.benchmark.suite_run import Candidate, Draw, Progress, Results, run_suite
from lib_rimo.benchmark.tagger import Tagger
from lib_rimo.errors import SettingsError
from lib_rimo.hosts.drawers.drawer import Drawer, Files
from lib_rimo.merging.checkpoints.architecture import check_same, recognise
from lib_rimo.merging.checkpoints.checkpoint import VAE_SUFFIXES, Checkpoint, open_checkpoint
from lib_rimo.merging.checkpoints.keys import place_of
from lib_rimo.merging.checkpoints.quantised import refuse_quantised
from lib_rimo.merging.mix.mixable import refuse_damaged
from lib_rimo.merging.mix.partition import Partition, load_partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.said import say
from lib_rimo.study.run.drawing import DrawingSession, load_base
from lib_rimo.study.run.image_settings import ImageSettings, prompt_settings
from lib_rimo.study.run.session import OpenTagger
from lib_rimo.study.settings.settings import MeasureSettings

EDGE_BYTES = 1 << 20
"""Read from both ends of a tagger's files to tell taggers apart."""

ANY = "theater"
"""A partition, where it does not matter which."""


def _nothing(_images: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Measuring:
    """A measurement that is set up.

    Attributes:
        drawer: Draws the pictures; the base is loaded.
        base: The loaded checkpoint.
        tagger: Reads the pictures.
        catalogue: The tags.
        layout: Size, steps, sampler.
        look: How prompts look.
        folder: Where results are kept.
        closed: Block groups that the drawer does not let anyone swap; every checkpoint is drawn with the loaded ones.
        between: Called after each batch with the number of its pictures; what it raises ends the measurement.
    """

    drawer: Drawer
    base: Path
    tagger: Tagger
    catalogue: Catalogue
    layout: ImageSettings
    look: PromptSettings
    folder: Path
    closed: tuple[str, ...] = ()
    between: Callable[[int], None] = _nothing
    vae: Path | None = None

    @classmethod
    def open(
        cls,
        settings: MeasureSettings,
        drawer: Drawer,
        open_tagger: OpenTagger,
        folder: Path,
        *,
        partition: Partition | None = None,
        between: Callable[[int], None] = _nothing,
    ) -> Measuring:
        """Loads the base, whose configuration decides what is not given.

        Args:
            settings: What is loaded, drawn and read.
            drawer: Draws.
            open_tagger: Gives the tagger that settings ask for.
            folder: Where results are kept.
            partition: Where to look for groups that cannot be swapped; None if nothing will be swapped.
            between: Called after each batch.

        Raises:
            RimoError: A file is missing, or drawer, tagger or catalogue cannot be used.
        """
        tagger = open_tagger(settings.scoring)
        catalogue = choose_catalogue(settings.images.catalogue, tagger)
        closed: set[str] = set()
        with drawer.exclusive():
            load_base(drawer, settings.base, settings.images.vae)
            if partition is not None:
                closed = set(drawer.closed(partition)) & partition.frozen_by_default
        layout = ImageSettings.resolve(settings.images, drawer.image_defaults(), catalogue)
        look = prompt_settings(settings.images, layout)
        return cls(
            drawer,
            settings.base,
            tagger,
            catalogue,
            layout,
            look,
            folder,
            tuple(sorted(closed)),
            between,
            settings.images.vae,
        )

    def run(self, candidates: Sequence[Candidate], suite: Suite, progress: Progress) -> Results:
        """Measures; what is known already is taken from the cache.

        Raises:
            RimoError: Something cannot be drawn, read or kept. What was finished before stays.
        """
        key: dict[str, Any] = {
            "host": self.drawer.name,
            "sampler": self.layout.sampler,
            "scheduler": self.layout.scheduler,
            "tagger": tagger_digest(self.tagger),
        }
        if self.closed:
            key["closed"] = list(self.closed)
        if self.layout.clip_skip:
            key["clip_skip"] = self.layout.clip_skip
        if self.vae is not None:
            with open_checkpoint(self.vae, VAE_SUFFIXES) as vae:
                key["vae"] = vae.fingerprint
        batch = self.drawer.batch_size(*self.layout.largest())
        return run_suite(candidates, suite, self.tagger, self.folder, batch=batch, key=key, progress=progress)

    def checkpoints(self, files: Sequence[Path]) -> list[Candidate]:
        """Files as candidates, each loaded by the drawer when its turn comes.

        Raises:
            SettingsError: They are not of one family.
            CheckpointError: One is of no family that is known, quantised, or holds NaN or infinity.
        """
        out = []
        with ExitStack() as open_:
            opened = [open_.enter_context(open_checkpoint(path)) for path in files]
            refuse_other_families(opened)
            for path, name, checkpoint in zip(files, names_of(files), opened, strict=True):
                refuse_undrawable(checkpoint)
                out.append(Candidate(name, checkpoint.fingerprint, functools.partial(self._loaded, path)))
        return out

    def swapped_checkpoints(
        self, files: Sequence[Path], sources: Sources, partition: Partition
    ) -> list[Candidate]:
        """Files as candidates, each swapped into the loaded base and drawn as the mix that is that file.

        Args:
            files: Of the base's family.
            sources: Open files; these are added.
            partition: The block groups to swap in.

        Raises:
            ArchitectureError: One is of another family.
            CheckpointError: One is quantised, or holds NaN or infinity.
        """
        base, over = sources.source_of(self.base), Files(sources, partition)
        for path in files:
            refuse_undrawable(sources.open(sources.source_of(path)))
        return [
            Candidate(
                name,
                self._identity(base, source, sources),
                functools.partial(self._drawing, self.base, self._whole(base, source, over), over),
            )
            for name, source in zip(names_of(files), map(sources.source_of, files), strict=True)
        ]

    def recipe(self, name: str, recipe: Recipe, sources: Sources, partition: Partition) -> Candidate:
        """A recipe as a candidate: swapped into the loaded base, drawn, and taken out again."""
        drawing = functools.partial(self._drawing, self.base, recipe, Files(sources, partition))
        return Candidate(name, recipe.digest(), drawing)

    def _whole(self, base: Source, source: Source, files: Files) -> Recipe:
        """The mix that is a checkpoint itself."""
        partition = files.partition
        if source.fingerprint == base.fingerprint:
            return Recipe.zero(base, partition.name)
        present = partition.groups_present(files.sources.open(base).keys())
        groups = [group for group in present if group not in self.closed]
        return Recipe.from_rows(base, (source,), partition.name, groups, ((1.0,) * len(groups),))

    def _identity(self, base: Source, source: Source, sources: Sources) -> str:
        """A checkpoint's fingerprint; with the base's where the base fills in what it lacks."""
        if source.fingerprint == base.fingerprint:
            return source.fingerprint
        compared = check_same(sources.open(base), sources.open(source))
        if not (compared.missing or compared.reshaped):
            return source.fingerprint
        return hashlib.sha256(f"{source.fingerprint} in {base.fingerprint}".encode()).hexdigest()

    @contextmanager
    def _loaded(self, path: Path) -> Iterator[Draw]:
        with Sources() as sources:
            itself = Recipe.zero(sources.source_of(path), ANY)
            with self._drawing(path, itself, Files(sources, load_partition(ANY))) as draw:
                yield draw

    @contextmanager
    def _drawing(self, base: Path, recipe: Recipe, files: Files) -> Iterator[Draw]:
        with self.drawer.exclusive():
            load_base(self.drawer, base, self.vae)
        with DrawingSession(self.drawer, files, Scoring(self.tagger), self.layout) as bench:

            def draw(prompts: Sequence[Prompt]) -> Sequence[Image.Image]:
                pictures = bench.pictures(recipe, prompts)
                bench.give_way()
                self.between(len(pictures))
                return pictures

            yield draw


def names_of(files: Sequence[Path]) -> list[str]:
    """What files are called in a table: two of one name get their folder's name too.

    Raises:
        SettingsError: One is named twice.
    """
    names = [path.name for path in files]
    told = [p.name if names.count(p.name) == 1 else f"{p.parent.name}/{p.name}" for p in files]
    if len(set(told)) != len(told):
        raise SettingsError("checkpoints", "A checkpoint is named twice", found=", ".join(told))
    return told


def refuse_undrawable(checkpoint: Checkpoint) -> None:
    """Makes sure that a checkpoint's numbers draw something.

    Raises:
        CheckpointError: It is quantised, or holds NaN or infinity.
    """
    refuse_quantised(checkpoint)
    refuse_damaged(checkpoint, (key for key in checkpoint if place_of(key) is not None))


def refuse_other_families(checkpoints: Sequence[Checkpoint]) -> None:
    """Makes sure that checkpoints can be drawn from the same noise.

    Raises:
        SettingsError: They are not of one family.
        ArchitectureError: One is of no family that is known.
    """
    first, *others = (recognise(checkpoint) for checkpoint in checkpoints)
    for checkpoint, other in zip(checkpoints[1:], others, strict=True):
        if (other.name, other.inpainting) != (first.name, first.inpainting):
            raise SettingsError(
                "checkpoints",
                "Only checkpoints of one family can be compared",
                found=say("{1}, {2}", checkpoints[0].name, checkpoint.name),
                fix="Run the benchmark for each family by itself",
            )


def tagger_digest(tagger: Tagger) -> str:
    """Tells two taggers apart: by their names and, where they lie in a folder, by the ends of their files."""
    digest = hashlib.sha256(repr((tagger.name, tagger.tags)).encode())
    folder: Any = getattr(tagger, "folder", None)
    for path in sorted(Path(folder).iterdir()) if folder else ():
        if path.is_file():
            with path.open("rb") as file:
                size = path.stat().st_size
                digest.update(
                    f"{path.name} {size}\n".encode("utf-8", "surrogatepass") + file.read(EDGE_BYTES)
                )
                file.seek(max(0, size - EDGE_BYTES))
                digest.update(file.read(EDGE_BYTES))
    return digest.hexdigest()
