"""Two merge methods made outside of the program; neither is a sum of the models."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from lib_rimo.merging import Option, merge_method


@merge_method(equal=lambda n_partners: 1.0)
def larger_change(
    base: torch.Tensor, partners: Sequence[torch.Tensor], weights: Sequence[float]
) -> torch.Tensor:
    """Of the partners' weighted changes the larger one, element by element."""
    changes = torch.stack(
        [weight * (partner - base) for partner, weight in zip(partners, weights, strict=True)]
    )
    largest = changes.abs().argmax(dim=0, keepdim=True)
    return base + changes.gather(0, largest)[0]


@merge_method(
    partners=(1, 1),
    options={"least_angle": Option(0.01, 0.0, 1.0, about="Radians below which a straight line will do.")},
    needs=("tensor",),
)
def slerp(
    base: torch.Tensor, partners: Sequence[torch.Tensor], weights: Sequence[float], *, least_angle: float
) -> torch.Tensor:
    """Along the arc between two tensors, so that their length is kept (Shoemake 1985)."""
    (partner,), (weight,) = partners, weights
    lengths = torch.linalg.vector_norm(base) * torch.linalg.vector_norm(partner)
    cosine = float((base * partner).sum() / lengths) if lengths > 0 else 1.0
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if angle < least_angle or math.pi - angle < least_angle:
        return base + weight * (partner - base)
    own, other = math.sin((1.0 - weight) * angle), math.sin(weight * angle)
    return (own * base + other * partner) / math.sin(angle)
