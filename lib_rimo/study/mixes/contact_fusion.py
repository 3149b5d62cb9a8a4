"""Contact fusions of one pair of checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lib_rimo.errors import SettingsError
from lib_rimo.merging.contact.contact import ContactCheckpoint, ContactFactors, contact_recipe
from lib_rimo.merging.contact.contact_spec import ContactSpec
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sources import Sources

FACTORS_BYTES = 1 << 30
"""Memory in which decompositions are kept, so that each further rank costs little."""


class Fusion:
    """Contact fusions of one pair of checkpoints.

    Args:
        sources: Open files; computed checkpoints are added to them.
        partition: The block groups.
        kept: The checkpoint that is repaired; it may be a mix without a file.
        donor: The checkpoint that it is repaired by.
        vectors: Whose biases and norms, see ``ContactSpec``.
        groups: Block groups to repair; None takes all that are not frozen by default.
        device: Where to decompose; None takes a CUDA card if there is one.
        base: The checkpoint that is live; None for ``kept``.
        mix_predictions: Whether one of the two may predict v and the other epsilon.
    """

    def __init__(
        self,
        sources: Sources,
        partition: Partition,
        kept: Source,
        donor: Source,
        *,
        vectors: str = "donor",
        groups: Sequence[str] | None = None,
        device: str | None = None,
        base: Source | None = None,
        mix_predictions: bool = False,
    ) -> None:
        self.sources, self.partition, self.kept, self.donor = sources, partition, kept, donor
        self._vectors, self._base, self._mix_predictions = vectors, base, mix_predictions
        present = partition.groups_present(sources.open(kept).keys())
        self._groups = tuple(groups or [g for g in present if g not in partition.frozen_by_default])
        self._factors = ContactFactors(
            sources.open(kept), sources.open(donor), device=device, limit_bytes=FACTORS_BYTES
        )

    def ranks(self, texts: Sequence[str]) -> dict[str, int]:
        """``4`` for every group, ``mid=16`` for one of them.

        Raises:
            SettingsError: A text is neither.
        """
        out: dict[str, int] = {}
        for text in texts:
            group, named, number = text.strip().rpartition("=")
            if not number.isdecimal():
                raise SettingsError(
                    "rank", "This is no rank", found=text, wanted="a whole number, or GROUP=number"
                )
            out |= {group: int(number)} if named else {g: int(number) for g in self._groups if g not in out}
        return out

    def recipe(self, ranks: Mapping[str, int], vectors: str = "") -> Recipe:
        """The fusion of these ranks.

        Args:
            ranks: Block group -> rank.
            vectors: Other than the first choice.

        Raises:
            RecipeError: A rank is out of range, or of a group that is not there.
            ArchitectureError: The two are not of one family.
        """
        spec = ContactSpec(self.kept, self.donor, self.partition.name, ranks, vectors or self._vectors)
        return contact_recipe(
            self.sources,
            self.partition,
            spec,
            base=self._base,
            factors=self._factors,
            mix_predictions=self._mix_predictions,
        )

    def captured(self, recipe: Recipe) -> float:
        """Share of the whole difference that a fusion takes over. Decomposes whatever is not known yet."""
        made = self.sources.open(recipe.partners[0])
        assert isinstance(made, ContactCheckpoint)
        return made.captured_in_all()
