"""Our own export for sd-mecha comes back as the same mix, and only onto the models that it was written for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.errors import CheckpointError, RecipeError
from lib_rimo.merging import DictSink, Recipe, Sources, load_partition, merge_into
from lib_rimo.merging.checkpoints.keys import place_of
from lib_rimo.merging.interop.import_ import import_recipe
from lib_rimo.merging.interop.mecha import read_mecha, write_mecha
from lib_rimo.merging.mix.partition import PARTITIONS, Partition, partition_from_json
from tests.merging.interop import mecha_texts as texts
from tests.merging.models import WEIGHTS, Family, bits, family, sd1_tensors, sdxl_tensors, write

MBW = load_partition("mbw")
PER_TENSOR = 'version 0.1.0\nmodel "base"\nmodel "partner1"\nmerge "subtract" &1 &0\n'
TAIL = '\nliteral &3 model_config="sd1-ldm" merge_space="param"\nmerge "add_difference" &0 &2 alpha=&4'


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> list[Family]:
    """Base and three partners of SD1 and of SDXL."""
    makers = {"sd1": sd1_tensors, "xl": sdxl_tensors}
    return [
        Family(tmp_path_factory.mktemp(name), [maker(seed) for seed in range(4)])
        for name, maker in makers.items()
    ]


def again(of: Family, text: str) -> Recipe:
    """What reading a text gives."""
    return import_recipe(read_mecha(text), of.sources, [of.folder])


def weights(recipe: Recipe, partition: Partition, key: str) -> dict[str, float]:
    """The partners' weights in a tensor, by name."""
    group = partition.group_of(key)
    row = recipe.row(group) if group is not None else ()
    return {source.name: weight for source, weight in zip(recipe.partners, row, strict=False) if weight}


@given(st.sampled_from([0, 1]), st.sampled_from(PARTITIONS), st.data())
@settings(deadline=None, max_examples=60)
def test_every_tensor_has_its_weights_again(
    families: list[Family], which: int, partition_name: str, data: st.DataObject
) -> None:
    """Whatever the partition, with several partners, the text encoders, the VAE and what is outside the blocks too."""
    of, partition = families[which], load_partition(partition_name)
    base = of.sources.open(of.named[0])
    groups = partition.groups_present(base.keys())
    drawn = {
        group: tuple(data.draw(WEIGHTS) for _ in of.named[1:]) for group in groups if data.draw(st.booleans())
    }
    recipe = Recipe(of.named[0], tuple(of.named[1:]), partition_name, drawn)
    found = again(of, write_mecha(recipe, base, partition))
    assert found.base == recipe.base
    for key in base:
        if base.dtype(key).is_floating_point and place_of(key) is not None:
            assert weights(found, MBW, key) == weights(recipe, partition, key), key


def test_the_tensors_are_the_same_bit_for_bit(families: list[Family]) -> None:
    """The partners come back in their order, so that even the sums are rounded alike."""
    for of in families:
        recipe = of.recipe(
            {"text": (0.0, 0.0, 0.7), "mid": (0.3, 0.1, 0.2), "in0-6": (0.1, -0.3, 0.0), "vae": (1, 0, 0)}
        )
        found = again(of, write_mecha(recipe, of.sources.open(of.named[0]), of.partition))
        sinks = DictSink(), DictSink()
        merge_into(recipe, of.sources, of.partition, sinks[0])
        merge_into(found, of.sources, MBW, sinks[1])
        one, two = ({key: bits(tensor) for key, tensor in sink.tensors.items()} for sink in sinks)
        assert one == two


def test_a_partition_that_cuts_through_a_block_is_refused(tmp_path: Path) -> None:
    """The message names the block, two of its tensors and their weights; equal weights are taken over."""
    first = {"model.diffusion_model.middle_block.0.in_layers.0.bias": torch.ones(4)}
    of = Family(tmp_path, [sd1_tensors(seed) | first for seed in range(2)])
    data = of.partition.to_json() | {"name": "cut"}
    data["blocks"] |= {"middle_block": [["0", "mid0"], ["1-", "mid1"]]}
    cut = partition_from_json(data, "cut")
    base = of.sources.open(of.named[0])
    recipe = Recipe(of.named[0], tuple(of.named[1:]), "cut", {"mid0": (0.25,), "mid1": (0.25,)})
    assert again(of, write_mecha(recipe, base, cut)).weights == {"mid": (0.25,)}
    recipe = Recipe(of.named[0], tuple(of.named[1:]), "cut", {"mid0": (0.25,), "mid1": (0.5,)})
    with pytest.raises(
        RecipeError, match=r"tensors of block M00 have different weights.*0\.25 partner1.*0\.5 partner1"
    ):
        read_mecha(write_mecha(recipe, base, cut))


def listed(of: Family, weight: float, *left_out: str) -> str:
    """A recipe of one weight for all tensors but some."""
    base = of.sources.open(of.named[0])
    keys = [key for key in base if base.dtype(key).is_floating_point and not key.startswith(left_out)]
    return f"{PER_TENSOR}dict {' '.join(f'{key}={weight}' for key in keys)}{TAIL}"


def test_the_base_may_have_no_tensor_of_which_nothing_is_said(families: list[Family]) -> None:
    """sd-mecha would leave it out of its result; nothing is guessed."""
    of = families[0]
    assert set(again(of, listed(of, 0.5)).weights.values()) == {(0.5,)}
    with pytest.raises(RecipeError, match=r"base\.safetensors.*first_stage_model.*\(VAE\)"):
        again(of, listed(of, 0.5, "first_stage_model."))
    with pytest.raises(RecipeError, match=r"out\.0\.bias \(REST\)"):
        again(of, listed(of, 0.5, "model.diffusion_model.out.0."))
    picked = 'version 0.1.0\nmodel "base"\nmerge "pick_component" &0 "vae"'
    with pytest.raises(RecipeError, match=r"and \d+ more"):
        again(of, picked)


def test_tensors_that_are_not_listed_take_the_fallback_s_weights(families: list[Family]) -> None:
    """Whole blocks do; a part of a block that would differ from the rest is refused."""
    of = families[0]
    filled = '\nmerge "fallback" &5 &0'
    found = again(of, listed(of, 0.5, "first_stage_model.") + filled)
    assert "vae" not in found.weights
    assert found.weights["rest"] == (0.5,)
    with pytest.raises(RecipeError, match=r"out\.0\.bias \(REST\)"):
        again(of, listed(of, 0.5, "model.diffusion_model.out.0.") + filled)
    assert again(of, listed(of, 0.0, "model.diffusion_model.out.0.") + filled).weights == {}


def test_weights_by_block_and_by_tensor_are_mixed(families: list[Family]) -> None:
    """A recipe of ours that somebody went on from with weights by block."""
    of = families[0]
    more = '\nmodel "partner2"\ndict BASE=0.5 M00=0.25\nmerge "convert_sd1_blocks_to_ldm" &7\ndict key=0'
    more += '\nmerge "convert_singleton" &9\nmerge "fallback" &8 &10\nmerge "weighted_sum" &5 &6 &11'
    found = again(of, listed(of, 0.5) + more)
    assert found.weights["mid"] == (0.375, 0.25)
    assert found.weights["text"] == (0.25, 0.5)
    assert found.weights["in03"] == (0.5, 0.0)


def test_two_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    """The recipe's paths say which is which; one file is not taken for both."""
    for i, folder in enumerate(("old", "new")):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a.safetensors", sd1_tensors(i))
    text = texts.WEIGHTED_SUM.replace('"a.', '"/x/new/a.').replace('"b.', '"D:\\\\old\\\\a.')
    with Sources() as sources:
        found = import_recipe(read_mecha(text), sources, [tmp_path])
        assert found.base.path == tmp_path / "new" / "a.safetensors"
        assert [partner.path for partner in found.partners] == [tmp_path / "old" / "a.safetensors"]
        (tmp_path / "old" / "a.safetensors").unlink()
        with pytest.raises(RecipeError, match="one file of it"):
            import_recipe(read_mecha(text), sources, [tmp_path])
        with pytest.raises(CheckpointError, match=r"x/new/a\.safetensors"):
            import_recipe(read_mecha(text), sources, [tmp_path / "old"])


def test_a_backslash_may_be_a_letter_of_a_name(tmp_path: Path) -> None:
    """Outside Windows it is no separator."""
    try:
        write(tmp_path / "b\\1.safetensors", sd1_tensors(1))
    except OSError:
        pytest.skip("this system's names hold no backslash")
    write(tmp_path / "a.safetensors", sd1_tensors(0))
    text = texts.WEIGHTED_SUM.replace('"b.', '"/models/b\\\\1.')
    with Sources() as sources:
        found = import_recipe(read_mecha(text), sources, [tmp_path])
    assert [partner.name for partner in found.partners] == ["b\\1.safetensors"]


def test_two_models_of_one_name_are_not_exported(tmp_path: Path) -> None:
    """sd-mecha would take one for the other."""
    of = family(tmp_path, n_partners=1)
    (tmp_path / "other").mkdir()
    twin = of.sources.source_of(write(tmp_path / "other" / "base.safetensors", sd1_tensors(7)))
    recipe = Recipe(of.named[0], (twin,), "theater", {"mid": (0.5,)})
    with pytest.raises(RecipeError, match="one name"):
        write_mecha(recipe, of.sources.open(of.named[0]), of.partition)
