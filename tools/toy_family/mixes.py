"""Accuracy of checkpoints and of their merges on random prompts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lib_rimo.toy import delta
from tools.toy_family import diffusion, layout, networks, sampler, tagger, world

log = logging.getLogger("rimo.toy")

WORKERS = 2
THRESHOLD = 0.5
"""Probability from which a tag counts as found."""


@dataclass(frozen=True)
class Prompt:
    """A random prompt: chosen tag numbers in order, and the seed of its picture."""

    tags: tuple[int, ...]
    seed: int

    @property
    def text(self) -> str:
        """The prompt as a user would write it."""
        return ", ".join(world.TAGS[t] for t in self.tags)


def draw_prompts(n: int, seed: int) -> list[Prompt]:
    """Draw n prompts: 2 to 6 tags of distinct categories, in random order."""
    rng = np.random.default_rng(seed)
    names = list(world.CATEGORIES)
    prompts = []
    for i in range(n):
        chosen = rng.permutation(len(names))[: rng.integers(2, 7)]
        tags = [world.TAG_INDEX[str(rng.choice(world.CATEGORIES[names[k]]))] for k in chosen]
        prompts.append(Prompt(tuple(tags), seed * 1_000_000 + i))
    return prompts


@dataclass(frozen=True)
class Score:
    """What a model drew of its prompted tags.

    Attributes:
        asked: 0/1 per prompt and tag, shape ``(n_prompts, n_tags)``.
        found: 0/1, the asked tags that were detected, same shape.
    """

    asked: NDArray[np.float64]
    found: NDArray[np.float64]

    def accuracy(self, category: str | None = None) -> float:
        """Share of prompted tags found, of one category or of all."""
        chosen = columns(category)
        return float(self.found[:, chosen].sum() / self.asked[:, chosen].sum())

    def interval(self, category: str | None = None, draws: int = 2000) -> tuple[float, float]:
        """95 % bootstrap interval of :meth:`accuracy`, prompts drawn as clusters."""
        chosen = columns(category)
        pairs = np.stack([self.found[:, chosen].sum(1), self.asked[:, chosen].sum(1)], 1)
        low, high = np.quantile(_resampled(pairs, draws), (0.025, 0.975))
        return float(low), float(high)

    def gain(self, other: Score, draws: int = 2000) -> tuple[float, float, float]:
        """Gain in overall accuracy over ``other`` on the same prompts, with its 95 % interval."""
        pairs = np.stack([(self.found - other.found).sum(1), self.asked.sum(1)], 1)
        low, high = np.quantile(_resampled(pairs, draws), (0.025, 0.975))
        return self.accuracy() - other.accuracy(), float(low), float(high)


def columns(category: str | None) -> list[int]:
    """Return the tag numbers of a category, or all for None."""
    if category is None:
        return list(range(len(world.TAGS)))
    return [world.TAG_INDEX[tag] for tag in world.CATEGORIES[category]]


def _resampled(pairs: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    """Bootstrap ratios of column sums; ``pairs`` is (hits, total) per prompt."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(pairs), (draws, len(pairs)))
    sums = pairs[rows].sum(1)
    ratios: NDArray[np.float64] = sums[:, 0] / np.maximum(sums[:, 1], 1)
    return ratios


Weights = tuple[float, ...]
"""One weight per specialist; the base keeps one minus their sum."""


def merge(
    base: Mapping[str, Tensor], partners: list[dict[str, Tensor]], weights: Weights
) -> dict[str, Tensor]:
    """Return base + sum of weight times (partner - base), in float32, rounded to half once."""
    out = {}
    for name, value in base.items():
        if value.dtype != torch.float16:
            out[name] = value
            continue
        total = value.float() * (1 - sum(weights))
        for partner, weight in zip(partners, weights, strict=True):
            total = total + weight * partner[name].float()
        out[name] = total.half()
    return out


class Bench:
    """Draws and judges in worker processes, one thread each.

    Args:
        out: folder of the intermediate results (tagger).
        files: expanded checkpoints, the base first.
    """

    def __init__(self, out: Path, files: tuple[Path, ...]) -> None:
        self._pool = ProcessPoolExecutor(WORKERS, get_context("spawn"), _prepare, (out, files))

    def images(self, weights: Weights, prompts: list[Prompt]) -> NDArray[np.uint8]:
        """Draw one picture per prompt, uint8 ``(n, 64, 64, 3)``."""
        return np.concatenate([pixels for pixels, _ in self._map(weights, prompts)])

    def score(self, weights: Weights, prompts: list[Prompt]) -> Score:
        """Draw the prompts with a merge and judge the pictures."""
        seen = np.concatenate([found for _, found in self._map(weights, prompts)])
        asked = np.zeros(seen.shape)
        for row, prompt in enumerate(prompts):
            asked[row, list(prompt.tags)] = 1
        return Score(asked, asked * seen)

    def _map(
        self, weights: Weights, prompts: list[Prompt]
    ) -> list[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
        size = -(-len(prompts) // WORKERS)
        parts = [prompts[i : i + size] for i in range(0, len(prompts), size)]
        return list(self._pool.map(_draw, [weights] * len(parts), parts))

    def close(self) -> None:
        """End the worker processes."""
        self._pool.shutdown()


_worker: dict[str, Any] = {}
"""What a worker process loads once: the checkpoints, the judge, the networks."""


def _prepare(out: Path, files: tuple[Path, ...]) -> None:
    torch.set_num_threads(1)
    states = []
    for path in files:
        parsed = delta.parse(path.read_bytes())
        states.append({name: torch.from_numpy(np.array(value)) for name, value in parsed.items()})
    _worker["states"] = states
    _worker["judge"] = tagger.train("judge", out, 0)
    _worker["networks"] = (diffusion.Pair().eval(), networks.build_vae().eval())


def _draw(weights: Weights, prompts: list[Prompt]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    states, judge = _worker["states"], _worker["judge"]
    pair, autoencoder = _worker["networks"]
    layout.from_ldm(merge(states[0], states[1:], weights), pair.unet, pair.text, autoencoder)
    pixels = sampler.sample(
        pair.unet, autoencoder, pair.text, [p.text for p in prompts], [p.seed for p in prompts]
    )
    found = tagger.detect(judge, tagger.to_tensor(pixels)) >= THRESHOLD
    return pixels, found.numpy().astype(np.float64)
