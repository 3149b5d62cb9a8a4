"""Block groups."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.errors import RecipeError
from lib_rimo.merging.mix.partition import PARTITIONS, load_partition, partition_from_json
from tests.merging.models import U, sd1_tensors, sdxl_tensors

THEATER_IN = ["in0-6"] * 7 + ["in7"] + ["in8+"] * 4
RO_IN = ["in0-3"] * 4 + ["in4-6"] * 3 + ["in7"] + ["in8+"] * 4
THEATER_OUT = ["out0", "out1", "out2"] + ["out3+"] * 9
RO_OUT = ["out0", "out1", "out2"] + ["out3-5"] * 3 + ["out6+"] * 6


@pytest.mark.parametrize(
    ("name", "ins", "outs"),
    [
        ("theater", THEATER_IN, THEATER_OUT),
        ("ro", RO_IN, RO_OUT),
        ("mbw", [f"in{i:02d}" for i in range(12)], [f"out{i:02d}" for i in range(12)]),
        ("coarse", ["in"] * 12, ["out"] * 12),
    ],
)
def test_blocks_fall_into_the_groups_of_upstream(name, ins, outs):
    """The whole table, block by block; upstream's own tables end at block 8."""
    partition = load_partition(name)
    assert [partition.group_of(f"{U}input_blocks.{i}.0.weight") for i in range(12)] == ins
    assert [partition.group_of(f"{U}output_blocks.{i}.1.proj.bias") for i in range(12)] == outs
    assert partition.group_of(f"{U}middle_block.2.out_layers.3.weight") == "mid"


@pytest.mark.parametrize("name", [name for name in PARTITIONS if name != "global"])
def test_parts_outside_the_blocks_are_groups_of_their_own(name):
    """Text encoders, VAE and the rest of the UNet; the VAE is frozen unless asked."""
    partition = load_partition(name)
    for key, group in {
        f"{U}time_embed.0.weight": "rest",
        f"{U}label_emb.0.0.weight": "rest",
        f"{U}out.2.bias": "rest",
        "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.bias": "text",
        "cond_stage_model.model.ln_final.bias": "text",
        "conditioner.embedders.0.transformer.text_model.final_layer_norm.bias": "text",
        "conditioner.embedders.1.model.logit_scale": "text2",
        "first_stage_model.decoder.conv_out.weight": "vae",
    }.items():
        assert partition.group_of(key) == group
    assert partition.frozen_by_default == {"vae"}
    assert partition.groups[-4:] == ("rest", "text", "text2", "vae")


@pytest.mark.parametrize("name", PARTITIONS)
@pytest.mark.parametrize(
    "key",
    [
        "model_ema.diffusion_modelinput_blocks00weight",
        "betas",
        "alphas_cumprod",
        "denoiser.sigmas",
        "v_pred",
        "cond_stage_model.transformer.text_model.embeddings.position_ids",
        "control_model.input_blocks.0.0.weight",
        "",
    ],
)
def test_what_is_never_merged_has_no_group(name, key):
    """EMA copies, schedules, markers, position ids and strangers."""
    assert load_partition(name).group_of(key) is None


@pytest.mark.parametrize("name", PARTITIONS)
@given(index=st.integers(0, 10**9), tail=st.text(max_size=5))
def test_no_block_number_is_too_high(name, index, tail):
    """Upstream's newest scripts end with an error from block 9 on; every number has a group here."""
    partition = load_partition(name)
    for family in ("input_blocks", "middle_block", "output_blocks"):
        assert partition.group_of(f"{U}{family}.{index}.{tail}") is not None


@pytest.mark.parametrize(
    ("name", "sd1", "sdxl"), [("theater", 11, 12), ("ro", 13, 14), ("mbw", 28, 23), ("coarse", 6, 7)]
)
def test_present_groups_are_those_of_the_model_in_its_order(name, sd1, sdxl):
    """Groups without a tensor are left out; the order is that of the data flow."""
    partition = load_partition(name)
    for tensors, count in ((sd1_tensors(), sd1), (sdxl_tensors(), sdxl)):
        present = partition.groups_present(reversed(list(tensors)))
        assert len(present) == count
        assert list(present) == [g for g in partition.groups if g in present]


def test_a_custom_partition_is_read_from_a_file(tmp_path):
    """The form of the files that come with the program, in the user's own words."""
    path = tmp_path / "mine.json"
    data = {
        "name": "mine",
        "blocks": {"input_blocks": [["0-2", "early"], ["3-", "late{block}"]]},
        "components": {"rest": "rest", "text": "words"},
        "frozen": ["words"],
    }
    path.write_text(json.dumps(data))
    partition = load_partition(path)
    assert partition.name == "mine"
    assert partition.group_of(f"{U}input_blocks.1.0.weight") == "early"
    assert partition.group_of(f"{U}input_blocks.7.0.weight") == "late07"
    assert partition.group_of(f"{U}output_blocks.0.0.weight") == "rest"
    assert partition.group_of("first_stage_model.decoder.conv_out.weight") is None
    assert partition.frozen_by_default == {"words"}


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "theater"},
        {"blocks": {"input_blocks": [["5-2", "x"]]}},
        {"blocks": {"input_blocks": [["a", "x"]]}},
        {"blocks": {"input_blocks": ["0-"]}},
        {"blocks": {"input_blocks": [["0-", ""]]}},
        {"blocks": {"input_blocks": [["0-", None]]}},
        {"blocks": 3},
        {"frozen": ["nobody"]},
        {"components": {}, "blocks": {}, "frozen": []},
    ],
)
def test_a_custom_partition_that_makes_no_sense_is_refused(tmp_path, change):
    """Reversed ranges, unnamed groups and taken names, each before a recipe is made of it."""
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"name": "mine", "blocks": {}, "components": {"rest": "rest"}, **change}))
    with pytest.raises(RecipeError, match=r"mine\.json"):
        load_partition(path)


def test_unknown_names_and_files_are_refused(tmp_path):
    """A typing error lists what there is."""
    with pytest.raises(RecipeError, match="theater, ro, mbw, coarse"):
        load_partition("theatre")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_partition(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text("{")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_partition(tmp_path / "torn.json")


def test_the_global_partition_has_one_group_beside_the_vae():
    """Upstream's first script: one weight per model."""
    partition = load_partition("global")
    keys = [*sd1_tensors(), *sdxl_tensors()]
    assert partition.groups_present(keys) == ("all", "vae")
    assert partition.frozen_by_default == {"vae"}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"blocks": {"inputt_blocks": [["0-", "in"]]}}, r"inputt_blocks.*Write input_blocks"),
        ({"components": {"clip": "text"}}, r"component.*clip.*rest, text, text2, vae"),
        ({"components": {"teext": "text"}}, "Write text"),
        ({"forzen": ["vae"]}, "Write frozen"),
    ],
)
def test_a_misspelt_name_is_refused_by_name(change: dict[str, object], match: str) -> None:
    """A chain, a component or an entry that no partition has would leave a part out, or let one in, without a word."""
    plain = {"name": "mine", "blocks": {"input_blocks": [["0-", "in"]]}, "components": {"rest": "rest"}}
    assert partition_from_json({**plain, "about": "a note"}, "mine.json").groups == ("in", "rest")
    with pytest.raises(RecipeError, match=match):
        partition_from_json({**plain, **change}, "mine.json")
