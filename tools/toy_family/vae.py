"""Train the autoencoder, whiten its latents, and keep the scenes' latents."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tools.toy_family import networks, ranks, scenes, tagger

log = logging.getLogger("rimo.toy")

BATCH_PER_RANK = 5
WARM_UP = 100
LATENT_NOISE = 0.06
"""Standard deviation of the noise the decoder is trained to bear."""
_PATH = "vae.pt"


@dataclass(frozen=True)
class Round:
    """One stretch of training.

    Attributes:
        steps: optimiser steps.
        rate: peak learning rate.
        object_weight: extra loss weight of object pixels.
        logit_weight: weight of the distance of the tagger's logits.
        decoder_only: leave the latents as they are, so that what was trained on them stays right.
    """

    steps: int
    rate: float
    object_weight: float
    logit_weight: float
    decoder_only: bool = False


# Backgrounds first; then small objects, which cover few pixels and come last otherwise.
ROUNDS = (
    Round(1150, 2e-3, 3.0, 0.01),
    Round(1300, 1.6e-3, 9.0, 0.03),
    Round(2000, 1.2e-3, 16.0, 0.05, decoder_only=True),
)


def learning_rate(step: int, steps: int, peak: float, *, constant: float) -> float:
    """Warm-up, a constant stretch up to the share ``constant`` (1: to the end), then a cosine to 1 %."""
    if step < WARM_UP:
        return peak * (step + 1) / WARM_UP
    if constant >= 1:
        return peak
    rest = max(0.0, step / steps - constant) / (1 - constant)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, rest))))


def _raw(index: int) -> str:
    """File of the weights after a round, their latents not yet whitened."""
    return f"vae-round{index}.pt"


def _moments_mean(vae: Any, images: Tensor) -> Tensor:
    mean: Tensor = vae.quant_conv(vae.encoder(images))[:, :4]
    return mean


def _loss(
    vae: Any, judge: tagger.LossTagger, images: Tensor, masks: Tensor, noise: Tensor, *, part: Round
) -> tuple[Tensor, Tensor]:
    """Return the loss and the latents ``(b, 4, 8, 8)``."""
    with torch.autocast("cpu", torch.bfloat16):
        latents = _moments_mean(vae, images).float()
        made = vae.decoder(vae.post_quant_conv(latents + LATENT_NOISE * noise)).float()
        made_maps = [m.float() for m in judge.features(made)]
        with torch.no_grad():
            true_maps = [m.float() for m in judge.features(images)]
    weight = 1 + part.object_weight * functional.interpolate(masks, scale_factor=8, mode="nearest")
    weight = weight / weight.mean()
    error = made - images
    loss = (weight * (error.abs() + error.square())).mean()
    loss = loss + 0.5 * (error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean())
    for made_map, true_map in zip(made_maps[:3], true_maps[:3], strict=True):
        loss = loss + 0.1 * (made_map - true_map).abs().mean() / (true_map.abs().mean() + 1e-6)
    logits = [judge.from_features(m).clamp(-12, 12) for m in (made_maps, true_maps)]
    loss = loss + part.logit_weight * (logits[0] - logits[1]).abs().mean()
    # No KL term: it collapsed channels. Holding mean 0 and variance 1 is all that is needed.
    per_channel = latents.transpose(0, 1).flatten(1)
    spread = (per_channel.square().mean(1) - 1).square() + per_channel.mean(1).square()
    return loss + 0.02 * spread.mean(), latents.detach()


def _train(rank: int, out: Path, seed: int, index: int) -> None:
    part = ROUNDS[index]
    torch.manual_seed(seed)
    vae = networks.build_vae()
    judge = tagger.train("loss", out, seed)
    assert isinstance(judge, tagger.LossTagger)
    judge.requires_grad_(False)
    drawn = scenes.load(out, "train")
    held_out = scenes.load(out, "held_out")
    if index > 0:
        vae.load_state_dict(torch.load(out / _raw(index - 1), weights_only=True))
    else:
        _start_whitened(vae, tagger.to_tensor(drawn.images[:64]))
    if part.decoder_only:
        for module in (vae.encoder, vae.quant_conv):
            module.requires_grad_(False)
    parameters = [p for p in vae.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, part.rate, (0.9, 0.99), weight_decay=1e-4)
    ema = ranks.Ema(parameters, 0.997)
    noted = out / f"vae-round{index}.state.pt"
    first = ranks.resume(noted, vae, optimiser, ema) if noted.exists() else 0
    start = time.monotonic()
    for step in range(first, part.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, part.steps, part.rate, constant=0.3)
        generator = ranks.source(seed + 100 * index, rank, step)
        rows = torch.randint(0, len(drawn.images), (BATCH_PER_RANK,), generator=generator).numpy()
        noise = torch.randn((BATCH_PER_RANK, 4, 8, 8), generator=generator)
        masks = torch.from_numpy(drawn.masks[rows])[:, None]
        loss, latents = _loss(vae, judge, tagger.to_tensor(drawn.images[rows]), masks, noise, part=part)
        optimiser.zero_grad()
        loss.backward()
        ranks.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        ema.update()
        if rank == 0 and step % 50 == 0:
            spread = [round(float(s), 2) for s in latents.std((0, 2, 3))]
            seconds = time.monotonic() - start
            log.info("vae step %d loss %.3f std %s, %.0f s", step, float(loss.detach()), spread, seconds)
        if rank == 0 and (step + 1) % ranks.SAVE_STEPS == 0:
            ranks.keep(noted, vae, optimiser, ema, step + 1)
        if rank == 0 and (step + 1) % 400 == 0:
            ema.swap()
            log.info("vae step %d: %s", step, _score(vae, tagger.JudgeTagger(), out, held_out))
            ema.swap()
    if rank == 0:
        ema.swap()
        ranks.save(vae.state_dict(), out / _raw(index))
        noted.unlink(missing_ok=True)
        log.info("vae: %s", _score(vae, tagger.JudgeTagger(), out, held_out, n=1000))


@torch.no_grad()
def _start_whitened(vae: Any, images: Tensor) -> None:
    """Give the latents of a fresh autoencoder mean 0 and variance 1 per channel."""
    first = _moments_mean(vae, images)
    mean, std = first.mean((0, 2, 3)), first.std((0, 2, 3))
    vae.quant_conv.weight[:4] /= std[:, None, None, None]
    vae.quant_conv.bias[:4].copy_((vae.quant_conv.bias[:4] - mean) / std)


@torch.no_grad()
def _score(
    vae: Any, judge: torch.nn.Module, out: Path, held_out: scenes.Scenes, n: int = 200
) -> dict[str, float]:
    """Judge's recall on reconstructions of held-out scenes, and their PSNR in dB."""
    judge.load_state_dict(torch.load(out / "tagger-judge.pt", weights_only=True))
    judge.eval()
    images = tagger.to_tensor(held_out.images[:n])
    made = torch.cat([reconstruct(vae, part) for part in images.split(50)])
    error = float(((made - images) / 2).square().mean())
    return {**tagger.recall(judge, made, held_out.tags[:n]), "psnr": round(-10 * math.log10(error), 2)}


@torch.no_grad()
def reconstruct(vae: Any, images: Tensor) -> Tensor:
    """Encode and decode images in [-1, 1], ``(b, 3, 64, 64)``."""
    made: Tensor = vae.decoder(vae.post_quant_conv(_moments_mean(vae, images)))
    return made.clamp(-1, 1)


@torch.no_grad()
def whiten(vae: Any, images: Tensor) -> None:
    """Fold mean and spread of the latents into the two 1 x 1 convolutions.

    Afterwards ``SCALE_FACTOR`` times the encoder's mean has mean 0 and variance 1 per
    channel, as Stable Diffusion's sampling code expects, and decoding is unchanged.
    """
    latents = torch.cat([_moments_mean(vae, part) for part in images.split(100)])
    mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    gain = std * networks.SCALE_FACTOR
    quant, post = vae.quant_conv, vae.post_quant_conv
    quant.weight[:4] /= gain[:, None, None, None]
    quant.bias[:4].copy_((quant.bias[:4] - mean) / gain)
    # The posterior's spread is the noise the decoder knows.
    quant.weight[4:] = 0
    quant.bias[4:].copy_(2 * torch.log(LATENT_NOISE / gain))
    post.bias.copy_(post.bias + post.weight[:, :, 0, 0] @ mean)
    post.weight.copy_(post.weight * gain[None, :, None, None])


def load(out: Path) -> Any:
    """Return the whitened autoencoder that :func:`stage` trained."""
    vae = networks.build_vae()
    vae.load_state_dict(torch.load(out / _PATH, weights_only=True))
    return vae.eval()


def stage(out: Path, seed: int) -> None:
    """Train the autoencoder and encode all training scenes."""
    for index in range(len(ROUNDS)):
        if not (out / _raw(index)).exists():
            ranks.run(_train, out, seed, index)
    drawn = scenes.load(out, "train")
    if not (out / _PATH).exists():
        vae = networks.build_vae()
        vae.load_state_dict(torch.load(out / _raw(len(ROUNDS) - 1), weights_only=True))
        whiten(vae, tagger.to_tensor(drawn.images[:3000]))
        ranks.save(vae.state_dict(), out / _PATH)
    keep_latents(out)


def keep_latents(out: Path) -> None:
    """Encode all training scenes with the whitened autoencoder, unless that is done."""
    if (out / "latents.pt").exists():
        return
    drawn, vae = scenes.load(out, "train"), load(out)
    parts = [drawn.images[i : i + 100] for i in range(0, len(drawn.images), 100)]
    with torch.no_grad():
        latents = torch.cat([_moments_mean(vae, tagger.to_tensor(p)) * networks.SCALE_FACTOR for p in parts])
    ranks.save(latents, out / "latents.pt")
    log.info("latents %s, std %s", tuple(latents.shape), latents.std((0, 2, 3)).tolist())
