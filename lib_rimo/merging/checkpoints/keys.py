"""What a checkpoint key belongs to: the text encoder, the VAE, a block of the UNet, or nothing that is merged.

The facts stand in ``data/components.json``; this module only reads them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

UNET = "unet"
FAMILIES = ("input_blocks", "middle_block", "output_blocks")
"""The UNet's three chains of blocks, as the checkpoint keys spell them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key belongs.

    Attributes:
        component: ``unet``, ``text``, ``text2`` or ``vae``.
        family: One of ``FAMILIES`` for a block of the UNet, else empty.
        block: Its number within the family; -1 outside the families.
    """

    component: str
    family: str = ""
    block: int = -1


def read_data(name: str) -> Any:
    """A data file of this room, parsed."""
    return json.loads(resources.files("lib_rimo.merging").joinpath("data").joinpath(name).read_text("utf-8"))


@lru_cache(maxsize=1)
def _components() -> tuple[tuple[tuple[str, str], ...], re.Pattern[str], tuple[tuple[str, str], ...]]:
    data = read_data("components.json")
    prefixes = tuple((p, component) for component, found in data["prefixes"].items() for p in found)
    return prefixes, re.compile("|".join(data["never"])), tuple((a, b) for a, b in data["renamed"])


_BLOCK = re.compile(r"(input_blocks|middle_block|output_blocks)\.(\d{1,6})\.")


@lru_cache(maxsize=1 << 16)
def place_of(key: str) -> Place | None:
    """Where a key belongs, or None if it is never merged (EMA copies, schedules, position ids, unknown names)."""
    prefixes, never, _ = _components()
    if never.search(key):
        return None
    for prefix, component in prefixes:
        if key.startswith(prefix):
            if component == UNET and (found := _BLOCK.match(key, len(prefix))):
                return Place(component, found[1], int(found[2]))
            return Place(component)
    return None


def canonical_names(names: Iterable[str]) -> dict[str, str]:
    """Today's spelling of tensor names -> the spelling in the file.

    A name is only rewritten if that takes no other tensor's place.
    """
    _, _, renamed = _components()
    stored = list(names)
    taken = set(stored)
    out: dict[str, str] = {}
    for name in stored:
        new = name
        for old_prefix, new_prefix in renamed:
            if name.startswith(old_prefix):
                new = new_prefix + name[len(old_prefix) :]
        out[name if new in taken else new] = name
    return out
