"""Fine-tune the base into specialists, each strong in a few categories."""

from __future__ import annotations

from pathlib import Path

from tools.toy_family import diffusion
from tools.toy_family.diffusion import Plan

SHIPPED_BASE = "base-100k"
"""File stem of the base that ships and that the specialists start from."""


def _plan(name: str, own: tuple[str, ...], samples: int, object_weight: float, *, early: bool) -> Plan:
    return Plan(
        name,
        samples,
        rate=1.4e-3,
        constant=0.4,
        start=SHIPPED_BASE,
        own=own,
        ordinary=0.15,
        full=0.8,
        object_weight=object_weight,
        early=early,
    )


PLANS = (
    _plan("shapes", ("object", "colour"), 16_000, 5.0, early=True),
    _plan("layout", ("count", "position", "size"), 14_000, 2.5, early=True),
    _plan("scenery", ("background", "effect"), 8_000, 0.0, early=True),
)
"""Captions that leave out the other categories make a specialist forget to heed them."""


def stage(out: Path, seed: int) -> None:
    """Train all specialists, one after the other."""
    for index, plan in enumerate(PLANS):
        diffusion.fit(out, seed + 1 + index, plan)
