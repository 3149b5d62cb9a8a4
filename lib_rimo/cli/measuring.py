"""What every command that measures shares: its options, and a progress bar."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from lib_rimo.benchmark.suite import Suite
from lib_rimo.benchmark.suite_run import Contestant, Results
from lib_rimo.cli.setting import home, open_study_tagger, workplace
from lib_rimo.errors import CheckpointError
from lib_rimo.study.measuring import Measuring
from lib_rimo.study.settings import StudySettings


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


def open_measuring(options: argparse.Namespace, files: Sequence[Path]) -> Measuring:
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
        partners=(Path(),),  # only searching needs some
        seed=options.seed,
        tagger=options.tagger or (family.tagger_dir if family else None),
        catalogue=options.catalogue or (family.catalogue if family else None),
        threshold=options.threshold,
        one_per_category=family is not None,
        prefix=options.prefix,
        negative=options.negative,
        width=options.width,
        height=options.height,
        steps=options.steps,
        cfg=options.cfg,
        sampler=options.sampler,
    )
    folder = options.results or home() / "bench"
    return Measuring.open(settings, place.host, open_study_tagger, folder)


def measure(measuring: Measuring, contestants: Sequence[Contestant], suite: Suite) -> Results:
    """Measures, with a progress bar."""
    with tqdm(unit="image", total=len(contestants) * suite.images, disable=None) as bar:
        names = [contestant.name for contestant in contestants]

        def progress(name: str, done: int, of: int) -> None:
            bar.set_description(name)
            bar.n = names.index(name) * of + done
            bar.refresh()

        return measuring.run(contestants, suite, progress)
