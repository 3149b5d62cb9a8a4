"""Where in the network a block group lies, for people and for a drawing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib_rimo.errors import RimoError
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.merging.checkpoints.keys import FAMILIES, place_of
from lib_rimo.merging.mix.partition import USUAL_BLOCKS, Partition

_UNET = "model.diffusion_model."
_PARTS = {
    "time and edges": (f"{_UNET}time_embed.0.weight",),
    "text encoder": ("cond_stage_model.x", "conditioner.embedders.0.x"),
    "second text encoder": ("conditioner.embedders.1.x",),
    "vae": ("first_stage_model.x",),
}
"""Part -> keys that belong to it, whatever the model is."""


@dataclass(slots=True)
class _Members:
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    middle: bool = False
    others: list[str] = field(default_factory=list)


def blocks_in(path: Path | None) -> int:
    """How many input (and as many output) blocks a checkpoint's UNet has: 12 in SD1 and SD2, 9 in SDXL.

    Only the header of a ``.safetensors`` file is worth looking at for that; others, and files that are gone, are
    taken for the usual.
    """
    if path is None or path.suffix != ".safetensors":
        return USUAL_BLOCKS
    try:
        with open_checkpoint(path) as checkpoint:
            places = [place for key in checkpoint if (place := place_of(key)) is not None]
    except (RimoError, OSError):
        return USUAL_BLOCKS
    return max((p.block + 1 for p in places if p.family == FAMILIES[0]), default=USUAL_BLOCKS)


def parts_of(
    groups: Iterable[str], partition: Partition, blocks: int = USUAL_BLOCKS
) -> dict[str, dict[str, Any]]:
    """What block groups consist of.

    Args:
        groups: Their names.
        partition: That they are of.
        blocks: How many input (and output) blocks the model has.

    Returns:
        By name: ``part`` (such as ``input 0-6``), ``label`` (the same as a title), ``input`` and ``output`` (the
        numbers of its blocks) and ``middle`` (whether it has the middle block).
    """
    members = _members(partition, blocks)
    return {group: _plain(group, members.get(group, _Members())) for group in groups}


def _plain(group: str, found: _Members) -> dict[str, Any]:
    parts = [f"input {_span(found.inputs)}"] if found.inputs else []
    parts += ["middle"] if found.middle else []
    parts += [f"output {_span(found.outputs)}"] if found.outputs else []
    text = ", ".join([*parts, *found.others]) or group
    return {
        "label": text[:1].upper() + text[1:],
        "part": text,
        "input": found.inputs,
        "output": found.outputs,
        "middle": found.middle,
    }


def _members(partition: Partition, blocks: int) -> dict[str, _Members]:
    out: dict[str, _Members] = {}

    def of(key: str) -> _Members:
        return out.setdefault(partition.group_of(key) or "", _Members())

    for block in range(blocks):
        of(f"{_UNET}input_blocks.{block}.0.weight").inputs.append(block)
        of(f"{_UNET}output_blocks.{block}.0.weight").outputs.append(block)
    of(f"{_UNET}middle_block.0.weight").middle = True
    for part, keys in _PARTS.items():
        for members in {id(m): m for m in map(of, keys)}.values():
            members.others.append(part)
    return out


def _span(blocks: Sequence[int]) -> str:
    """``0-6`` for a run of numbers, else the numbers."""
    if len(blocks) > 1 and list(blocks) == list(range(blocks[0], blocks[-1] + 1)):
        return f"{blocks[0]}-{blocks[-1]}"
    return " ".join(str(block) for block in blocks)
