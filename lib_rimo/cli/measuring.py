"""What every command that measures needs: a host, a tagger, prompts, and who is measured."""

from __future__ import annotations

import argparse
import functools
import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from lib_rimo.benchmark.catalogue import Catalogue, choose_catalogue
from lib_rimo.benchmark.prompts import Prompt, PromptSettings
from lib_rimo.benchmark.suite import Suite
from lib_rimo.benchmark.suite_run import Contestant, Draw, Results, run_suite
from lib_rimo.benchmark.tagger import Tagger
from lib_rimo.cli.setting import Workplace, home, open_study_tagger, workplace
from lib_rimo.errors import CheckpointError
from lib_rimo.merging.checkpoint import open_checkpoint
from lib_rimo.merging.partition import Partition
from lib_rimo.merging.recipe import Recipe
from lib_rimo.merging.sources import Sources
from lib_rimo.merging.swap import Swapper
from lib_rimo.study.layout import Layout, request_of
from lib_rimo.study.settings import StudySettings
from lib_rimo.study.workbench import Workbench

EDGE_BYTES = 1 << 20
"""Read from both ends of a tagger's files to tell taggers apart."""


def add_measuring_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that decide what is drawn and who reads it."""
    parser.add_argument("--tagger", type=Path, metavar="DIR", help="folder of the tagger")
    parser.add_argument("--threshold", type=float, help="probability from which a tag counts as found")
    parser.add_argument("--catalogue", type=Path, metavar="FILE", help="CSV or YAML of tags and categories")
    parser.add_argument("--prefix", default="", help="put before the tags of every prompt")
    parser.add_argument("--negative", default="", help="negative prompt")
    for name in ("width", "height", "steps"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--cfg", type=float, help="guidance scale")
    parser.add_argument("--sampler", help="name of the sampler")
    parser.add_argument("--seed", type=int, default=0, help="of prompts and noise (default 0)")
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="where results are kept for the next time"
    )


@dataclass(frozen=True, slots=True)
class Measuring:
    """A measurement that is set up.

    Attributes:
        place: Host and folders.
        tagger: Reads the pictures.
        catalogue: The tags.
        layout: Size, steps, sampler.
        look: How prompts look.
        folder: Where results are kept.
    """

    place: Workplace
    tagger: Tagger
    catalogue: Catalogue
    layout: Layout
    look: PromptSettings
    folder: Path

    @classmethod
    def open(cls, options: argparse.Namespace, files: Sequence[Path]) -> Measuring:
        """Loads the first file, whose configuration decides what is not given.

        Raises:
            RimoError: A file is missing, or host, tagger or catalogue cannot be used.
        """
        for path in files:
            if not path.is_file():
                raise CheckpointError("There is no such checkpoint", found=path, fix="Check the path")
        options.base, options.partners = files[0], list(files[1:])
        place = workplace(options, demo=options.tagger is None)
        family = place.family
        settings = StudySettings(
            base=files[0],
            partners=tuple(files[1:]) or (Path(),),
            seed=options.seed,
            tagger=options.tagger or (family.tagger_dir if family else None),
            catalogue=options.catalogue or (family.catalogue if family else None),
            threshold=options.threshold,
            one_per_category=family is not None,
            width=options.width,
            height=options.height,
            steps=options.steps,
            cfg=options.cfg,
            sampler=options.sampler,
        )
        tagger = open_study_tagger(settings)
        catalogue = choose_catalogue(settings.catalogue, tagger)
        with place.host.exclusive():
            place.host.load(files[0])
        layout = Layout.resolve(settings, place.host.image_defaults(), catalogue)
        look = PromptSettings(
            tags_min=layout.tags[0],
            tags_max=layout.tags[1],
            one_per_category=settings.one_per_category,
            prefix=options.prefix,
            negatives=(options.negative,),
            widths=(layout.width,),
            heights=(layout.height,),
            steps=(layout.steps,),
            cfgs=(layout.cfg,),
        )
        return cls(place, tagger, catalogue, layout, look, options.results or home() / "bench")

    def run(self, contestants: Sequence[Contestant], suite: Suite) -> Results:
        """Measures, with a progress bar."""
        host = self.place.host
        key = {
            "host": host.name,
            "sampler": self.layout.sampler,
            "scheduler": self.layout.scheduler,
            "tagger": _tagger_digest(self.tagger),
        }
        with tqdm(unit="image", total=len(contestants) * suite.images, disable=None) as bar:
            names = [contestant.name for contestant in contestants]

            def progress(name: str, done: int, of: int) -> None:
                bar.set_description(name)
                bar.n = names.index(name) * of + done
                bar.refresh()

            return run_suite(
                contestants,
                suite,
                self.tagger,
                self.folder,
                batch=host.batch_size(self.layout.width, self.layout.height),
                key=key,
                progress=progress,
            )

    def checkpoints(self, files: Sequence[Path]) -> list[Contestant]:
        """Files as contestants; two of one name get their folder's name too."""
        names = [path.name for path in files]
        told = [p.name if names.count(p.name) == 1 else f"{p.parent.name}/{p.name}" for p in files]
        if len(set(told)) != len(told):
            raise CheckpointError("A checkpoint is named twice", found=", ".join(told))
        out = []
        for path, name in zip(files, told, strict=True):
            with open_checkpoint(path) as checkpoint:
                out.append(Contestant(name, checkpoint.fingerprint, functools.partial(self._loaded, path)))
        return out

    def recipe(
        self, name: str, recipe: Recipe, sources: Sources, partition: Partition, base: Path
    ) -> Contestant:
        """A recipe as a contestant: swapped into the loaded base, drawn, and taken out again."""
        opened = functools.partial(self._swapped, recipe, sources, partition, base)
        return Contestant(name, recipe.digest(), opened)

    @contextmanager
    def _loaded(self, path: Path) -> Iterator[Draw]:
        host = self.place.host
        with host.exclusive():
            host.load(path)

            def draw(prompts: Sequence[Prompt]) -> Sequence[Image.Image]:
                return host.generate(
                    [request_of(p, self.layout.sampler, self.layout.scheduler) for p in prompts]
                )

            yield draw

    @contextmanager
    def _swapped(self, recipe: Recipe, sources: Sources, partition: Partition, base: Path) -> Iterator[Draw]:
        host = self.place.host
        with host.exclusive():
            host.load(base)
        swapper = Swapper(sources, partition)
        with Workbench(host, swapper, self.tagger, self.layout.sampler, self.layout.scheduler) as bench:
            yield lambda prompts: bench.pictures(recipe, prompts)


def write_text(path: Path, text: str) -> None:
    """Writes a result file and says so."""
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"Wrote {path}\n")


def _tagger_digest(tagger: Tagger) -> str:
    """Tells two taggers apart: by their names and, where they lie in a folder, by the ends of their files."""
    digest = hashlib.sha256(repr((tagger.name, tagger.tags)).encode())
    folder: Any = getattr(tagger, "folder", None)
    for path in sorted(Path(folder).iterdir()) if folder else ():
        if path.is_file():
            with path.open("rb") as file:
                size = path.stat().st_size
                digest.update(f"{path.name} {size}\n".encode() + file.read(EDGE_BYTES))
                file.seek(max(0, size - EDGE_BYTES))
                digest.update(file.read(EDGE_BYTES))
    return digest.hexdigest()
