"""Draw pictures with the family's networks, many at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler
from numpy.typing import NDArray
from torch import Tensor

from tools.toy_family import diffusion, networks, vocabulary

STEPS = 8
CFG = 4.0
SAMPLER = "DPM++ 2M"
BATCH = 32


def scheduler() -> Any:
    """Return DPM++ 2M on the family's noise schedule."""
    return DPMSolverMultistepScheduler(
        num_train_timesteps=diffusion.N_TIMESTEPS,
        beta_start=diffusion.BETA_START,
        beta_end=diffusion.BETA_END,
        beta_schedule="scaled_linear",
        algorithm_type="dpmsolver++",
        solver_order=2,
        timestep_spacing="linspace",
        steps_offset=1,
    )


def tokenize(prompts: list[str]) -> Tensor:
    """Return tokens ``(n, 77)`` of prompts that hold only tags and commas."""
    table = vocabulary.vocabulary()
    ids = torch.full((len(prompts), networks.N_TOKENS), table[vocabulary.END])
    ids[:, 0] = table[vocabulary.START]
    for row, prompt in enumerate(prompts):
        words = prompt.replace(",", " ,").split()
        ids[row, 1 : 1 + len(words)] = torch.tensor(
            [table[word + "</w>"] for word in words], dtype=torch.int64
        )
    return ids


@torch.no_grad()
def sample(
    unet: Any,
    vae: Any,
    text: Any,
    prompts: list[str],
    seeds: list[int],
    *,
    steps: int = STEPS,
    cfg: float = CFG,
) -> NDArray[np.uint8]:
    """Draw one picture per prompt.

    Args:
        unet: noise predictor.
        vae: autoencoder with whitened latents.
        text: text encoder.
        prompts: tags joined by commas, length n.
        seeds: seed of each picture's noise, length n.
        steps: sampling steps.
        cfg: weight of classifier-free guidance.

    Returns:
        uint8 RGB, shape ``(n, 64, 64, 3)``.
    """
    made = []
    empty = text(tokenize([""])).last_hidden_state
    for begin in range(0, len(prompts), BATCH):
        part = slice(begin, begin + BATCH)
        context = text(tokenize(prompts[part])).last_hidden_state
        context = torch.cat([empty.expand(len(context), -1, -1), context])
        noise = [torch.randn((4, 8, 8), generator=torch.Generator().manual_seed(s)) for s in seeds[part]]
        solver = scheduler()
        solver.set_timesteps(steps)
        latents = torch.stack(noise) * solver.init_noise_sigma
        for t in solver.timesteps:
            both = unet(torch.cat([latents, latents]), t, context, return_dict=False)[0]
            without, with_prompt = both.chunk(2)
            latents = solver.step(without + cfg * (with_prompt - without), t, latents, return_dict=False)[0]
        images = vae.decode(latents / networks.SCALE_FACTOR, return_dict=False)[0]
        pixels = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        made.append(pixels.permute(0, 2, 3, 1).numpy())
    return np.concatenate(made)
