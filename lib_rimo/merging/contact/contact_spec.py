"""What a contact fusion is: which checkpoint is repaired by which, and how much of it, per block group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lib_rimo.errors import RecipeError
from lib_rimo.merging.mix.recipe import Source

FORMAT = 1
VECTORS = ("donor", "kept", "mean")
"""Whose biases and norms: upstream takes the donor's entirely; they are few and carry much of a checkpoint's look."""
UPSTREAM_RANK = 4
SKETCH = 80
"""Columns of the random sketch for every rank up to 64. One size for all of them makes the result of a rank
independent of the other ranks that were computed along with it, and a low rank as exact as it gets."""
OVERSAMPLE = 16
"""Columns beyond the rank where that is above 64: more than the usual 5 to 10 (Halko, Martinsson & Tropp 2011, 4.3),
which leave 2.6 % instead of 1.9 % of error beyond the best possible where all singular values are alike."""
HIGHEST_RANK = 4096
"""Above any rank that a Stable Diffusion tensor can have; more is a slip of the keyboard."""


@dataclass(frozen=True, slots=True)
class ContactSpec:
    """A contact fusion: for each matrix, ``kept + nearest rank-r matrix to (donor - kept)``.

    Attributes:
        kept: The checkpoint that is repaired: accurate, but its shapes are distorted.
        donor: The checkpoint that it is repaired by. Swap the two for the other way round.
        partition: Name of the partition that ``ranks`` is of.
        ranks: Block group -> rank. Rank 0 leaves the group's matrices as they are kept; a group that is absent is
            left alone altogether, its vectors included. A rank that a matrix cannot have gives the donor's, bit
            for bit.
        vectors: One of ``VECTORS``: whose one-dimensional tensors.
    """

    kept: Source
    donor: Source
    partition: str
    ranks: Mapping[str, int]
    vectors: str = "donor"

    def __post_init__(self) -> None:
        if self.kept.fingerprint == self.donor.fingerprint:
            raise RecipeError(
                "A checkpoint cannot repair itself",
                found=f"{self.kept.name} and {self.donor.name} are the same",
                wanted="two checkpoints",
            )
        if self.vectors not in VECTORS:
            raise RecipeError(
                "Unknown choice for one-dimensional tensors", found=self.vectors, wanted=", ".join(VECTORS)
            )
        for group, rank in self.ranks.items():
            if not _is_rank(rank):
                raise RecipeError(
                    f"The rank of group {group!r} is out of range",
                    found=rank,
                    wanted=f"a whole number from 0 to {HIGHEST_RANK}",
                    fix=f"Upstream uses {UPSTREAM_RANK}; 64 and more is close to the donor",
                )
        if not self.ranks:
            raise RecipeError("A contact fusion of no block group", wanted="a rank for one group at least")
        object.__setattr__(self, "ranks", MappingProxyType(dict(sorted(self.ranks.items()))))

    @property
    def name(self) -> str:
        """A few words in the place of a file name."""
        ranks = sorted(set(self.ranks.values()))
        told = str(ranks[0]) if len(ranks) == 1 else f"{ranks[0]} to {ranks[-1]}"
        return f"{self.kept.name} + rank {told} of {self.donor.name}"

    def parents(self) -> tuple[Source, ...]:
        """What it is computed from."""
        return (self.kept, self.donor)

    def describe(self) -> str:
        """What it is, in a few words."""
        ranks = ", ".join(f"{group} {rank}" for group, rank in self.ranks.items())
        return f"contact fusion, ranks {ranks}; vectors: {self.vectors}"

    def fingerprint(self) -> str:
        """SHA-256 in hex over everything that decides about the result."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """A plain form without paths; ``from_json`` gives the equal one back."""
        return {
            "rimo_contact": FORMAT,
            "kept": {"name": self.kept.name, "fingerprint": self.kept.fingerprint},
            "donor": {"name": self.donor.name, "fingerprint": self.donor.fingerprint},
            "partition": self.partition,
            "ranks": dict(self.ranks),
            "vectors": self.vectors,
        }

    @classmethod
    def from_json(cls, data: object) -> ContactSpec:
        """Reads what ``to_json`` wrote.

        Raises:
            RecipeError: The data is no contact fusion, or of a newer format.
        """
        if not isinstance(data, Mapping) or data.get("rimo_contact") != FORMAT:
            raise RecipeError("This is not a contact fusion", wanted=f'"rimo_contact": {FORMAT}')
        try:
            return cls(
                Source(str(data["kept"]["name"]), str(data["kept"]["fingerprint"])),
                Source(str(data["donor"]["name"]), str(data["donor"]["fingerprint"])),
                str(data["partition"]),
                {str(group): rank for group, rank in dict(data["ranks"]).items()},
                str(data["vectors"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RecipeError("The contact fusion is incomplete", found=repr(error)) from error


def _is_rank(value: object) -> bool:
    return type(value) is int and 0 <= value <= HIGHEST_RANK  # bool is an int to isinstance


def sketch_size(rank: int) -> int:
    """Columns of the sketch that a rank is computed from."""
    return max(SKETCH, rank + OVERSAMPLE)
