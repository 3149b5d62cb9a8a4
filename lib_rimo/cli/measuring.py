"""What every command that measures shares: its options, and a progress bar."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from lib_rimo.benchmark.suite import Suite
from lib_rimo.benchmark.suite_run import Candidate, Results
from lib_rimo.cli.forms import add_setting_options, given_settings
from lib_rimo.cli.setting import workplace
from lib_rimo.library import measuring
from lib_rimo.library.folders import Folders
from lib_rimo.study.measure.measurement import Measuring
from lib_rimo.study.settings.images import ImageOptions
from lib_rimo.study.settings.reading import table_of

MEASURED = (*table_of(ImageOptions), "tagger", "threshold", "character_threshold")
"""Settings of a study that decide what is drawn and who reads it."""


def add_measuring_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that decide what is drawn and who reads it."""
    add_setting_options(parser, MEASURED)
    parser.add_argument("--seed", type=int, default=0, help="of prompts and noise (default: 0)")
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="where results are kept for the next time"
    )


def open_measuring(options: argparse.Namespace, files: Sequence[Path]) -> Measuring:
    """Loads the first file, whose configuration decides what is not given.

    Raises:
        RimoError: A file is missing, or drawer, tagger or catalogue cannot be used.
    """
    options.base, options.partners = files[0], list(files[1:])
    place = workplace(options, demo=False)
    given = given_settings(options, MEASURED)
    return measuring.open_measuring(place, files, given, options.results or Folders.of().results)


def measure(opened: Measuring, candidates: Sequence[Candidate], suite: Suite) -> Results:
    """Measures, with a progress bar."""
    with tqdm(unit="image", total=len(candidates) * suite.images, disable=None) as bar:
        names = [candidate.name for candidate in candidates]

        def progress(name: str, done: int, of: int) -> None:
            bar.set_description(name)
            bar.n = names.index(name) * of + done
            bar.refresh()

        return opened.run(candidates, suite, progress)
