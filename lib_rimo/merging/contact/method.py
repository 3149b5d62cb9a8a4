"""Contact fusion as a merge method: a weight says how much of it, one rank holds for all block groups.

What repairs a mix names its two checkpoints and a rank per block group (``ContactSpec``) and stands in the place of a
file. Both give the same bits where they say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from lib_rimo.merging.contact.contact import CONTACT_KEY, MATRIX, ContactCheckpoint, ContactFactors
from lib_rimo.merging.contact.contact_spec import (
    HIGHEST_RANK,
    UPSTREAM_RANK,
    VECTORS,
    ContactSpec,
    sketch_size,
)
from lib_rimo.merging.contact.low_rank import decompose
from lib_rimo.merging.mix.method import Option, SpecKind, merge_method

if TYPE_CHECKING:
    from lib_rimo.merging.mix.partition import Partition
    from lib_rimo.merging.mix.sources import Sources

NAME = "contact-fusion"


def _computed(spec: ContactSpec, sources: Sources, partition: Partition) -> ContactCheckpoint:
    factors = ContactFactors(sources.open(spec.kept), sources.open(spec.donor))
    # Prediction types may be mixed: it was allowed when it was first saved.
    return ContactCheckpoint(spec, factors, partition, mix_predictions=True)


@merge_method(
    partners=(1, 1),
    options={
        "rank": Option(UPSTREAM_RANK, 0, HIGHEST_RANK, about="Of the difference that is taken over."),
        "vectors": Option(VECTORS[0], choices=VECTORS, about="Whose biases and norms."),
    },
    needs=("tensor", "name"),
    one_is_partner=False,
    label="Contact fusion",
    caveat="Contact fusion is the same to the bit only on the same kind of processor and version of torch",
    spec=SpecKind("contact", CONTACT_KEY, ContactSpec.from_json, _computed),
)
def contact_fusion(
    base: torch.Tensor,
    partners: Sequence[torch.Tensor],
    weights: Sequence[float],
    *,
    rank: int,
    vectors: str,
    name: str,
) -> torch.Tensor:
    """The base plus the nearest matrix of low rank to the partner's difference from it."""
    (donor,), (weight,) = partners, weights
    is_matrix = base.dim() >= MATRIX
    if is_matrix and 0 < rank < min(base.shape[0], base[0].numel()):
        start = base.reshape(base.shape[0], -1)
        found = decompose(donor.reshape(start.shape) - start, sketch_size(rank), name)
        return found.added_to(start, rank, weight).view(base.shape)
    if (is_matrix and rank == 0) or (not is_matrix and vectors == "kept"):
        return base
    target = donor if is_matrix or vectors == "donor" else (base + donor) / 2
    return target if weight == 1.0 else base + (target - base) * weight
