"""Which family a checkpoint is of, told by the names and ranks of its tensors, never by their width.

A miniature of SD1 has other widths and may have another depth, but the same topology; it counts as SD1 here.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lib_rimo.errors import ArchitectureError
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.keys import place_of
from lib_rimo.merging.checkpoints.quantised import refuse_quantised

SD1, SD2, SDXL_BASE, SDXL_REFINER = "sd1", "sd2", "sdxl-base", "sdxl-refiner"

EDM_V = "edm v"
"""Told by a tensor ``edm_vpred.sigma_max``, as the WebUIs and ComfyUI read it."""

REFINER_INPUT_BLOCKS = 12
"""SDXL base has 9 input blocks (3 levels), its refiner 12 (4 levels); asked only where text encoders are absent."""

_STEM = "model.diffusion_model."
_OTHERS = {
    "double_blocks.": "Flux",
    "joint_blocks.": "SD3",
    "down_blocks.": "a UNet in the layout of diffusers, which is not a whole checkpoint",
    "lora_": "a LoRA",
    ".lora": "a LoRA",
    "control_model.": "a ControlNet",
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """A checkpoint's family.

    Attributes:
        name: ``sd1``, ``sd2``, ``sdxl-base`` or ``sdxl-refiner``.
        inpainting: Whether the UNet takes a mask and a masked picture beside the noise.
        input_blocks: Number of input blocks of the UNet.
        output_blocks: Number of output blocks of the UNet.
        in_channels: Channels that the UNet takes.
        prediction: What the UNet predicts, ``epsilon``, ``v`` or ``edm v`` (v on another scale of noise), if the
            file or its sidecar says so.
        zero_snr: Whether the file says that it was trained down to no signal at all (zero terminal SNR).
    """

    name: str
    inpainting: bool
    input_blocks: int
    output_blocks: int
    in_channels: int
    prediction: str | None = None
    zero_snr: bool = False

    @property
    def predicts(self) -> str | None:
        """What every program takes it to predict; None for SD2, whose files are of both kinds and seldom say so."""
        return self.prediction or (None if self.name == SD2 else "epsilon")

    def describe(self) -> str:
        """A few words for messages."""
        kind = "inpainting " if self.inpainting else ""
        return f"{kind}{self.name}, {self.input_blocks} input and {self.output_blocks} output blocks"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a partner's tensors stand to the base's; what is listed here stays the base's.

    Attributes:
        missing: Keys that are merged elsewhere but that the partner lacks.
        extra: The partner's keys that the base lacks.
        reshaped: Keys outside the UNet whose shapes differ.
    """

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    reshaped: tuple[str, ...]


def recognise(checkpoint: Checkpoint) -> Architecture:
    """Tells a checkpoint's family.

    Raises:
        ArchitectureError: The file is no Stable Diffusion 1, 2 or XL checkpoint.
    """
    keys = checkpoint.keys()
    blocks: dict[str, set[int]] = {"input_blocks": set(), "output_blocks": set()}
    for key in keys:
        place = place_of(key)
        if place is not None and place.family in blocks:
            blocks[place.family].add(place.block)
    first, last = _STEM + "input_blocks.0.0.weight", _STEM + "out.2.weight"
    if not (blocks["output_blocks"] and _has_rank(checkpoint, first, 4) and _has_rank(checkpoint, last, 4)):
        raise ArchitectureError(
            f"{checkpoint.name} is of an unknown kind",
            found=_guess(keys),
            wanted="a Stable Diffusion 1, 2 or XL checkpoint with its UNet",
            fix="Choose a whole model file",
        )
    in_channels, out_channels = checkpoint.shape(first)[1], checkpoint.shape(last)[0]
    return Architecture(
        _family(checkpoint, len(blocks["input_blocks"])),
        # The UNet of an inpainting model takes the latents, a mask of one channel and the masked latents.
        in_channels == 2 * out_channels + 1,
        len(blocks["input_blocks"]),
        len(blocks["output_blocks"]),
        in_channels,
        _prediction(checkpoint),
        _zero_snr(checkpoint),
    )


def _has_rank(checkpoint: Checkpoint, key: str, rank: int) -> bool:
    return key in checkpoint and len(checkpoint.shape(key)) == rank


def _family(checkpoint: Checkpoint, n_input_blocks: int) -> str:
    keys = checkpoint.keys()

    def any_starts(*prefixes: str) -> bool:
        return any(key.startswith(prefixes) for key in keys)

    if any_starts(_STEM + "label_emb."):
        if any_starts("conditioner.embedders.1."):
            return SDXL_BASE
        if any_starts("conditioner.embedders.0."):
            return SDXL_REFINER
        return SDXL_REFINER if n_input_blocks >= REFINER_INPUT_BLOCKS else SDXL_BASE
    if any_starts("cond_stage_model.transformer."):
        return SD1
    if any_starts("cond_stage_model.model.", "conditioner.embedders.0.model."):
        return SD2
    # Without a text encoder: SD2 projects into its attention blocks with a matrix, SD1 with a 1x1 convolution.
    ranks = [len(checkpoint.shape(k)) for k in keys if k.startswith(_STEM) and k.endswith(".proj_in.weight")]
    return SD2 if ranks and max(ranks) == len(("out", "in")) else SD1


def _guess(keys: Iterable[str]) -> str:
    names = list(keys)
    for mark, kind in _OTHERS.items():
        if any(mark in name for name in names):
            return kind
    if names and all(
        name.startswith(("first_stage_model.", "encoder.", "decoder.", "quant")) for name in names
    ):
        return "a VAE"
    return f"{len(names)} tensors" + (f", the first named {names[0]!r}" if names else "")


def _prediction(checkpoint: Checkpoint) -> str | None:
    if "edm_vpred.sigma_max" in checkpoint:
        return EDM_V
    if "v_pred" in checkpoint:
        return "v"
    said = checkpoint.metadata.get("modelspec.prediction_type", "") or _sidecar_says(checkpoint.path)
    if said:
        return "v" if said.lower().startswith("v") else "epsilon"
    return None


def _zero_snr(checkpoint: Checkpoint) -> bool:
    """Told by an empty tensor ``ztsnr``, or by what sd-scripts notes of its training."""
    return "ztsnr" in checkpoint or checkpoint.metadata.get("ss_zero_terminal_snr", "").lower() == "true"


def sidecar_of(path: Path) -> Path | None:
    """The configuration that lies beside a checkpoint under its name, if there is one."""
    beside = path.with_suffix(".yaml")
    return beside if beside.is_file() else None


def _sidecar_says(path: Path) -> str:
    beside = sidecar_of(path)
    if beside is None:
        return ""
    try:
        yaml = importlib.import_module("yaml")
        data = yaml.safe_load(beside.read_text("utf-8"))
        return str(data["model"]["params"].get("parameterization", ""))
    except Exception:  # noqa: BLE001 - a hint from an optional reader; without it nothing is lost
        return ""


def check_same(base: Checkpoint, partner: Checkpoint, *, mix_predictions: bool = False) -> Comparison:
    """Checks that two checkpoints can be mixed.

    Args:
        base: The one.
        partner: The other.
        mix_predictions: Whether one may predict v and the other epsilon; the user has to say so.

    Raises:
        ArchitectureError: They are of different families, their UNets differ in a shape, or in what they predict.
        CheckpointError: One of them is quantised.
    """
    ours, theirs = recognise(base), recognise(partner)
    for checkpoint in (base, partner):
        refuse_quantised(checkpoint)
    shared = [k for k in base if k in partner and place_of(k) is not None]
    different = [k for k in shared if base.shape(k) != partner.shape(k)]
    in_unet = [k for k in different if k.startswith(_STEM)]
    same = (ours.name, ours.input_blocks, ours.output_blocks) == (
        theirs.name,
        theirs.input_blocks,
        theirs.output_blocks,
    )
    if in_unet or not same:
        where = in_unet[0] if in_unet else (different[0] if different else "")
        detail = f"; {where} has shape {partner.shape(where)} against {base.shape(where)}" if where else ""
        raise ArchitectureError(
            f"{partner.name} cannot be mixed into {base.name}",
            found=theirs.describe() + detail,
            wanted=ours.describe(),
            fix="Choose models of one family",
        )
    if not mix_predictions and None not in (kinds := (theirs.predicts, ours.predicts)) and len({*kinds}) > 1:
        raise ArchitectureError(
            f"{partner.name} and {base.name} predict different things, so their mix draws noise",
            found=f"{kinds[0]}-prediction and {kinds[1]}-prediction",
            wanted="models of one prediction type",
            fix="Leave one of them out, or say that you want to mix prediction types",
        )
    return Comparison(
        tuple(k for k in base if k not in partner and place_of(k) is not None),
        tuple(k for k in partner if k not in base),
        tuple(different),
    )
