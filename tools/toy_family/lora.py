"""LoRA files of the specialists: their differences to the base, cut down to a few ranks, in kohya's naming.

Each linear and convolution layer of the attention blocks, the residual blocks and the text encoder gets
``NAME.lora_up.weight``, ``NAME.lora_down.weight`` and ``NAME.alpha``; NAME is the layer's name in diffusers with
underscores, behind ``lora_unet_`` or ``lora_te_``. What is neither (norms, biases, the first and last convolution, the
time embedding) is no part of such a file, so that even the highest rank is not the whole difference.

Source: the naming of kohya-ss/sd-scripts, as its ``networks/lora.py`` writes it; convolutions as with ``conv_dim``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from lib_rimo.toy import delta, family
from tools.toy_family import diffusion, layout

RANKS = (1, 4, 16)
"""Of the files that are written."""
_UNET = re.compile(r"(down_blocks|up_blocks|mid_block)\..*\.weight")
_TEXT = re.compile(r"encoder\.layers\..*\.weight")


def kohya_name(name: str) -> str | None:
    """What kohya calls a weight of :class:`tools.toy_family.diffusion.Pair`; None where it has no part in a LoRA."""
    part, _, rest = name.partition(".")
    if part == "unet" and _UNET.fullmatch(rest):
        return "lora_unet_" + rest.removesuffix(".weight").replace(".", "_")
    rest = rest.removeprefix("text_model.")
    if part == "text" and _TEXT.fullmatch(rest):
        return "lora_te_text_model_" + rest.removesuffix(".weight").replace(".", "_")
    return None


def extract(
    base: Mapping[str, NDArray[np.float32]], tuned: Mapping[str, NDArray[np.float32]], rank: int
) -> dict[str, NDArray[np.float16]]:
    """The best approximation of a difference by matrices of a rank.

    Args:
        base: Weights by their names in :class:`tools.toy_family.diffusion.Pair`.
        tuned: The same of the specialist.
        rank: Columns of each ``lora_up``; a layer that is smaller has as many as it can.

    Returns:
        The tensors of the file. With strength 1 a reader adds ``lora_up @ lora_down`` to each layer.
    """
    out: dict[str, NDArray[np.float16]] = {}
    for name, new in tuned.items():
        known = kohya_name(name)
        if known is None or new.ndim < 2:
            continue
        difference = (new.astype(np.float64) - base[name]).reshape(len(new), -1)
        left, sizes, right = np.linalg.svd(difference, full_matrices=False)
        kept = min(rank, len(sizes))
        roots = np.sqrt(sizes[:kept])
        up, down = left[:, :kept] * roots, roots[:, None] * right[:kept]
        if new.ndim == 4:
            up, down = up.reshape(*up.shape, 1, 1), down.reshape(kept, *new.shape[1:])
        out[f"{known}.lora_up.weight"] = up.astype(np.float16)
        out[f"{known}.lora_down.weight"] = down.astype(np.float16)
        out[f"{known}.alpha"] = np.asarray(kept, np.float16)
    return out


def weights_of(checkpoint: Path) -> dict[str, NDArray[np.float32]]:
    """The weights of a checkpoint of the family, by their names in diffusers."""
    import torch

    state = {name: torch.from_numpy(np.array(v)) for name, v in delta.parse(checkpoint.read_bytes()).items()}
    pair = diffusion.Pair()
    layout.from_ldm(state, pair.unet, pair.text)
    return {name: value.numpy().astype(np.float32) for name, value in pair.state_dict().items()}


def write(files: family.Family, folder: Path, ranks: tuple[int, ...] = RANKS) -> list[Path]:
    """Writes one file for each specialist and rank, ``NAME-rRANK.safetensors``."""
    folder.mkdir(parents=True, exist_ok=True)
    base, made = weights_of(files.base), []
    for specialist in files.specialists:
        tuned = weights_of(specialist)
        for rank in ranks:
            metadata = {
                "ss_network_module": "networks.lora",
                "ss_network_dim": str(rank),
                "ss_network_alpha": str(rank),
                "ss_network_args": json.dumps({"conv_dim": str(rank), "conv_alpha": str(rank)}),
                "ss_base_model_version": "sd_v1",
                "ss_output_name": f"{specialist.stem}-r{rank}",
            }
            path = folder / f"{specialist.stem}-r{rank}.safetensors"
            path.write_bytes(save(extract(base, tuned, rank), metadata))
            made.append(path)
    return made


def stage(out: Path, seed: int) -> None:
    """Write the files of the exported family into ``out``."""
    del seed
    write(family.unpack(out / "models"), out / "lora")
