"""What contact fusion gives back to checkpoints of the tiny family that were pushed too far.

First part: several kinds of pushing, each with its accuracy, its unusual pictures and its drift, to find a checkpoint
that is still accurate while its shapes are distorted. Second part: such a checkpoint repaired by a well-shaped one, at
several ranks. Everything is drawn from the same prompts and noise; results are kept, so a second run draws nothing.

    python tools/bench_repair.py [--images 200] [--ranks 1 4 16 64] [--folder DIR] [--json FILE]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout without being installed

from lib_rimo.benchmark.accuracy import micro
from lib_rimo.benchmark.image_statistics import Usual
from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.suite import MIXED, Suite, SuiteSettings
from lib_rimo.benchmark.suite_run import Candidate, Results
from lib_rimo.cli.measuring import add_measuring_options, measure, open_measuring
from lib_rimo.merging import Recipe, Sources, load_partition
from lib_rimo.merging.mix.drift import WHOLE, DriftMeter
from lib_rimo.merging.mix.recipe import Source
from lib_rimo.merging.saving.derived import mix_source
from lib_rimo.study.measure.measurement import Measuring
from lib_rimo.study.measure.rank_sweep import RankResult, sweep
from lib_rimo.study.mixes.contact_fusion import Fusion
from lib_rimo.toy import unpack

PARTITION = "theater"
BEST = (0.47, 0.35, 0.53)
"""The best known mix of the three specialists, the same in all groups (lib_rimo/toy)."""
DEEP = ("in7", "in8+", "mid", "out0", "out1", "out2")


@dataclass(frozen=True, slots=True)
class Push:
    """A way of pushing weights too far.

    Attributes:
        row: Weights of the specialists, before they are pushed.
        factors: Block group -> factor; ``WHOLE`` for every group that is not named.
    """

    row: tuple[float, float, float]
    factors: Mapping[str, float]

    def recipe(self, base: Source, partners: Sequence[Source], groups: Sequence[str]) -> Recipe:
        """The mix."""
        usual = self.factors.get(WHOLE, 1.0)
        rows = {group: tuple(w * self.factors.get(group, usual) for w in self.row) for group in groups}
        return Recipe(base, tuple(partners), PARTITION, rows)


PUSHES: Mapping[str, Push] = {
    "base": Push((0, 0, 0), {}),
    "best mix": Push(BEST, {}),
    "best mix, 1.25 times": Push(BEST, {WHOLE: 1.25}),
    "best mix, 1.5 times": Push(BEST, {WHOLE: 1.5}),
    "shapes alone, weight 1.6": Push((1.6, 0, 0), {}),
    "layout alone, weight 1.6": Push((0, 1.6, 0), {}),
    "scenery alone, weight 1.6": Push((0, 0, 1.6), {}),
    "scenery alone, weight 1.9": Push((0, 0, 1.9), {}),
    "weights .47, .35, 1.2": Push((0.47, 0.35, 1.2), {}),
    "weights .2, .3, 1.5": Push((0.2, 0.3, 1.5), {}),
    "in0-6 2 times": Push(BEST, {"in0-6": 2}),
    "in0-6 3 times": Push(BEST, {"in0-6": 3}),
    "out3+ 2 times": Push(BEST, {"out3+": 2}),
    "out3+ 2.5 times": Push(BEST, {"out3+": 2.5}),
    "out3+ 3 times": Push(BEST, {"out3+": 3}),
    "out3+ 4 times": Push(BEST, {"out3+": 4}),
    "rest 4 times": Push(BEST, {"rest": 4}),
    "rest 10 times": Push(BEST, {"rest": 10}),
    "rest 30 times": Push(BEST, {"rest": 30}),
    "rest 60 times": Push(BEST, {"rest": 60}),
    "text encoder 3 times": Push(BEST, {"text": 3}),
    "deep blocks 6 times": Push(BEST, dict.fromkeys(DEEP, 6)),
    "deep blocks 4, out3+ 2 times": Push(BEST, {**dict.fromkeys(DEEP, 4), "out3+": 2}),
    "deep blocks 3, out3+ 2.5 times": Push(BEST, {**dict.fromkeys(DEEP, 3), "out3+": 2.5}),
}
"""The sound ones first; the others change one thing each."""
SOUND = ("base", "best mix")
"""Whose pictures say what is usual."""
REPAIRED: Mapping[str, Sequence[str] | None] = {
    "rest 30 times": ("rest",),
    "out3+ 4 times": ("out3+",),
}
"""Which are repaired by the base, and in which groups; None for all."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The tiny family, set up.

    Attributes:
        measuring: Draws and reads.
        sources: Open files.
        base: The well-shaped checkpoint.
        partners: The specialists.
        groups: What is pushed and repaired.
        images: Prompts, one picture each.
        seed: Of prompts and noise.
    """

    measuring: Measuring
    sources: Sources
    base: Source
    partners: tuple[Source, ...]
    groups: tuple[str, ...]
    images: int
    seed: int

    def run(self, candidates: Sequence[Candidate], suite: Suite) -> Results:
        """Measures, with a progress bar."""
        return measure(self.measuring, candidates, suite)

    def pushed(self) -> list[dict[str, Any]]:
        """Accuracy, unusual pictures and drift of every kind of pushing."""
        partition = load_partition(PARTITION)
        recipes = {name: push.recipe(self.base, self.partners, self.groups) for name, push in PUSHES.items()}
        suite = Suite(
            SuiteSettings(self.measuring.look, per_tag=0, many=(), mixed=self.images, seed=self.seed),
            self.measuring.catalogue,
        )
        candidates = [
            self.measuring.recipe(name, recipe, self.sources, partition) for name, recipe in recipes.items()
        ]
        found = {name: parts[MIXED] for name, parts in self.run(candidates, suite).items()}
        usual = Usual.of(np.vstack([found[name].statistics for name in SOUND]))
        meter = DriftMeter(self.sources, (self.base, *self.partners), partition)
        return [
            {
                "name": name,
                "accuracy": micro(suite.parts[0].prompts, of.scores),
                "unusual": usual.unusual(of.statistics),
                "drift": meter.drift(recipes[name])[WHOLE],
            }
            for name, of in found.items()
        ]

    def repaired(
        self, name: str, groups: Sequence[str] | None, ranks: Sequence[str]
    ) -> dict[str, RankResult]:
        """A pushed checkpoint, the base, and the first repaired by the second at each rank."""
        partition = load_partition(PARTITION)
        recipe = PUSHES[name].recipe(self.base, self.partners, self.groups)
        kept = mix_source(recipe, self.sources, partition, name)
        fusion = Fusion(self.sources, partition, kept, self.base, groups=groups, device="cpu", base=self.base)
        pair = (
            self.measuring.recipe(name, recipe, self.sources, partition),
            self.measuring.recipe("base", Recipe.zero(self.base, PARTITION), self.sources, partition),
        )
        return sweep(self.measuring, fusion, pair, ranks, self.images, self.run, seed=self.seed)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=200, help="pictures of each mix in the repair")
    parser.add_argument(
        "--scan", type=int, default=80, help="pictures of each kind of pushing; 0 leaves them out"
    )
    parser.add_argument("--ranks", nargs="+", default=["1", "4", "16", "64"])
    parser.add_argument("--folder", type=Path, default=Path("build/bench_repair"), help="models and results")
    parser.add_argument("--json", type=Path, metavar="FILE")
    add_measuring_options(parser)
    parser.set_defaults(studies=None, config=None, device="cpu", seed=11)
    options = parser.parse_args()
    options.models = options.folder / "models"
    options.results = options.results or options.folder / "results"
    options.models.mkdir(parents=True, exist_ok=True)
    family = unpack(options.models)
    measuring = open_measuring(options, [family.base])
    out: dict[str, Any] = {"pushed": [], "repaired": {}}
    with Sources() as sources:
        base = sources.source_of(family.base)
        partners = tuple(sources.source_of(path) for path in family.specialists)
        partition = load_partition(PARTITION)
        present = partition.groups_present(sources.open(base).keys())
        groups = tuple(group for group in present if group not in partition.frozen_by_default)

        def bench(images: int) -> Bench:
            return Bench(measuring, sources, base, partners, groups, images, options.seed)

        if options.scan:
            out["pushed"] = bench(options.scan).pushed()
            print("| mix | accuracy | unusual pictures | drift |\n|---|---|---|---|")
            for row in out["pushed"]:
                told = f"{_told(row['accuracy'])} | {_told(row['unusual'])} | {row['drift']:.2f}"
                print(f"| {row['name']} | {told} |")
        for name, repaired in REPAIRED.items():
            arms = bench(options.images).repaired(name, repaired, options.ranks)
            out["repaired"][name] = arms
            print(f"\n{name}, repaired by the base in {', '.join(repaired or groups)}")
            print("| rank | accuracy | minus kept, points | unusual pictures | of the difference |")
            print("|---|---|---|---|---|")
            for arm in arms.values():
                low, high = 100 * arm.gain.low, 100 * arm.gain.high
                told = f"{_told(arm.accuracy)} | {100 * arm.gain.mean:+.1f} ({low:+.1f} to {high:+.1f})"
                print(f"| {arm.rank} | {told} | {_told(arm.unusual)} | {100 * arm.captured:.0f} % |")
    if options.json:
        options.json.write_text(json.dumps(out, indent=2, default=_plain) + "\n", encoding="utf-8")
    return 0


def _told(of: Interval) -> str:
    return f"{100 * of.mean:.1f} % ({100 * of.low:.1f} to {100 * of.high:.1f})"


def _plain(value: object) -> object:
    if isinstance(value, Interval):
        return dataclasses.asdict(value)
    if isinstance(value, RankResult):
        return value.to_json()
    raise TypeError(f"{value!r} has no plain form")


if __name__ == "__main__":
    sys.exit(main())
