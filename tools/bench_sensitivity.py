"""How often the statements on block groups are right: searches on functions whose groups are known.

Two groups that nothing depends on are searched along with seven that something does. Afterwards each group's state
(``lib_rimo/study/analysis/sensitivity.py``) and the range of its share are held against the truth, which these
functions tell.

    python tools/bench_sensitivity.py [--images 640 1500] [--seeds 8] [--strategy random]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout without being installed

from lib_rimo.search.history import Floats, Observation
from lib_rimo.search.landscape import Landscape
from lib_rimo.search.strategy import make_strategy
from lib_rimo.study.analysis import sensitivity

PARTNERS, REAL, IDLE, POOL = 2, 7, 2, 200
CARRYING = 0.15
"""True share from which a group counts as one that carries the gain."""
DRAWS = 4000


@dataclass(frozen=True)
class Found:
    """One group of one search: its true share, whether nothing depends on it, what is said of it."""

    share: float
    idle: bool
    state: str
    low: float
    high: float


def search(kind: str, seed: int, images: int, strategy: str) -> list[Found]:
    """One search, and what is said of its groups."""
    land = Landscape(kind, PARTNERS, REAL, seed, POOL)
    bounds = (land.kind.low, land.kind.high)
    asked = make_strategy(
        strategy,
        n_partners=PARTNERS,
        n_groups=REAL + IDLE,
        bounds=bounds,
        budget_images=images,
        pool_size=POOL,
        seed=seed,
    )
    history: list[Observation] = []
    while (proposal := asked.ask(history)) is not None:
        weights = np.array(proposal.weights)[:, :REAL]
        scores = np.asarray(land.score(weights, np.array(proposal.prompt_ids)))
        history.append(proposal.answered(scores.tolist()))
    known = sensitivity.model_of(history, REAL + IDLE, bounds)
    evidence = sensitivity.group_evidence(known)
    shares = sensitivity.effect_shares(sensitivity.total_effects(known, bounds), evidence)
    low, high = np.quantile(shares, (0.025, 0.975), axis=0)
    best = known.table.weights[int(np.argmax(known.mean))].reshape(PARTNERS, -1)
    truth = true_shares(land, best)
    return [
        Found(
            float(truth[g]), g >= REAL, sensitivity.verdict(float(evidence[g])), float(low[g]), float(high[g])
        )
        for g in range(REAL + IDLE)
    ]


def true_shares(land: Landscape, best: Floats) -> Floats:
    """Shares of effect around a recipe, by brute force, shape ``(n_groups,)``."""
    rng = np.random.default_rng(1)
    low = np.maximum(best - sensitivity.HALF_WIDTH, land.kind.low)
    high = np.minimum(best + sensitivity.HALF_WIDTH, land.kind.high)
    first, second = (rng.uniform(low, high, size=(DRAWS, *best.shape)) for _ in range(2))
    effects = []
    for g in range(REAL + IDLE):
        turned = first.copy()
        turned[:, :, g] = second[:, :, g]
        gap = land.truth(turned[:, :, :REAL]) - land.truth(first[:, :, :REAL])
        effects.append(float((gap**2).mean()))
    return np.array(effects) / sum(effects)


def told(found: list[Found]) -> str:
    """How often each state was given."""
    parts = [
        f"{state} {sum(f.state == state for f in found) / max(1, len(found)):.2f}"
        for state in ("dead", "unclear", "matters")
    ]
    return f"{len(found):4} groups: {', '.join(parts)}"


def main() -> int:
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--images", type=int, nargs="+", default=[640, 1500])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--kinds", nargs="+", default=["small", "mixed", "sparse"])
    parser.add_argument("--strategy", default="random")
    options = parser.parse_args()
    for images in options.images:
        found = [
            one
            for kind in options.kinds
            for seed in range(options.seeds)
            for one in search(kind, seed, images, options.strategy)
        ]
        inside = float(np.mean([f.low <= f.share <= f.high for f in found]))
        print(f"{images:,} images, strategy {options.strategy}: range holds the true share in {inside:.2f}")
        print(f"  no effect      {told([f for f in found if f.idle])}")
        print(f"  below {CARRYING:.0%}     {told([f for f in found if not f.idle and f.share <= CARRYING])}")
        print(f"  above {CARRYING:.0%}     {told([f for f in found if f.share > CARRYING])}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
