"""Begin with the networks that ship, so that a longer training need not begin with the first sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lib_rimo.toy import delta, family
from tools.toy_family import diffusion, layout, networks, ranks, scenes, specialists, vae


def stage(out: Path, seed: int) -> None:
    """Take autoencoder and base from the shipped checkpoint, and encode the training scenes with them.

    Both were rounded to half precision when they were exported.
    """
    scenes.stage(out, seed)
    found = delta.parse((family.DATA / "toy-base.safetensors").read_bytes())
    state = {name: torch.from_numpy(np.array(value)) for name, value in found.items()}
    pair, autoencoder = diffusion.Pair(), networks.build_vae()
    layout.from_ldm(state, pair.unet, pair.text, autoencoder)
    for name, network in ((specialists.SHIPPED_BASE, pair), ("vae", autoencoder)):
        if not (out / f"{name}.pt").exists():
            ranks.save(network.state_dict(), out / f"{name}.pt")
    vae.keep_latents(out)
