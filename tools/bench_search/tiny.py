"""The same on real diffusion models: the tiny family, drawn on this machine.

Per seed and budget: a block-wise search, a search of one weight per partner (the best global weight), and the plain
average; each winner is drawn on prompts that no search saw, base and parents too.
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
from lib_rimo.hosts.diffusers import DiffusersHost
from lib_rimo.merging.recipe import Recipe
from lib_rimo.search import run_search
from lib_rimo.search.history import Floats, Ints
from lib_rimo.study.opening import OpenStudy, open_new
from lib_rimo.study.plan import measured_arms
from lib_rimo.study.settings import StudySettings
from lib_rimo.toy.family import unpack

UNSEEN = 400
BOUNDS = (-0.2, 1.0)


class Family:
    """The tiny family as a landscape. Args: where its files go, and the seed of prompts and noise."""

    def __init__(self, folder: Path, seed: int) -> None:
        family = unpack(folder)
        host = DiffusersHost(folder, config_dir=family.config_dir, device=os.environ.get("RIMO_DEVICE"))
        settings = StudySettings(
            base=family.base,
            partners=tuple(family.specialists),
            config=family.config_dir,
            tagger=family.tagger_dir,
            catalogue=family.catalogue,
            one_per_category=True,
            unseen=UNSEEN,
            bounds=BOUNDS,
            seed=seed,
        )
        self.study: OpenStudy = open_new(
            settings, host, lambda s: open_tagger(family.tagger_dir, s.threshold)
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


def compare(folder: Path, seeds: range, budgets: list[int]) -> str:
    """Makes the runs that ``tiny.jsonl`` lacks; returns a table."""
    file = folder / "tiny.jsonl"
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
    for seed in seeds:
        missing = [b for b in budgets if not any((r["seed"], r["budget"]) == (seed, b) for r in rows)]
        if not missing:
            continue
        family = Family(folder / "models", seed)
        fixed = {name: family.unseen(recipe) for name, recipe in family.arms().items()}
        for budget in missing:
            arms = {**fixed, **_searched(family, seed, budget)}
            rows.append({"seed": seed, "budget": budget, "arms": arms})
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(rows[-1]) + "\n")
    text = table(rows)
    (folder / "tiny.md").write_text(text, encoding="utf-8")
    return text


def _searched(family: Family, seed: int, budget: int) -> dict[str, list[float]]:
    n_partners, n_groups = family.shape
    pool = family.study.record.settings.pool
    common = {
        "n_partners": n_partners,
        "bounds": BOUNDS,
        "budget_images": budget,
        "pool_size": pool,
        "seed": seed,
    }
    blocks = run_search(family.score, n_groups=n_groups, **common)  # type: ignore[arg-type]

    def everywhere(weights: Floats, ids: Ints) -> Floats:
        return family.score(np.repeat(weights, n_groups, axis=1), ids)

    whole = run_search(everywhere, n_groups=1, **common)  # type: ignore[arg-type]
    return {
        "block weights": family.unseen(family.recipe(blocks.weights)),
        "one weight per partner": family.unseen(family.recipe(np.repeat(whole.weights, n_groups, axis=1))),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Accuracy on unseen prompts per arm, and what block weights add over one weight per partner."""
    out = []
    for budget in sorted({r["budget"] for r in rows}):
        mine = [r for r in rows if r["budget"] == budget]
        out += [f"**{budget:,} pictures**, {len(mine)} seeds, {UNSEEN} unseen prompts each\n"]
        out += ["| arm | mean accuracy |", "| --- | --- |"]
        for arm in mine[0]["arms"]:
            out.append(f"| {arm} | {np.mean([np.mean(r['arms'][arm]) for r in mine]):.3f} |")
        parents = [
            a
            for a in mine[0]["arms"]
            if a not in ("base", "uniform", "block weights", "one weight per partner")
        ]
        out.append("")
        for r in mine:
            best = max(parents, key=lambda a, r=r: np.mean(r["arms"][a]))  # type: ignore[misc]
            out.append(
                f"- seed {r['seed']}: block weights less "
                + "; ".join(
                    f"{name} {_difference(r, arm)}"
                    for name, arm in (
                        ("one weight per partner", "one weight per partner"),
                        ("best parent", best),
                    )
                )
            )
        out.append("")
    return "\n".join(out)


def _difference(row: dict[str, Any], arm: str) -> str:
    gained = np.array(row["arms"]["block weights"]) - np.array(row["arms"][arm])
    mean, low, high = difference_interval(gained, np.ones(len(gained)))
    return f"{100 * mean:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}] points"
