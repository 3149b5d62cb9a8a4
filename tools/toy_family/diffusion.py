"""Train the noise predictor and the text encoder: the base and its fine-tunings."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tools.toy_family import networks, ranks, scenes, vae, vocabulary, world

log = logging.getLogger("rimo.toy")

N_TIMESTEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012
MIN_SNR = 5.0
"""Cap of the signal-to-noise ratio in the loss weights (Hang et al. 2023)."""
EMPTY_SHARE = 0.1
"""Share of empty captions, for classifier-free guidance."""


@dataclass(frozen=True)
class Plan:
    """One training run.

    Attributes:
        name: file stem of the result.
        samples: number of training samples over both processes.
        rate: peak learning rate.
        constant: share of the run before the cosine decay starts.
        batch: samples per process and step.
        start: file stem of the weights to start from; None trains from scratch.
        own: categories that captions name; None names any.
        ordinary: share of captions that may name any category all the same.
        full: share of captions that name everything they may.
        object_weight: extra loss weight of latent cells that an object covers.
        early: weigh errors by 1 / sqrt(signal-to-noise) in place of min-SNR, which teaches
            the first sampling steps, where place, number and background are decided.
        noisy: power by which timesteps crowd towards pure noise; 1 draws them evenly, 2 draws
            the noisiest quarter with .44 of the samples.
        free: beginnings of the names of the weights that are trained; none trains all.
        save_every: samples between two intermediate results; 0 keeps only the last.
    """

    name: str
    samples: int
    rate: float
    constant: float = 0.4
    batch: int = 16
    start: str | None = None
    own: tuple[str, ...] | None = None
    ordinary: float = 0.2
    full: float = 0.4
    object_weight: float = 1.5
    early: bool = False
    noisy: float = 1.0
    free: tuple[str, ...] = ()
    save_every: int = 0


BASE = Plan("base", 120_000, 1.6e-3, constant=0.5, batch=24, save_every=20_000)


class Pair(nn.Module):
    """Noise predictor and text encoder, trained and averaged together."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = networks.build_unet()
        self.text = networks.build_text(len(vocabulary.vocabulary()))

    def forward(self, noisy: Tensor, timesteps: Tensor, ids: Tensor) -> Tensor:
        """Return the predicted noise.

        Args:
            noisy: latents, shape ``(b, 4, 8, 8)``.
            timesteps: int64, shape ``(b,)``.
            ids: tokens, int64, shape ``(b, 77)``.
        """
        context = self.text(ids).last_hidden_state
        out: Tensor = self.unet(noisy, timesteps, context, return_dict=False)[0]
        return out


def alphas_cumprod() -> Tensor:
    """Cumulative product of 1 - beta of the scaled-linear schedule, shape ``(1000,)``."""
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, N_TIMESTEPS, dtype=torch.float64) ** 2
    return (1 - betas).cumprod(0)


def captions(tags: Tensor, plan: Plan, generator: torch.Generator) -> Tensor:
    """Tokenise random captions of scenes: random tags in random order, comma between.

    Args:
        tags: tag per category or -1, int64, shape ``(b, n_categories)``.
        plan: which categories may be named, and how often all of them.
        generator: source of randomness.

    Returns:
        Tokens, int64, shape ``(b, 77)``.
    """
    b, n = tags.shape
    keys = torch.rand((b, n), generator=generator)
    keys[tags < 0] = 2.0
    if plan.own is not None:
        foreign = torch.tensor([name not in plan.own for name in world.CATEGORIES])
        narrow = torch.rand((b, 1), generator=generator) >= plan.ordinary
        keys[narrow & foreign] = 2.0
    shown = (keys < 2).sum(1)
    keep = torch.randint(2, 7, (b,), generator=generator)
    keep = torch.where(torch.rand((b,), generator=generator) < plan.full, n, keep).minimum(shown)
    keep = torch.where(torch.rand((b,), generator=generator) < EMPTY_SHARE, 0, keep)
    tokens = torch.tensor(vocabulary.tag_tokens())[tags.clamp(min=0).gather(1, keys.argsort(1))]
    size = len(vocabulary.vocabulary())
    start, end, comma = size - 2, size - 1, vocabulary.comma_token()
    ids = torch.full((b, networks.N_TOKENS), end)
    ids[:, 0] = start
    for j in range(n):
        ids[:, 1 + 2 * j] = torch.where(j < keep, tokens[:, j], end)
        ids[:, 2 + 2 * j] = torch.where(j < keep - 1, comma, end)
    return ids


def _loss(
    pair: nn.Module,
    latents: Tensor,
    weight: Tensor,
    ids: Tensor,
    alphas: Tensor,
    *,
    plan: Plan,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return the weighted loss and the plain mean squared error.

    ``weight`` is per latent cell, shape ``(b, 8, 8)``.
    """
    b = len(latents)
    # One timestep from each of b equal slices: less variance than independent draws.
    at = (torch.randperm(b, generator=generator) + torch.rand(b, generator=generator)) / b
    at = at ** (1 / plan.noisy)
    timesteps = (at * N_TIMESTEPS).long().clamp(max=N_TIMESTEPS - 1)
    alpha = alphas[timesteps].float()[:, None, None, None]
    noise = torch.randn(latents.shape, generator=generator)
    error = (pair(alpha.sqrt() * latents + (1 - alpha).sqrt() * noise, timesteps, ids) - noise).square()
    snr = alpha / (1 - alpha)
    by_time = snr.rsqrt() if plan.early else snr.clamp(max=MIN_SNR) / snr
    scale = (weight / weight.mean())[:, None] * by_time
    return (scale * error).mean(), error.detach().mean()


def _batch(
    tags: Tensor, plan: Plan, seed: int, rank: int, step: int
) -> tuple[Tensor, Tensor, torch.Generator]:
    """Scenes and captions of one step, and the source of its noise: the same however often training was stopped."""
    generator = ranks.source(seed, rank, step)
    rows = torch.randint(0, len(tags), (plan.batch,), generator=generator)
    return rows, captions(tags[rows], plan, generator), generator


def _train(rank: int, out: Path, seed: int, plan: Plan) -> None:
    torch.manual_seed(seed)
    pair = Pair()
    if plan.start is not None:
        pair.load_state_dict(torch.load(out / f"{plan.start}.pt", weights_only=True))
    if plan.free:
        for name, parameter in pair.named_parameters():
            parameter.requires_grad_(any(name.startswith(part) for part in plan.free))
    latents: Tensor = torch.load(out / "latents.pt", weights_only=True)
    drawn = scenes.load(out, "train")
    tags, masks = torch.from_numpy(drawn.tags), torch.from_numpy(drawn.masks)
    alphas = alphas_cumprod()
    parameters = [p for p in pair.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, plan.rate, (0.9, 0.99), weight_decay=1e-2, fused=True)
    ema = ranks.Ema(parameters, 0.998 if plan.start is None else 0.99)
    per_step = plan.batch * ranks.N_RANKS
    steps = plan.samples // per_step
    resume = out / f"{plan.name}.state.pt"
    first = ranks.resume(resume, pair, optimiser, ema) if resume.exists() else 0
    start, running = time.monotonic(), 1.0
    for step in range(first, steps):
        for group in optimiser.param_groups:
            group["lr"] = vae.learning_rate(step, steps, plan.rate, constant=plan.constant)
        rows, ids, generator = _batch(tags, plan, seed, rank, step)
        weight = 1 + plan.object_weight * masks[rows]
        loss, error = _loss(pair, latents[rows], weight, ids, alphas, plan=plan, generator=generator)
        optimiser.zero_grad()
        loss.backward()
        ranks.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        ema.update()
        running = 0.98 * running + 0.02 * float(error)
        seen = (step + 1) * per_step
        if rank != 0:
            continue
        if step % 50 == 0:
            log.info("%s %d samples, mse %.4f, %.0f s", plan.name, seen, running, time.monotonic() - start)
        if (step + 1) % ranks.SAVE_STEPS == 0:
            ranks.keep(resume, pair, optimiser, ema, step + 1)
        if plan.save_every and seen // plan.save_every > (seen - per_step) // plan.save_every:
            name = f"{plan.name}-{seen // plan.save_every * plan.save_every // 1000}k.pt"
            ema.swap()
            ranks.save(pair.state_dict(), out / name)
            ema.swap()
    if rank == 0:
        ema.swap()
        ranks.save(pair.state_dict(), out / f"{plan.name}.pt")
        resume.unlink(missing_ok=True)


def fit(out: Path, seed: int, plan: Plan) -> None:
    """Carry out a plan unless its result is there already."""
    if not (out / f"{plan.name}.pt").exists():
        ranks.run(_train, out, seed, plan)


def load(out: Path, name: str) -> Any:
    """Return the pair that a plan of that name trained."""
    pair = Pair()
    pair.load_state_dict(torch.load(out / f"{name}.pt", weights_only=True))
    return pair.eval()


def stage(out: Path, seed: int) -> None:
    """Train the base."""
    fit(out, seed, BASE)
