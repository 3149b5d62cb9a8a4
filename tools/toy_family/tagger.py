"""Taggers of the toy world: one for the VAE's loss, one that is shipped and judges.

They differ in architecture, seed and training scenes, so that the judge does not share
the blind spots which the VAE could learn to please.
"""

from __future__ import annotations

import logging
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tools.toy_family import ranks, scenes, world

log = logging.getLogger("rimo.toy")

BATCH = 64
STEPS = {"loss": 1100, "judge": 2200}
_ODD_SHARE = 0.05


class LossTagger(nn.Module):
    """Plain convolution stack whose feature maps serve as a perceptual loss."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 128)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
                nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
            )
            for a, b in pairwise(widths)
        )  # fmt: skip
        self.head = nn.Linear(widths[-1] * 16, len(world.TAGS))

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the maps of the four blocks for images in [-1, 1], ``(b, 3, 64, 64)``."""
        maps = []
        for block in self.blocks:
            images = block(images)
            maps.append(images)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(b, n_tags)``."""
        return self.from_features(self.features(images))

    def from_features(self, maps: list[Tensor]) -> Tensor:
        """Return logits ``(b, n_tags)`` of maps already at hand."""
        out: Tensor = self.head(maps[-1].flatten(1))
        return out


class _Residual(nn.Module):
    """Depthwise 5 x 5 convolution followed by a two-layer channel mixer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False), nn.BatchNorm2d(width),
            nn.Conv2d(width, 2 * width, 1), nn.SiLU(), nn.Conv2d(2 * width, width, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class JudgeTagger(nn.Module):
    """Residual net with depthwise convolutions; the tagger that is shipped."""

    def __init__(self) -> None:
        super().__init__()

        def down(a: int, b: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(a, b, 2, stride=2, bias=False), nn.BatchNorm2d(b))

        self.stem = nn.Sequential(nn.Conv2d(3, 24, 4, stride=4, bias=False), nn.BatchNorm2d(24))
        self.body = nn.Sequential(
            _Residual(24), _Residual(24), down(24, 48), _Residual(48), _Residual(48),
            down(48, 80), _Residual(80), _Residual(80),
        )  # fmt: skip
        self.squeeze = nn.Sequential(nn.Conv2d(80, 40, 1), nn.BatchNorm2d(40), nn.SiLU())
        self.head = nn.Linear(40 * 16, len(world.TAGS))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(b, n_tags)`` for images in [-1, 1], ``(b, 3, 64, 64)``."""
        out: Tensor = self.head(self.squeeze(self.body(self.stem(images))).flatten(1))
        return out


def disturb(images: Tensor, generator: torch.Generator) -> Tensor:
    """Add noise, blur, shifts of tone and of place, as reconstructions have them.

    Args:
        images: in [-1, 1], shape ``(b, 3, 64, 64)``.
        generator: source of randomness.
    """
    b = len(images)
    if torch.rand((), generator=generator) < 0.4:
        blurred = functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
        share = torch.rand((b, 1, 1, 1), generator=generator)
        images = images + share * (blurred - images)
    dy, dx = (int(v) for v in torch.randint(-2, 3, (2,), generator=generator))
    images = functional.pad(images, (2, 2, 2, 2), mode="replicate")[..., 2 + dy : 66 + dy, 2 + dx : 66 + dx]
    gain = 1 + 0.1 * torch.randn((b, 3, 1, 1), generator=generator)
    bias = 0.08 * torch.randn((b, 3, 1, 1), generator=generator)
    spread = 0.12 * torch.rand((b, 1, 1, 1), generator=generator)
    noise = torch.randn(images.shape, generator=generator)
    return (images * gain + bias + spread * noise).clamp(-1, 1)


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """Turn uint8 NHWC pixels into floats in [-1, 1], NCHW."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def train(kind: str, out: Path, seed: int) -> nn.Module:
    """Train one tagger (``loss`` or ``judge``), or load it when it is already there."""
    torch.manual_seed(seed)
    model: nn.Module = LossTagger() if kind == "loss" else JudgeTagger()
    path = out / f"tagger-{kind}.pt"
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model.eval()
    odd = scenes.draw_many(12_000, seed * 1000 + 17 + len(kind), odd_share=_ODD_SHARE)
    labels = torch.from_numpy(odd.labels())
    generator = torch.Generator().manual_seed(seed)
    steps = STEPS[kind]
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps, pct_start=0.15)
    start = time.monotonic()
    for step in range(steps):
        rows = torch.randint(0, len(labels), (BATCH,), generator=generator)
        images = disturb(to_tensor(odd.images[rows.numpy()]), generator)
        loss = functional.binary_cross_entropy_with_logits(model(images), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            log.info("tagger %s step %d loss %.4f, %.0f s", kind, step, float(loss), time.monotonic() - start)
    model.eval()
    ranks.save(model.state_dict(), path)
    held_out = scenes.load(out, "held_out")
    log.info("tagger %s: %s", kind, recall(model, to_tensor(held_out.images), held_out.tags))
    return model


@torch.no_grad()
def detect(model: nn.Module, images: Tensor, *, batch: int = 200) -> Tensor:
    """Return tag probabilities ``(n, n_tags)`` of images in [-1, 1]."""
    return torch.cat([model(part).sigmoid() for part in images.split(batch)])


def recall(model: nn.Module, images: Tensor, tags: NDArray[np.int64]) -> dict[str, float]:
    """Share of true tags found at probability .5, per category and over all tags."""
    found = (detect(model, images) > 0.5).numpy()
    names = list(world.CATEGORIES)
    result: dict[str, float] = {}
    hits, total = 0, 0
    for k, name in enumerate(names):
        rows = tags[:, k] >= 0
        hit = found[rows, tags[rows, k]]
        result[name] = round(float(hit.mean()), 4)
        hits, total = hits + int(hit.sum()), total + len(hit)
    result["all"] = round(hits / total, 4)
    return result


def stage(out: Path, seed: int) -> None:
    """Train both taggers side by side, one thread each."""
    context = torch.multiprocessing.get_context("spawn")
    workers = [context.Process(target=_worker, args=(kind, out, seed + i)) for i, kind in enumerate(STEPS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode != 0:
            raise RuntimeError(f"training a tagger ended with exit code {worker.exitcode}")


def _worker(kind: str, out: Path, seed: int) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    train(kind, out, seed)
