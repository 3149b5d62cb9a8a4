"""``rimo bench``: an accuracy table of any checkpoints of one family."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from lib_rimo.benchmark.accuracy import by_category, micro, paired_difference
from lib_rimo.benchmark.catalogue import choose_catalogue
from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.score import ImageScore, score_images
from lib_rimo.benchmark.tagger import Tagger
from lib_rimo.cli.report import accuracy_json, accuracy_lines, gain_json
from lib_rimo.cli.setting import open_study_tagger, workplace
from lib_rimo.errors import CheckpointError
from lib_rimo.hosts.host import Host, ImageRequest
from lib_rimo.study.layout import Layout, PromptPools
from lib_rimo.study.settings import StudySettings


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "bench",
        parents=[shared],
        help="measure checkpoints",
        description="Share of prompted tags that each checkpoint draws, all on the same prompts and noise. "
        "Without --tagger the tiny family's tagger and configuration are used.",
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="checkpoint")
    parser.add_argument("--tagger", type=Path, metavar="DIR", help="folder of the tagger")
    parser.add_argument("--threshold", type=float, help="probability from which a tag counts as found")
    parser.add_argument("--catalogue", type=Path, metavar="FILE", help="CSV or YAML of tags and categories")
    parser.add_argument("--images", type=int, default=400, help="prompts per checkpoint (default 400)")
    parser.add_argument("--seed", type=int, default=0, help="of prompts and noise (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    for path in options.files:
        if not path.is_file():
            raise CheckpointError("There is no such checkpoint", found=path, fix="Check the path")
    options.base, options.partners = options.files[0], options.files[1:]
    place = workplace(options, demo=options.tagger is None)
    family = place.family
    settings = StudySettings(
        base=options.files[0],
        partners=tuple(options.files[1:]) or (Path(),),
        unseen=options.images,
        seed=options.seed,
        tagger=options.tagger or (family.tagger_dir if family else None),
        catalogue=options.catalogue or (family.catalogue if family else None),
        threshold=options.threshold,
        one_per_category=family is not None,
    )
    tagger = open_study_tagger(settings)
    catalogue = choose_catalogue(settings.catalogue, tagger)
    with place.host.exclusive():
        place.host.load(options.files[0])
    layout = Layout.resolve(settings, place.host.image_defaults(), catalogue)
    prompts = PromptPools(settings, layout, catalogue).unseen()
    results = {path: _measure(path, place.host, layout, prompts, tagger) for path in options.files}
    sys.stdout.write(
        "\n".join(accuracy_lines([(path.name, micro(prompts, s)) for path, s in results.items()])) + "\n"
    )
    if options.json:
        first = results[options.files[0]]
        data = [
            {
                "file": str(path),
                **accuracy_json(micro(prompts, scores)),
                "categories": {
                    c: accuracy_json(i) for c, i in by_category(prompts, scores, catalogue).items()
                },
                "minus_first": gain_json(paired_difference(prompts, scores, first)),
            }
            for path, scores in results.items()
        ]
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0


def _measure(
    path: Path, host: Host, layout: Layout, prompts: Sequence[Prompt], tagger: Tagger
) -> list[ImageScore]:
    """Draws and scores every prompt with one checkpoint."""
    scores: list[ImageScore] = []
    size = host.batch_size(layout.width, layout.height)
    with host.exclusive():
        host.load(path)
        for start in tqdm(range(0, len(prompts), size), desc=path.name, unit="batch", disable=None):
            batch = prompts[start : start + size]
            requests = [
                ImageRequest(p.text, p.negative, p.seed, p.width, p.height, p.steps, p.cfg, layout.sampler)
                for p in batch
            ]
            scores += score_images(batch, host.generate(requests), tagger)
    return scores
