"""Our recipes for SuperMerger and Model Mixer: read again they are the same mix; what cannot be said is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.errors import RecipeError
from lib_rimo.merging import DictSink, Recipe, Sources, load_partition, merge_into
from lib_rimo.merging.interop.import_ import import_recipe
from lib_rimo.merging.interop.linear import block_names
from lib_rimo.merging.interop.webui import read_metadata
from lib_rimo.merging.interop.write import Written, write_model_mixer, write_supermerger
from tests.merging.models import WEIGHTS, Family, bits, family, sdxl_tensors, write

Writer = Callable[..., Written]
U = "model.diffusion_model."


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Family:
    """Base and two partners of SD1."""
    return family(tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def xl(tmp_path_factory: pytest.TempPathFactory) -> Family:
    """Base and two partners of SDXL."""
    return Family(tmp_path_factory.mktemp("xl"), [sdxl_tensors(seed) for seed in range(3)])


def merged(of: Family, recipe: Recipe) -> dict[str, bytes]:
    """The bits of a mix."""
    sink = DictSink()
    partition = of.partition if recipe.partition == of.partition.name else load_partition(recipe.partition)
    merge_into(recipe, of.sources, partition, sink)
    return {key: bits(tensor) for key, tensor in sink.tensors.items()}


def parsed(written: Written) -> dict[str, Any]:
    """The other program's own part of the file."""
    recipe = json.loads(written.text)["sd_merge_recipe"]
    assert isinstance(recipe, dict)
    return recipe


def again(of: Family, written: Written) -> Recipe:
    """What reading the file gives."""
    texts = {key: json.dumps(value) for key, value in json.loads(written.text).items()}
    return import_recipe(read_metadata(texts), of.sources, [of.folder])


def same(of: Family, recipe: Recipe, writer: Writer) -> dict[str, Any]:
    """Writes, reads, compares the two mixes bit for bit; returns what was written."""
    written = writer(recipe, of.sources, of.partition)
    assert merged(of, again(of, written)) == merged(of, recipe)
    return parsed(written)


def rows(of: Family, column: int, data: st.DataObject) -> dict[str, tuple[float, float]]:
    """Weights of one partner in every group but the VAE."""
    drawn = {group: data.draw(WEIGHTS) for group in of.groups if group != "vae"}
    return {group: (weight, 0.0) if column == 0 else (0.0, weight) for group, weight in drawn.items()}


@given(st.data(), st.sampled_from([0, 1]), st.one_of(st.just(0.0), WEIGHTS))
@settings(deadline=None, max_examples=30)
def test_one_partner_comes_back_from_supermerger_bit_for_bit(
    three: Family, data: st.DataObject, column: int, vae: float
) -> None:
    """Any weights of any groups, the parts outside the blocks and the VAE included; negative ones too."""
    weights = rows(three, column, data) | {"vae": (vae, 0.0) if column == 0 else (0.0, vae)}
    recipe = three.recipe(weights)
    if recipe.weights:
        assert same(three, recipe, write_supermerger)["mode"] == "Weight sum"


@given(st.data(), WEIGHTS, WEIGHTS)
@settings(deadline=None, max_examples=20)
def test_two_partners_come_back_from_supermerger_as_a_triple_sum(
    three: Family, data: st.DataObject, one: float, two: float
) -> None:
    """Where the parts outside the blocks follow those blocks that they follow there."""
    drawn = {g: (data.draw(WEIGHTS), data.draw(WEIGHTS)) for g in ("mid", "out0", "in8+", "in7")}
    ends = dict.fromkeys(("in0-6", "out3+", "rest"), (one, two))
    recipe = three.recipe({**drawn, **ends, "text": drawn["mid"]})
    if len(recipe.used_partners()) > 1:
        assert same(three, recipe, write_supermerger)["mode"] == "Triple sum"


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_any_mix_without_a_vae_comes_back_from_model_mixer(three: Family, data: st.DataObject) -> None:
    """Both partners, every group by itself; the differences are added one after the other."""
    recipe = three.recipe({g: (data.draw(WEIGHTS), data.draw(WEIGHTS)) for g in three.groups if g != "vae"})
    if recipe.weights:
        wanted = "Add-Diff" if len(recipe.used_partners()) > 1 else "Sum"
        assert set(same(three, recipe, write_model_mixer)["mode"]) == {wanted}


@pytest.mark.parametrize("writer", [write_supermerger, write_model_mixer])
def test_one_weight_for_everything_is_written_as_one_number(three: Family, writer: Writer) -> None:
    """No list of blocks, and the VAE goes along."""
    recipe = three.everywhere(0.25, 0.5)
    told = same(three, recipe, writer)
    assert told.get("mbw") is False or told["use_mbws"] == [False, False]
    bold = three.everywhere(-1.5, 0.0)  # beyond the slider: written by blocks
    if writer is write_supermerger:
        assert same(three, bold, writer)["mbw"] is True


def test_sdxl_has_its_own_lists(xl: Family) -> None:
    """20 weights, the second text encoder by itself, the label embedding with SuperMerger only."""
    weights = {"text": (0.5, 0.0), "text2": (0.25, 0.0), "out3+": (0.75, 0.0), "in7": (-0.5, 0.0)}
    for writer in (write_supermerger, write_model_mixer):
        assert "conditioner.embedders.1." in str(same(xl, xl.recipe(weights), writer))
    told = same(xl, xl.recipe({**weights, "rest": (0.125, 0.0)}), write_supermerger)
    assert len(told["weights_alpha"]) == len(block_names(9)) - 1
    with pytest.raises(RecipeError, match="label embedding"):
        write_model_mixer(xl.recipe({**weights, "rest": (0.125, 0.0)}), xl.sources, xl.partition)


Weights = Mapping[str, tuple[float, ...]]
BEYOND: list[tuple[Writer, Weights, str]] = [
    (write_supermerger, {"mid": (0.5, 0.5), "rest": (0.25, 0.0)}, "last convolution"),
    (write_supermerger, {"text": (0.5, 0.5), "vae": (0.25, 0.0)}, "the VAE"),
    (write_model_mixer, {"mid": (0.5, 0.5), "vae": (0.25, 0.0)}, "the VAE"),
    (write_supermerger, {}, "nothing to export"),
    (write_model_mixer, {}, "nothing to export"),
]


@pytest.mark.parametrize(("writer", "weights", "told"), BEYOND)
def test_what_a_program_cannot_say_is_refused_by_name(
    three: Family, writer: Writer, weights: Weights, told: str
) -> None:
    """And the message names one that can."""
    with pytest.raises(RecipeError, match=told):
        writer(three.recipe(weights), three.sources, three.partition)


def test_three_partners_are_beyond_supermerger_only(tmp_path: Path) -> None:
    """Model Mixer adds as many differences as are wanted."""
    four = family(tmp_path, n_partners=3)
    recipe = four.recipe({"mid": (0.2, 0.3, 0.4), "rest": (0.0, -0.5, 0.0)})
    with pytest.raises(RecipeError, match="3 partners"):
        write_supermerger(recipe, four.sources, four.partition)
    assert same(four, recipe, write_model_mixer)["model_d"] == "partner3"


def test_a_partner_of_weight_zero_is_left_out(tmp_path: Path) -> None:
    """The other program need not load it; its file need not be there."""
    four = family(tmp_path, n_partners=3)
    four.paths[2].unlink()
    recipe = four.recipe({"mid": (0.2, 0.0, 0.4)})
    told = parsed(write_model_mixer(recipe, Sources([tmp_path]), four.partition))
    assert (told["model_b"], told["model_c"]) == ("partner1", "partner3")


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    """Model Mixer would take one for the other."""
    (tmp_path / "b").mkdir()
    pair = family(tmp_path, n_partners=1)
    twin = pair.sources.source_of(
        write(tmp_path / "b" / "base.safetensors", pair.tensors[1] | {"x": torch.ones(1)})
    )
    recipe = Recipe(pair.named[0], (twin,), "theater", {"mid": (0.5,)})
    with pytest.raises(RecipeError, match="one name"):
        write_model_mixer(recipe, pair.sources, pair.partition)


def supermerger_s_weights(told: Mapping[str, Any], key: str) -> tuple[float, float]:
    """Alpha and beta of a tensor by SuperMerger's documented rules, SD1.

    Source: its readme (block weights) and elemental_en.md (later entries win, a piece of a name matches).
    """
    if "first_stage_model" in key and "VAE" in told.get("Exclude", ()):
        return 0.0, 0.0
    names = block_names(12)
    if "time_embed" in key:
        block = "IN00"
    elif ".out." in key:
        block = "OUT11"
    elif not key.startswith(U):
        block = "BASE"
    else:
        chain, number = key.removeprefix(U).split(".")[:2]
        block = {"input_blocks": f"IN{int(number):02}", "output_blocks": f"OUT{int(number):02}"}.get(
            chain, "M00"
        )

    def of(base: float, listed: list[float] | None) -> float:
        return [base, *listed][names.index(block)] if listed else base

    alpha, beta = of(told["base_alpha"], told["weights_alpha"]), of(told["base_beta"], told["weights_beta"])
    for entry in told["elemental_merge"]:
        blocks, words, ratio = entry.split(":")
        assert not blocks
        if any(word in key for word in words.split()):
            alpha = float(ratio)
    return alpha, beta


@pytest.mark.parametrize(
    "weights",
    [
        {"mid": (0.5, 0.0), "rest": (0.25, 0.0), "text": (0.125, 0.0)},
        {"vae": (0.75, 0.0), "out3+": (-0.25, 0.0)},
        {"mid": (0.5, 0.25), "text": (0.25, -0.25)},
    ],
)
def test_supermerger_s_own_rules_give_our_mix(three: Family, weights: Weights) -> None:
    """The file is read by the rules that SuperMerger documents, not by our reader."""
    recipe = three.recipe(weights)
    told = parsed(write_supermerger(recipe, three.sources, three.partition))
    sink = DictSink()
    merge_into(recipe, three.sources, three.partition, sink)
    a, b, c = three.tensors
    for key, ours in sink.tensors.items():
        if three.partition.group_of(key) is None:
            continue
        alpha, beta = supermerger_s_weights(told, key)
        wanted = a[key].double() * (1 - alpha - beta) + b[key].double() * alpha + c[key].double() * beta
        torch.testing.assert_close(ours.double(), wanted, atol=2e-3, rtol=2e-3)
