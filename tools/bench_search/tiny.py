"""The same on real diffusion models: the tiny family, drawn on this machine.

Per seed and budget: a block-wise search and a search of one weight per partner (the best global weight); per seed
also an epoch of upstream's search. Each winner is drawn on prompts that no search saw, base, parents and the plain
average too.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from lib_rimo.benchmark.interval import difference_interval
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.benchmark.tagger import open_tagger
from lib_rimo.hosts.diffusers.host import DiffusersHost
from lib_rimo.hosts.drawers.host_drawer import HostDrawer
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.search import run_search
from lib_rimo.search.history import Floats, Ints
from lib_rimo.study.record.plan import measured_arms
from lib_rimo.study.run.session import Session, open_new
from lib_rimo.study.settings.images import ImageOptions
from lib_rimo.study.settings.scoring import ScoringOptions
from lib_rimo.study.settings.search import SearchOptions
from lib_rimo.study.settings.settings import StudySettings
from lib_rimo.toy.family import unpack
from tools.bench_search.methods import UPSTREAM_IMAGES

BLOCKS, GLOBAL, UPSTREAM = "block weights", "one weight per partner", "upstream-theater"
UNSEEN = 400
BOUNDS = (-0.2, 1.0)


class Family:
    """The tiny family as a landscape. Args: where its files go, and the seed of prompts and noise."""

    def __init__(self, folder: Path, seed: int) -> None:
        family = unpack(folder)
        host = DiffusersHost(folder, config_dir=family.config_dir, device=os.environ.get("RIMO_DEVICE"))
        drawer = HostDrawer(host)
        settings = StudySettings(
            base=family.base,
            partners=tuple(family.specialists),
            scoring=ScoringOptions(tagger=family.tagger_dir),
            images=ImageOptions(catalogue=family.catalogue, one_per_category=True),
            search=SearchOptions(bounds=BOUNDS),
            config=family.config_dir,
            unseen=UNSEEN,
            seed=seed,
        )
        self.study: Session = open_new(
            settings, drawer, lambda s: open_tagger(family.tagger_dir, s.threshold)
        )
        self.shape = (len(family.specialists), len(self.study.record.opened.groups))

    def recipe(self, weights: Floats) -> Recipe:
        """The recipe of a weight matrix."""
        record = self.study.record
        rows = tuple(tuple(float(w) for w in row) for row in weights)
        opened = record.opened
        return Recipe.from_rows(record.sources[0], record.sources[1:], opened.partition, opened.groups, rows)

    def score(self, weights: Floats, prompt_ids: Ints) -> Floats:
        """Soft scores of pictures, the shape that ``run_search`` wants."""
        pool = self.study.pools.epoch(1)
        drawn = self._draw(self.recipe(weights), [pool[int(p)] for p in prompt_ids])
        return np.array([score.soft for score in drawn])

    def unseen(self, recipe: Recipe) -> list[float]:
        """Tags found of each unseen prompt's, as shares."""
        return [score.accuracy for score in self._draw(recipe, list(self.study.pools.unseen()))]

    def arms(self) -> dict[str, Recipe]:
        """Base, parents and the plain average."""
        return measured_arms(self.study.record, self.study.all_groups)

    def _draw(self, recipe: Recipe, prompts: list[Any]) -> list[ImageScore]:
        out: list[ImageScore] = []
        size = self.study.record.opened.batch
        with self.study.bench as bench:
            for start in range(0, len(prompts), size):
                out += bench.draw(recipe, prompts[start : start + size]).scores
        return out


def compare(folder: Path, seeds: range, budgets: list[int], *, upstream: bool) -> str:
    """Makes the runs that ``tiny.jsonl`` lacks; returns a table.

    Args:
        folder: Of models, runs and table.
        seeds: One comparison each.
        budgets: Pictures of our searches.
        upstream: Whether an epoch of upstream's is searched as well, which is most of the work.
    """
    file = folder / "tiny.jsonl"
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
    for seed in seeds:
        wanted = [*budgets, *([UPSTREAM_IMAGES] if upstream else [])]
        missing = [b for b in wanted if not any((r["seed"], r["budget"]) == (seed, b) for r in rows)]
        if not missing:
            continue
        family = Family(folder / "models", seed)
        # Drawn once for all budgets of a seed.
        drawn: dict[str, list[float]] = next((r["arms"] for r in rows if r["seed"] == seed), {})
        fixed = {n: drawn[n] if n in drawn else family.unseen(recipe) for n, recipe in family.arms().items()}
        for budget in missing:
            searched = _upstream if budget == UPSTREAM_IMAGES else _searched
            rows.append({"seed": seed, "budget": budget, "arms": {**fixed, **searched(family, seed, budget)}})
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(rows[-1]) + "\n")
    text = table(rows)
    (folder / "tiny.md").write_text(text, encoding="utf-8")
    return text


def _searched(family: Family, seed: int, budget: int) -> dict[str, list[float]]:
    n_groups = family.shape[1]
    blocks = run_search(family.score, n_groups=n_groups, **_search(family, seed, budget))

    def everywhere(weights: Floats, ids: Ints) -> Floats:
        return family.score(np.repeat(weights, n_groups, axis=1), ids)

    whole = run_search(everywhere, n_groups=1, **_search(family, seed, budget))
    return {
        BLOCKS: family.unseen(family.recipe(blocks.weights)),
        GLOBAL: family.unseen(family.recipe(np.repeat(whole.weights, n_groups, axis=1))),
    }


def _upstream(family: Family, seed: int, budget: int) -> dict[str, list[float]]:
    found = run_search(
        family.score, n_groups=family.shape[1], strategy=UPSTREAM, **_search(family, seed, budget)
    )
    return {UPSTREAM: family.unseen(family.recipe(found.weights))}


def _search(family: Family, seed: int, budget: int) -> dict[str, Any]:
    pool = family.study.record.settings.search.pool
    shape = {"n_partners": family.shape[0], "bounds": BOUNDS, "pool_size": pool}
    return {**shape, "budget_images": budget, "seed": seed}


def table(rows: list[dict[str, Any]]) -> str:
    """Accuracy on unseen prompts per arm; what block weights gain over other arms, per seed and over all seeds."""
    epochs = {r["seed"]: r["arms"][UPSTREAM] for r in rows if r["budget"] == UPSTREAM_IMAGES}
    out = []
    for budget in sorted({r["budget"] for r in rows} - {UPSTREAM_IMAGES}):
        mine = [{**r, "arms": dict(r["arms"])} for r in rows if r["budget"] == budget]
        if all(r["seed"] in epochs for r in mine):
            for r in mine:
                r["arms"][f"{UPSTREAM}, {UPSTREAM_IMAGES:,} pictures"] = epochs[r["seed"]]
        out += [f"**{budget:,} pictures**, {len(mine)} seeds, {UNSEEN} unseen prompts each\n"]
        others = [arm for arm in mine[0]["arms"] if arm != BLOCKS]
        out += [
            "| arm | mean accuracy | block weights less this (points, mean ± s.e. of seeds) | seed by seed [95 %] |",
            "| --- | --- | --- | --- |",
        ]
        out.append(f"| {BLOCKS} | {_mean(mine, BLOCKS):.3f} | | |")
        for arm in others:
            each = ", ".join(_points(_gained(r, arm)) for r in mine)
            out.append(f"| {arm} | {_mean(mine, arm):.3f} | {_over_seeds(mine, arm)} | {each} |")
        out.append("")
    return "\n".join(out)


def _mean(rows: list[dict[str, Any]], arm: str) -> float:
    return float(np.mean([np.mean(r["arms"][arm]) for r in rows]))


def _over_seeds(rows: list[dict[str, Any]], arm: str) -> str:
    means = [100 * float(_gained(r, arm).mean()) for r in rows]
    error = float(np.std(means, ddof=1)) / len(means) ** 0.5 if len(means) > 1 else float("nan")
    return f"{np.mean(means):+.1f} ± {error:.1f}"


def _gained(row: dict[str, Any], arm: str) -> Floats:
    gained: Floats = np.subtract(row["arms"][BLOCKS], row["arms"][arm])
    return gained


def _points(gained: Floats) -> str:
    mean, low, high = difference_interval(gained, np.ones(len(gained)))
    return f"{100 * mean:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
