"""``rimo contact``: repairs an accurate but distorted checkpoint by a low-rank difference from a well-shaped one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.accuracy import micro, paired_difference
from lib_rimo.benchmark.image_statistics import Usual
from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.suite import MIXED, Suite, SuiteSettings
from lib_rimo.cli.forms import add_form_options, form_of
from lib_rimo.cli.measuring import Measuring, add_measuring_options
from lib_rimo.cli.report import accuracy_json, gain_json
from lib_rimo.cli.setting import models_folder
from lib_rimo.errors import CheckpointError, SettingsError
from lib_rimo.merging.contact import ContactCheckpoint, ContactFactors, contact_recipe
from lib_rimo.merging.contact_spec import UPSTREAM_RANK, VECTORS, ContactSpec
from lib_rimo.merging.partition import Partition, load_partition
from lib_rimo.merging.recipe import Recipe, Source
from lib_rimo.merging.save import save_merged
from lib_rimo.merging.sources import Sources

FACTORS_BYTES = 1 << 30
"""Memory in which a sweep keeps its decompositions, so that each further rank costs little."""
COST = 0.02
"""Accuracy that a better shape may cost: about what an interval of a few hundred pictures can tell."""


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "contact",
        parents=[shared],
        help="repair a distorted checkpoint by a well-shaped one",
        description="Contact fusion: adds to each matrix of KEPT the nearest matrix of low rank to its difference "
        "from DONOR. A higher rank is closer to the donor. --sweep measures several ranks and proposes one.",
    )
    parser.add_argument(
        "kept", type=Path, metavar="KEPT", help="accurate checkpoint whose shapes are distorted"
    )
    parser.add_argument("donor", type=Path, metavar="DONOR", help="well-shaped checkpoint")
    parser.add_argument(
        "--rank",
        nargs="+",
        default=[str(UPSTREAM_RANK)],
        metavar="N",
        help=f"rank, or GROUP=N for one block group (default {UPSTREAM_RANK}, upstream's)",
    )
    parser.add_argument("--vectors", choices=VECTORS, default="donor", help="whose biases and norms")
    parser.add_argument("--partition", default="theater", help="block groups: a name or a JSON file")
    parser.add_argument(
        "--groups", nargs="+", metavar="GROUP", help="block groups (default: all but the VAE)"
    )
    parser.add_argument("--sweep", nargs="+", metavar="N", help="ranks to measure")
    parser.add_argument("--images", type=int, default=400, help="prompts of the measurement (default 400)")
    parser.add_argument(
        "--cost", type=float, default=COST, help=f"accuracy that a better shape may cost (default {COST})"
    )
    parser.add_argument(
        "--save", metavar="NAME", help="write the checkpoint; after a sweep, of the proposed rank"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")
    add_form_options(parser)
    add_measuring_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    if not (options.sweep or options.save):
        raise SettingsError("save", "There is nothing to do", wanted="--save NAME or --sweep N...")
    if not options.cost >= 0:
        raise SettingsError("cost", "The cost is no share", found=options.cost, wanted="0 or more")
    for path in (options.kept, options.donor):
        if not path.is_file():
            raise CheckpointError("There is no such checkpoint", found=path, fix="Check the path")
    partition = load_partition(options.partition)
    data: dict[str, Any] = {"kept": options.kept.name, "donor": options.donor.name}
    with Sources() as sources:
        kept, donor = sources.source_of(options.kept), sources.source_of(options.donor)
        fusion = _Fusion(sources, partition, kept, donor, options.vectors, options.groups, options.device)
        chosen: dict[str, int] | None = fusion.ranks(options.rank)
        if options.sweep:
            arms = _sweep(options, fusion)
            proposed = _proposed(arms, options.cost)
            sys.stdout.write(_table(arms, proposed, options))
            data |= {"arms": [arm.to_json() for arm in arms.values()], "proposed": proposed}
            chosen = None if proposed is None else fusion.ranks([proposed])
        if options.save and chosen is not None:
            recipe = fusion.recipe(chosen)
            path = save_merged(
                recipe, sources, partition, models_folder(options), options.save, form=form_of(options)
            )
            sys.stdout.write(f"Saved {path}\n")
            data["checkpoint"] = str(path)
    if options.json:
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0


class _Fusion:
    """Contact fusions of one pair of checkpoints."""

    def __init__(
        self,
        sources: Sources,
        partition: Partition,
        kept: Source,
        donor: Source,
        vectors: str,
        groups: list[str] | None,
        device: str | None,
    ) -> None:
        self.sources, self.partition, self.kept, self.donor = sources, partition, kept, donor
        self._vectors = vectors
        present = partition.groups_present(sources.open(kept).keys())
        self._groups = groups or [g for g in present if g not in partition.frozen_by_default]
        self._factors = ContactFactors(
            sources.open(kept), sources.open(donor), device=device, limit_bytes=FACTORS_BYTES
        )

    def ranks(self, texts: list[str]) -> dict[str, int]:
        """``4`` for every group, ``mid=16`` for one of them."""
        out: dict[str, int] = {}
        for text in texts:
            group, named, number = text.rpartition("=")
            if not number.isdecimal():
                raise SettingsError(
                    "rank", "This is no rank", found=text, wanted="a whole number, or GROUP=number"
                )
            out |= {group: int(number)} if named else {g: int(number) for g in self._groups if g not in out}
        return out

    def recipe(self, ranks: Mapping[str, int]) -> Recipe:
        """The fusion of these ranks."""
        spec = ContactSpec(self.kept, self.donor, self.partition.name, ranks, self._vectors)
        return contact_recipe(self.sources, self.partition, spec, factors=self._factors)

    def captured(self, recipe: Recipe) -> float:
        """Share of the whole difference that a fusion takes over."""
        made = self.sources.open(recipe.partners[0])
        if not isinstance(made, ContactCheckpoint):
            raise TypeError(f"{made.name} is no contact fusion")
        return made.captured_in_all()


@dataclass(frozen=True, slots=True)
class _Arm:
    """What was measured of one rank."""

    rank: str
    accuracy: Interval
    gain: Interval
    unusual: Interval
    captured: float

    def to_json(self) -> dict[str, Any]:
        return {
            "rank": self.rank,
            **accuracy_json(self.accuracy),
            "minus_kept": gain_json(self.gain),
            "unusual_pictures": gain_json(self.unusual),
            "captured": self.captured,
        }


def _sweep(options: argparse.Namespace, fusion: _Fusion) -> dict[str, _Arm]:
    """Measures the kept checkpoint, the donor and each rank on the same prompts and noise."""
    measuring = Measuring.open(options, [options.kept, options.donor])
    recipes = {rank: fusion.recipe(fusion.ranks([rank])) for rank in dict.fromkeys(options.sweep)}
    suite = Suite(
        SuiteSettings(measuring.look, per_tag=0, many=(), mixed=options.images, seed=options.seed),
        measuring.catalogue,
    )
    files = measuring.checkpoints([options.kept, options.donor])
    contestants = files + [
        measuring.recipe(f"rank {rank}", recipe, fusion.sources, fusion.partition, options.kept)
        for rank, recipe in recipes.items()
    ]
    found = [parts[MIXED] for parts in measuring.run(contestants, suite).values()]
    prompts, usual = suite.parts[0].prompts, Usual.of(found[1].statistics)
    captured = [0.0, 1.0, *(fusion.captured(recipe) for recipe in recipes.values())]
    return {
        rank: _Arm(
            rank,
            micro(prompts, of.scores),
            paired_difference(prompts, of.scores, found[0].scores),
            usual.unusual(of.statistics),
            share,
        )
        for rank, of, share in zip(["kept", "donor", *recipes], found, captured, strict=True)
    }


def _proposed(arms: Mapping[str, _Arm], cost: float) -> str | None:
    """The rank with the fewest unusual pictures among those that cost little; None if none beats the kept one."""
    ranks = [arm for rank, arm in arms.items() if rank not in ("kept", "donor")]
    cheap = [arm for arm in ranks if arm.gain.mean >= -cost]
    better = [arm for arm in cheap if arm.unusual.mean < arms["kept"].unusual.mean]
    best = min(better, key=lambda arm: (arm.unusual.mean, -arm.accuracy.mean), default=None)
    return None if best is None else best.rank


def _table(arms: Mapping[str, _Arm], proposed: str | None, options: argparse.Namespace) -> str:
    lines = [
        f"{'rank':>8} {'accuracy':>9} {'95 % interval':>16} {'minus kept, points':>22} "
        f"{'unusual pictures':>24} {'of the difference':>18}"
    ]
    for arm in arms.values():
        a, g, u = arm.accuracy, arm.gain, arm.unusual
        lines.append(
            f"{arm.rank:>8} {_p(a.mean):>7} % {_p(a.low):>8} to {_p(a.high)} "
            f"{100 * g.mean:>+8.1f} ({100 * g.low:+.1f} to {100 * g.high:+.1f}) "
            f"{_p(u.mean):>8} % ({_p(u.low)} to {_p(u.high)}) {_p(arm.captured):>14} %"
        )
    lines += [
        "",
        f"{options.images} prompts, the same noise for all. Unusual: statistics outside what 99 % of the donor's "
        "own pictures have.",
        f"Proposed: rank {proposed}, the fewest unusual pictures at no more than {100 * options.cost:g} points "
        "of accuracy."
        if proposed is not None
        else "No rank has fewer unusual pictures at that cost: keep the checkpoint as it is.",
    ]
    return "\n".join(lines) + "\n"


def _p(value: float) -> str:
    return f"{100 * value:.1f}"
