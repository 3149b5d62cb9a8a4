"""The pair whose best mix is known: block weights reach it exactly, one weight per checkpoint does not."""

from __future__ import annotations

import numpy as np
import pytest

from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.toy import delta, family
from tools.toy_family import opposed


@pytest.fixture(scope="module")
def tensors() -> tuple[dict[str, delta.Array], dict[str, delta.Array]]:
    """A base of the family and what became of it: here one of its specialists."""
    base = delta.parse((family.DATA / "toy-base.safetensors").read_bytes())
    return base, delta.expand(base, (family.DATA / "toy-shapes.delta.xz").read_bytes())


def test_block_weights_give_the_trained_checkpoint_back(
    tensors: tuple[dict[str, delta.Array], dict[str, delta.Array]],
) -> None:
    """In every group one of the two has a weight of one there, and is the trained checkpoint bit for bit."""
    base, trained = tensors
    pair = opposed.opposed(base, trained)
    partition = load_partition(opposed.PARTITION)
    groups = partition.groups_present(base)
    column = dict(zip(groups, zip(*opposed.known_best(groups), strict=True), strict=True))
    for name in base:
        if (group := partition.group_of(name)) is None:
            continue
        chosen = column[group].index(1.0)
        assert np.array_equal(pair[chosen][name], trained[name]), name


def test_equal_weights_keep_a_part_of_the_difference_only(
    tensors: tuple[dict[str, delta.Array], dict[str, delta.Array]],
) -> None:
    """Half of both is the base and a quarter of the difference, in every layer, whichever half it is in."""
    base, trained = tensors
    first, second = opposed.opposed(base, trained, harm=0.5)
    for name in (
        "model.diffusion_model.middle_block.0.in_layers.2.weight",
        "model.diffusion_model.out.2.weight",
    ):
        old, new = (t[name].astype(np.float32) for t in (base, trained))
        mean = (first[name].astype(np.float32) + second[name].astype(np.float32)) / 2
        assert np.allclose(mean, old + 0.25 * (new - old), atol=1e-3)


def test_what_did_not_change_is_shared(
    tensors: tuple[dict[str, delta.Array], dict[str, delta.Array]],
) -> None:
    """Schedules, positions and the autoencoder are the base's in both."""
    base, trained = tensors
    for made in opposed.opposed(base, trained):
        assert set(made) == set(base)
        same = [name for name in base if np.array_equal(base[name], trained[name])]
        assert same
        assert all(made[name] is base[name] for name in same)
