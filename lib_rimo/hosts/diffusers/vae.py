"""The VAE that a checkpoint is drawn with: its own, one that lies beside it, or one of the user's choice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lib_rimo.errors import CheckpointError, HostError
from lib_rimo.merging.checkpoints.checkpoint import VAE_SUFFIXES, Checkpoint, open_checkpoint
from lib_rimo.merging.checkpoints.family import Family
from lib_rimo.said import say

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

_OWN = "first_stage_model."
_PREFIXES = (_OWN, "vae.")
_BARE = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
_DIFFUSERS = "decoder.mid_block."
"""What only names in the layout of diffusers begin with."""


def has_vae(keys: Iterable[str], family: Family) -> bool:
    """Whether a checkpoint brings a VAE along."""
    return any(key.startswith((*family.parts("vae"), *_PREFIXES)) for key in keys)


def is_vae(key: str, family: Family) -> bool:
    """Whether a tensor is one of the VAE's."""
    return key.startswith((*family.parts("vae"), *_PREFIXES))


def is_beside(path: Path) -> bool:
    """Whether a file is the VAE of another one, by its name: the WebUIs' ``model.vae.safetensors``."""
    return path.stem.lower().endswith(".vae")


def beside(checkpoint: Path) -> Path | None:
    """The VAE that lies beside a checkpoint under its name, if there is one."""
    named = (checkpoint.with_name(f"{checkpoint.stem}.vae{suffix}") for suffix in VAE_SUFFIXES)
    return next((path for path in named if path.is_file()), None)


def choose_vae(checkpoint: Checkpoint, family: Family, chosen: Path | None) -> Path | None:
    """The file of the VAE to draw with; None for the checkpoint's own.

    Raises:
        HostError: There is none.
    """
    if chosen is not None:
        return chosen
    if has_vae(checkpoint, family):
        return None
    if (found := beside(checkpoint.path)) is not None:
        return found
    raise HostError(
        say("{1} has no VAE, which turns what the model draws into a picture", checkpoint.name),
        found="no tensor of one in the file",
        wanted="a VAE in the file, beside it or of your choice",
        fix=say(
            "Choose one under VAE, bake one into the file, or put it beside as {1}",
            f"{checkpoint.path.stem}.vae.safetensors",
        ),
    )


def load_vae(path: Path, folder: Path, dtype: torch.dtype) -> AutoencoderKL:
    """A VAE from its file, or out of a whole checkpoint.

    Args:
        path: In the original layout, bare or with the names that it has in a checkpoint, or in that of diffusers.
        folder: The configuration of the model that it is for.
        dtype: Of its weights.

    Raises:
        HostError: The file is not there, damaged, no VAE, or one of another shape.
    """
    import diffusers

    try:
        with open_checkpoint(path, VAE_SUFFIXES) as file:
            tensors = _tensors(file)
            loader: Any = diffusers.AutoencoderKL
            if any(key.startswith(_DIFFUSERS) for key in tensors):
                vae = loader.from_config(loader.load_config(str(folder), subfolder="vae")).to(dtype)
                vae.load_state_dict(tensors)
            else:
                vae = loader.from_single_file(
                    {_OWN + key: tensor for key, tensor in tensors.items()},
                    config=str(folder),
                    subfolder="vae",
                    local_files_only=True,
                    torch_dtype=dtype,
                )
    except CheckpointError as error:
        raise HostError("The VAE cannot be read", found=str(error).rstrip(".")) from error
    except (RuntimeError, ValueError, KeyError, NotImplementedError) as error:
        raise HostError(
            "The VAE does not fit the model",
            found=say("{1}: {2}", path.name, next(iter(str(error).strip().splitlines()), "")),
            wanted="a VAE of the model's family",
            fix="Choose another one under VAE",
        ) from error
    made: AutoencoderKL = vae.eval()
    return made


def _tensors(file: Checkpoint) -> dict[str, torch.Tensor]:
    """A VAE's tensors by their bare names.

    Raises:
        HostError: There are none.
    """
    for prefix in _PREFIXES:
        if named := {key.removeprefix(prefix): file.tensor(key) for key in file if key.startswith(prefix)}:
            return named
    if bare := {key: file.tensor(key) for key in file if key.startswith(_BARE)}:
        return bare
    raise HostError(
        "The file chosen as VAE is none",
        found=say("{1} with {2} tensors", file.name, len(file.keys())),
        wanted="the file of a VAE, or a checkpoint with one",
        fix="Choose another one under VAE",
    )
