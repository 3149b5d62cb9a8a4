"""What every model family has to keep to, as tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from lib_rimo.merging.checkpoints.architecture import recognise
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.families import FAMILIES, place_of, refuse_contradiction
from lib_rimo.merging.checkpoints.family import Family, Place
from lib_rimo.merging.checkpoints.family_file import family_from_json
from lib_rimo.merging.checkpoints.header import TensorSpec
from lib_rimo.merging.checkpoints.keys import canonical_names
from lib_rimo.merging.mix.partition import PARTITIONS, load_partition
from lib_rimo.study.analysis.block_labels import Network, parts_of, title_of


class FamilyTestCase:
    """The laws of a model family. Subclass it in a test module, name the family and list a usual model's tensors:

        class TestMine(FamilyTestCase):
            family = "my-family"
            shapes = {"net.block.0.weight": (8, 4, 3, 3), ...}

    Attributes:
        family: A name of ``FAMILIES``.
        shapes: Every tensor of a whole model of usual depth: its name and shape. Widths do not matter.
        depth_is_usual: Whether the model has as many blocks as the family's file says.
    """

    family: str
    shapes: Mapping[str, tuple[int, ...]]
    depth_is_usual: bool = True

    @property
    def facts(self) -> Family:
        """The family."""
        return FAMILIES[self.family]

    def places(self) -> dict[str, Place]:
        """Every tensor that is merged, and where it belongs."""
        return {key: place for key in self.model() if (place := place_of(key)) is not None}

    def model(self) -> Checkpoint:
        """The usual model, without its numbers."""
        return _Outline(self.family, self.shapes)

    def test_its_models_are_recognised(self) -> None:
        """A whole model is told to be of this family and of no other."""
        assert recognise(self.model()).name == self.family

    def test_every_tensor_has_a_place_or_is_a_buffer(self) -> None:
        """No tensor stays out of every merge without the file saying so."""
        strange = [k for k in self.model() if place_of(k) is None and not self.facts.is_buffer(k)]
        assert not strange, f"neither merged nor a buffer: {strange[:5]}"

    def test_its_keys_mean_here_what_they_mean_alone(self) -> None:
        """Beside all other families, each key has the place that this family's file gives it."""
        assert {k: place_of(k) for k in self.model()} == {k: self.facts.place_of(k) for k in self.model()}
        others = tuple(f for name, f in FAMILIES.known().items() if name != self.family)
        refuse_contradiction(self.facts, others)

    def test_chains_have_no_gaps(self) -> None:
        """The blocks of a chain are numbered from zero without a gap, and no chain of the file is missing."""
        for chain in self.facts.chains:
            blocks = {place.block for place in self.places().values() if place.chain == chain.name}
            assert blocks == set(range(len(blocks))), f"{chain.name} has the blocks {sorted(blocks)}"
            assert blocks, f"no tensor is in {chain.name}"
            if self.depth_is_usual:
                assert len(blocks) == self.facts.blocks[chain.name], chain.name

    def test_every_partition_covers_every_merged_tensor(self) -> None:
        """Each tensor that is merged has a block group in every partition, in the order of the data flow."""
        for name in PARTITIONS:
            partition = load_partition(name)
            left_out = [key for key in self.places() if partition.group_of(key) is None]
            assert not left_out, f"{name} has no group for {left_out[:5]}"
            present = partition.groups_present(self.places())
            assert [group for group in partition.groups if group in present] == list(present), name
            assert all(partition.may_have(group) for group in present), name

    def test_every_group_has_words_and_a_place_in_the_drawing(self) -> None:
        """Tables, lists and the drawing of the network can name every group and show every block once."""
        network = Network(self.facts, self.facts.blocks)
        for name in PARTITIONS:
            partition = load_partition(name)
            present = partition.groups_present(self.places())
            parts = parts_of(present, partition, network)
            assert all(str(title_of(group, self.facts)).strip() for group in present), name
            assert all(part["part"].strip() for part in parts.values()), name
            shown = sum(len(part["input"]) + len(part["output"]) for part in parts.values())
            ways = [chain.name for chain in self.facts.chains if chain.side in ("down", "up")]
            assert shown == sum(self.facts.blocks[chain] for chain in ways), name

    def test_other_spellings_become_this_one(self) -> None:
        """What other programs call a tensor is read as the name that it has here."""
        for old, new in self.facts.renamed:
            for key in [k for k in self.model() if k.startswith(new)]:
                assert canonical_names([old + key.removeprefix(new)]) == {key: old + key.removeprefix(new)}

    def test_its_file_reads_the_same_again(self) -> None:
        """The plain form that a family like this one would begin with is this family's."""
        again = family_from_json(self.facts.data, self.family, {})
        assert (again.chains, again.components) == (self.facts.chains, self.facts.components)
        assert (again.marks, again.drawing) == (self.facts.marks, self.facts.drawing)


class _Outline(Checkpoint):
    """A checkpoint of names and shapes."""

    def __init__(self, name: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__(Path(f"{name}.safetensors"), {}, "", shapes)
        self._shapes = shapes

    def close(self) -> None:
        """There is nothing to let go."""

    def _spec(self, stored: str) -> TensorSpec:
        return TensorSpec(torch.float16, tuple(self._shapes[stored]))

    def _tensor(self, stored: str) -> torch.Tensor:
        return torch.zeros(self._shapes[stored], dtype=torch.float16)
