"""Makes the runs, each once, and keeps them as lines of a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lib_rimo.search.landscape import Landscape
from tools.bench_search.methods import METHODS, POOL


@dataclass(frozen=True, slots=True)
class Run:
    """What a method reached on one landscape.

    Attributes:
        kind: Of the landscape.
        dimensions: Number of weights.
        method: By name.
        seed: Of landscape and search.
        budget: Pictures.
        share: Share of the reachable gain, ``(f - f(0)) / (max f - f(0))``.
        gain_z: Claimed less true gain over the base in units of its claimed sd; None without a claim.
        held: Whether the true accuracy lies in the claimed 95 % interval; None without a claim.
    """

    kind: str
    dimensions: int
    method: str
    seed: int
    budget: int
    share: float
    gain_z: float | None = None
    held: bool | None = None


def load(file: Path) -> list[Run]:
    """The runs of a file; a line that was cut off is left out."""
    if not file.exists():
        return []
    out = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            out.append(Run(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return out


def make(
    file: Path,
    *,
    kinds: Iterable[str],
    shapes: Iterable[tuple[int, int]],
    budgets: list[int],
    seeds: Iterable[int],
    methods: Iterable[str],
) -> list[Run]:
    """Makes what is missing of these runs, seed by seed; returns all runs of the file."""
    done = load(file)
    known = {(r.kind, r.dimensions, r.method, r.seed, r.budget) for r in done}
    wanted = [(s, k, shape) for s in seeds for shape in shapes for k in kinds]
    with file.open("a", encoding="utf-8") as lines:
        for seed, kind, shape in wanted:
            landscape = None
            for method in methods:
                size = shape[0] * shape[1]
                missing = [b for b in budgets if (kind, size, method, seed, b) not in known]
                if not missing:
                    continue
                landscape = landscape or Landscape(kind, *shape, seed, POOL)
                for run in _run(landscape, kind, method, seed, missing):
                    lines.write(json.dumps(asdict(run)) + "\n")
                    done.append(run)
                lines.flush()
    return done


def _run(landscape: Landscape, kind: str, method: str, seed: int, budgets: list[int]) -> list[Run]:
    zero = float(landscape.truth(np.zeros(landscape.shape)))
    out = []
    for found in METHODS[method](landscape, seed, budgets):
        truth = float(landscape.truth(found.weights))
        z = held = None
        if (known := found.leader) is not None:
            sd = (known.gain_high - known.gain_low) / 3.92
            z = (known.gain - (truth - zero)) / sd if sd > 0 else None
            held = known.low <= truth <= known.high
        size = landscape.shape[0] * landscape.shape[1]
        out.append(Run(kind, size, method, seed, found.budget, landscape.share(found.weights), z, held))
    return out
