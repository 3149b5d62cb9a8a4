"""Which family a checkpoint is of, told by the names and ranks of its tensors, never by their width.

A miniature of SD1 has other widths and may have another depth, but the same topology; it counts as SD1 here. What
each family is told by stands in its file. Where two fit, the one that names more marks of the file is the more
specific and prevails; a mark is what the file has, not what it lacks.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lib_rimo.errors import ArchitectureError, CheckpointError
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint, open_checkpoint
from lib_rimo.merging.checkpoints.families import FAMILIES, OWN, families
from lib_rimo.merging.checkpoints.family import Condition, Family
from lib_rimo.merging.checkpoints.keys import UNET, place_of
from lib_rimo.merging.checkpoints.quantised import refuse_quantised
from lib_rimo.said import say

EDM_V = "edm v"
"""v on another scale of noise; told by a tensor that the WebUIs and ComfyUI read as well."""

_OTHERS = {
    "lora_": "a LoRA",
    ".lora": "a LoRA",
    "lycoris_": "a LoRA",
    "double_blocks.": "Flux",
    "joint_blocks.": "SD3",
    "down_blocks.": "a UNet in the layout of diffusers, which is not a whole checkpoint",
    "control_model.": "a ControlNet",
}

_VAE = (
    "first_stage_model.",
    "encoder.",
    "decoder.",
    "quant_conv.",
    "post_quant_conv.",
    "loss.",
    "model_ema.",
)
_UNET = ("input_blocks.", "output_blocks.")


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a checkpoint is.

    Attributes:
        name: Of its family, such as ``sd1``.
        inpainting: Whether the UNet takes a mask and a masked picture beside the noise.
        blocks: Each chain of blocks, and how many it has.
        in_channels: Channels that the UNet takes.
        prediction: What the UNet predicts, ``epsilon``, ``v`` or ``edm v`` (v on another scale of noise), if the
            file or its sidecar says so.
        zero_snr: Whether the file says that it was trained down to no signal at all (zero terminal SNR).
    """

    name: str
    inpainting: bool
    blocks: tuple[tuple[str, int], ...]
    in_channels: int
    prediction: str | None = None
    zero_snr: bool = False

    @property
    def family(self) -> Family:
        """What is known of its family."""
        return FAMILIES[self.name]

    @property
    def input_blocks(self) -> int:
        """Number of input blocks; 0 in a network without."""
        return dict(self.blocks).get("input_blocks", 0)

    @property
    def output_blocks(self) -> int:
        """Number of output blocks; 0 in a network without."""
        return dict(self.blocks).get("output_blocks", 0)

    @property
    def predicts(self) -> str | None:
        """What every program takes it to predict; None for SD2, whose files are of both kinds and seldom say so."""
        return self.prediction or self.family.prediction.usual

    def describe(self) -> str:
        """A few words for messages."""
        kind = "inpainting " if self.inpainting else ""
        counts = dict(self.blocks)
        ways = [f"{counts[c.name]} {c.label}" for c in self.family.chains if c.side != "middle"]
        return f"{kind}{self.name}, {' and '.join(ways)} blocks"


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
        ArchitectureError: The file is of no known family, or fits two equally well.
    """
    keys = checkpoint.keys()
    fitting = [(marks, family) for family in families() if (marks := _marks(checkpoint, family))]
    most = max((marks for marks, _ in fitting), default=0)
    nearest = [family for marks, family in fitting if marks == most]
    if not nearest:
        more = ", ".join(family.title for family in families() if family.name not in OWN)
        raise ArchitectureError(
            say("{1} is of an unknown kind", checkpoint.name),
            found=_guess(keys),
            wanted=say("a Stable Diffusion 1, 2 or XL checkpoint with its UNet, or one of {1}", more)
            if more
            else "a Stable Diffusion 1, 2 or XL checkpoint with its UNet",
            fix="Choose a whole model file",
        )
    if len(nearest) > 1:
        raise ArchitectureError(
            say("{1} fits two model families equally well", checkpoint.name),
            found=" and ".join(family.name for family in nearest),
            wanted="a family that names more marks of the file than the other",
            fix="Remove one of them, or tell its makers",
        )
    found = nearest[0]
    channels, inpainting = found.latent.channels, False
    if found.edges is not None and found.edges.first in checkpoint and found.edges.last in checkpoint:
        channels = checkpoint.shape(found.edges.first)[1]
        # The UNet of an inpainting model takes the latents, a mask of one channel and the masked latents.
        inpainting = channels == 2 * checkpoint.shape(found.edges.last)[0] + 1
    counts = _counts(checkpoint, found)
    return Architecture(
        found.name,
        inpainting,
        tuple((chain.name, counts.get(chain.name, 0)) for chain in found.chains),
        channels,
        _prediction(checkpoint, found),
        _zero_snr(checkpoint, found),
    )


def known_family(path: Path | None) -> Family | None:
    """The family of a file's model, read from its header; None where that says nothing.

    Only ``.safetensors`` files are looked at, since others have to be read whole for it.
    """
    if path is None or path.suffix != ".safetensors":
        return None
    try:
        stat = path.stat()
        return FAMILIES[_family_name(path, stat.st_size, stat.st_mtime_ns, families())]
    except (CheckpointError, OSError):
        return None


def family_of(path: Path | None) -> Family:
    """The same; what is taken for usual where nothing is known."""
    return known_family(path) or families()[0]


@functools.lru_cache(maxsize=64)
def _family_name(path: Path, _size: int, _changed: int, _among: tuple[Family, ...]) -> str:
    with open_checkpoint(path) as checkpoint:
        return recognise(checkpoint).name


def _marks(checkpoint: Checkpoint, family: Family) -> int:
    """How many marks of a family a file has; 0 if it is not of the family."""
    counts = functools.cache(functools.partial(_counts, checkpoint, family))

    def fits(conditions: Iterable[Condition]) -> bool:
        return all(_holds(condition, checkpoint, counts) for condition in conditions)

    if not fits(family.marks.always):
        return 0
    fitting = (listed for listed in family.marks.one_of if fits(listed))
    most = max((sum(c.counts for c in listed) for listed in fitting), default=-1)
    return 0 if most < 0 else most + sum(c.counts for c in family.marks.always)


def _holds(condition: Condition, checkpoint: Checkpoint, counts: Callable[[], dict[str, int]]) -> bool:
    keys = checkpoint.keys()
    if condition.has and not any(key.startswith(condition.has) for key in keys):
        return False
    if condition.lacks and any(key.startswith(condition.lacks) for key in keys):
        return False
    if condition.tensor:
        before, star, after = condition.tensor.partition("*")
        named = [k for k in keys if k.startswith(before) and k.endswith(after)] if star else [before]
        ranks = [len(checkpoint.shape(key)) for key in named if key in checkpoint]
        if (max(ranks, default=-1) == condition.rank) is condition.unlike:
            return False
    if condition.chain:
        first, dash, last = condition.blocks.partition("-")
        count = counts().get(condition.chain, 0)
        return int(first) <= count and (count <= int(last or first) if last or not dash else True)
    return True


def _counts(checkpoint: Checkpoint, family: Family) -> dict[str, int]:
    blocks: dict[str, set[int]] = {}
    for key in checkpoint.keys():  # noqa: SIM118 -- no dict: its keys are in the file's order
        place = family.place_of(key)
        if place is not None and place.chain:
            blocks.setdefault(place.chain, set()).add(place.block)
    return {chain: len(numbers) for chain, numbers in blocks.items()}


def _guess(keys: Iterable[str]) -> str:
    names = list(keys)
    for mark, kind in _OTHERS.items():
        if any(mark in name for name in names):
            return kind
    if names and all(name.startswith(_VAE) for name in names):
        return "a VAE"
    if any(name.startswith(_UNET) for name in names):
        return "a bare UNet, which is not a whole checkpoint"
    return f"{len(names)} tensors" + (f", the first named {names[0]!r}" if names else "")


def _prediction(checkpoint: Checkpoint, family: Family) -> str | None:
    for tensor, says in family.prediction.marks.items():
        if tensor in checkpoint:
            return says
    said = checkpoint.metadata.get("modelspec.prediction_type", "") or _sidecar_says(checkpoint.path)
    if said:
        return "v" if said.lower().startswith("v") else "epsilon"
    return None


def _zero_snr(checkpoint: Checkpoint, family: Family) -> bool:
    """Told by an empty tensor, or by what sd-scripts notes of its training."""
    noted = checkpoint.metadata.get("ss_zero_terminal_snr", "").lower() == "true"
    return noted or any(tensor in checkpoint for tensor in family.prediction.zero_snr)


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
    in_unet = [k for k in different if (place := place_of(k)) is not None and place.component == UNET]
    if in_unet or (ours.name, ours.blocks) != (theirs.name, theirs.blocks):
        where = in_unet[0] if in_unet else (different[0] if different else "")
        detail = f"; {where} has shape {partner.shape(where)} against {base.shape(where)}" if where else ""
        raise ArchitectureError(
            say("{1} cannot be mixed into {2}", partner.name, base.name),
            found=theirs.describe() + detail,
            wanted=ours.describe(),
            fix="Choose models of one family",
        )
    if not mix_predictions and None not in (kinds := (theirs.predicts, ours.predicts)) and len({*kinds}) > 1:
        raise ArchitectureError(
            say("{1} and {2} predict different things, so their mix draws noise", partner.name, base.name),
            found=say("{1}-prediction and {2}-prediction", kinds[0], kinds[1]),
            wanted="models of one prediction type",
            fix="Leave one of them out, or say that you want to mix prediction types",
            setting="mix_predictions",
        )
    return Comparison(
        tuple(k for k in base if k not in partner and place_of(k) is not None),
        tuple(k for k in partner if k not in base),
        tuple(different),
    )
