"""``rimo contact``: repairs an accurate but distorted checkpoint by a low-rank difference from a well-shaped one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib_rimo.cli.forms import add_form_options, add_setting_options, form_of
from lib_rimo.cli.measuring import add_measuring_options, measure, open_measuring
from lib_rimo.cli.report import accuracy_json, gain_json
from lib_rimo.cli.setting import models_folder
from lib_rimo.errors import CheckpointError, SettingsError
from lib_rimo.merging.contact.contact_spec import UPSTREAM_RANK, VECTORS
from lib_rimo.merging.mix.mixable import check_mixable, kind_notes, lacking_json, lacking_notes, left_out
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.save import save_merged
from lib_rimo.study.measure.rank_sweep import COST, IMAGES, RankResult, proposed, reasons, sweep
from lib_rimo.study.mixes.contact_fusion import Fusion


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
    parser.add_argument(
        "--images", type=int, default=IMAGES, help=f"prompts of the measurement (default {IMAGES})"
    )
    parser.add_argument(
        "--cost", type=float, default=COST, help=f"accuracy that a better shape may cost (default {COST})"
    )
    parser.add_argument(
        "--save", metavar="NAME", help="write the checkpoint; after a sweep, of the proposed rank"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")
    add_form_options(parser)
    add_setting_options(parser, ["mix_predictions"])
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
    allowed = bool(options.mix_predictions)
    with Sources() as sources:
        kept, donor = sources.source_of(options.kept), sources.source_of(options.donor)
        check_mixable(sources.open(kept), [sources.open(donor)], mix_predictions=allowed)
        fusion = Fusion(
            sources,
            partition,
            kept,
            donor,
            vectors=options.vectors,
            groups=options.groups,
            device=options.device,
            mix_predictions=allowed,
        )
        chosen: dict[str, int] | None = fusion.ranks(options.rank)
        if options.sweep:
            arms = _sweep(options, fusion)
            best = proposed(arms, options.cost)
            sys.stdout.write(_table(arms, best, options))
            data |= {"arms": [_arm_json(arm) for arm in arms.values()], "proposed": best}
            chosen = None if best is None else fusion.ranks([best])
        if options.save and chosen is not None:
            recipe = fusion.recipe(chosen)
            path = save_merged(
                recipe,
                sources,
                partition,
                models_folder(options),
                options.save,
                form=form_of(options),
                mix_predictions=allowed,
            )
            lacking = left_out(recipe, sources, partition)
            notes = lacking_notes(lacking, [sources.open(donor)])
            notes += kind_notes(sources.open(kept), sources.open(donor))
            sys.stdout.write("".join(f"{note}\n" for note in notes) + f"Saved {path}\n")
            data |= {"checkpoint": str(path), "notes": notes, "left_out": lacking_json(lacking)}
    if options.json:
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0


def _sweep(options: argparse.Namespace, fusion: Fusion) -> dict[str, RankResult]:
    """Measures the kept checkpoint, the donor and each rank on the same prompts and noise."""
    measuring = open_measuring(options, [options.kept, options.donor])
    kept, donor = measuring.checkpoints([options.kept, options.donor])
    return sweep(
        measuring,
        fusion,
        (kept, donor),
        options.sweep,
        options.images,
        lambda candidates, suite: measure(measuring, candidates, suite),
        seed=options.seed,
    )


def _arm_json(arm: RankResult) -> dict[str, Any]:
    return {
        "rank": arm.rank,
        **accuracy_json(arm.accuracy),
        "minus_kept": gain_json(arm.gain),
        "unusual_pictures": gain_json(arm.unusual),
        "captured": arm.captured,
    }


def _table(arms: Mapping[str, RankResult], best: str | None, options: argparse.Namespace) -> str:
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
        "Keep the checkpoint as it is." if best is None else f"Proposed: rank {best}.",
        *reasons(arms, options.cost),
    ]
    return "\n".join(lines) + "\n"


def _p(value: float) -> str:
    return f"{100 * value:.1f}"
