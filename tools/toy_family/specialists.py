"""Fine-tune the base into specialists, each strong in a few categories."""

from __future__ import annotations

from pathlib import Path

from tools.toy_family import diffusion
from tools.toy_family.diffusion import Plan

SHIPPED_BASE = "base"
"""File stem of the base that ships and that the specialists start from."""

_SAMPLES, _RATE = 12_000, 1.2e-3
PLANS = (
    Plan("shapes", _SAMPLES, _RATE, constant=0.3, start=SHIPPED_BASE, own=("object", "colour"), full=0.8),
    Plan("layout", _SAMPLES, _RATE, constant=0.3, start=SHIPPED_BASE, own=("count", "position", "size"), full=0.8),
    Plan("scenery", _SAMPLES, _RATE, constant=0.3, start=SHIPPED_BASE, own=("background", "effect"), full=0.8),
)
"""Captions that leave out the other categories make a specialist forget to heed them."""


def stage(out: Path, seed: int) -> None:
    """Train all specialists, one after the other."""
    for index, plan in enumerate(PLANS):
        diffusion.fit(out, seed + 1 + index, plan)
