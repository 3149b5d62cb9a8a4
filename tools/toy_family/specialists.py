"""Train the base on and fine-tune it into specialists, each strong in a few categories."""

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


def _next(
    name: str,
    start: str,
    own: tuple[str, ...],
    samples: int,
    *,
    ordinary: float,
    full: float,
    weight: float,
    noisy: float,
) -> Plan:
    return Plan(
        name,
        samples,
        rate=1.2e-3,
        constant=0.7,
        batch=24,
        start=start,
        own=own or None,
        ordinary=ordinary,
        full=full,
        object_weight=weight,
        early=True,
        noisy=noisy,
        save_every=4_000,
    )


CHAIN = (
    _next("next", SHIPPED_BASE, (), 24_000, ordinary=0.2, full=0.5, weight=3.0, noisy=1.6),
    _next("next-place", "next", ("position",), 12_000, ordinary=0.1, full=1.0, weight=0.0, noisy=4.0),
    _next("next-layout", "next-place", ("position",), 120_000, ordinary=0.5, full=0.7, weight=1.0, noisy=3.0),
    _next("next-shapes", "next", ("object",), 160_000, ordinary=0.25, full=0.9, weight=4.0, noisy=1.3),
    _next(
        "next-scenery",
        "next",
        ("background", "effect"),
        8_000,
        ordinary=0.15,
        full=0.8,
        weight=0.0,
        noisy=1.6,
    ),
)
"""The next family, from the base that ships: a base trained on with weight on the first sampling steps, and specialists
from it. Place is learned from captions that name nothing else and from very noisy scenes: in captions that name all
categories its share of the error is so small that the network takes no notice of it (see ``diffusion.py``)."""


def stage(out: Path, seed: int) -> None:
    """Train the specialists that ship, one after the other."""
    for index, plan in enumerate(PLANS):
        diffusion.fit(out, seed + 1 + index, plan)


def chain(out: Path, seed: int) -> None:
    """Train the next family's base and specialists, one after the other."""
    for plan in CHAIN:
        diffusion.fit(out, seed, plan)
