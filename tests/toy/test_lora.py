"""LoRA files of the family: kohya's names, small, and the nearer to the specialist the higher the rank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open

from lib_rimo.toy import family
from tools.toy_family import lora

Weights = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[family.Family, Weights, Weights]:
    """The family with one specialist, and the weights of base and specialist."""
    whole = family.unpack(tmp_path_factory.mktemp("models"))
    files = family.family_of((whole.base, whole.specialists[0]))
    return files, lora.weights_of(files.base), lora.weights_of(files.specialists[0])


def test_layers_are_named_as_kohya_names_them(pair: tuple[family.Family, Weights, Weights]) -> None:
    """Attention, residual blocks and text encoder are in; norms, first and last convolution are not."""
    _, base, tuned = pair
    names = {name.split(".")[0] for name in lora.extract(base, tuned, 1)}
    assert {
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k",
        "lora_unet_mid_block_resnets_1_conv2",
        "lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_ff_net_0_proj",
        "lora_te_text_model_encoder_layers_1_self_attn_q_proj",
        "lora_te_text_model_encoder_layers_0_mlp_fc1",
    } <= names
    assert not [name for name in names if "norm" in name or "conv_in" in name or "time_embedding" in name]


def test_a_higher_rank_is_nearer_to_the_specialist(pair: tuple[family.Family, Weights, Weights]) -> None:
    """What a reader adds at strength 1 leaves less of the difference, and at full rank almost nothing of a layer."""
    _, base, tuned = pair
    layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"
    name = lora.kohya_name(layer)
    assert name is not None
    left = []
    for rank in (1, 4, 16, 1000):
        made = lora.extract({layer: base[layer]}, {layer: tuned[layer]}, rank)
        up, down = (made[f"{name}.{part}.weight"].astype(np.float32) for part in ("lora_up", "lora_down"))
        assert made[f"{name}.alpha"] == up.shape[1] == down.shape[0]
        left.append(float(np.linalg.norm(tuned[layer] - base[layer] - up @ down)))
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.01 * float(np.linalg.norm(tuned[layer] - base[layer]))


def test_files_say_their_rank_and_are_small(
    pair: tuple[family.Family, Weights, Weights], tmp_path: Path
) -> None:
    """One file for each specialist and rank, with kohya's metadata, a fraction of the checkpoint's size."""
    files, *_ = pair
    made = lora.write(files, tmp_path, (1, 4))
    assert [path.name for path in made] == ["toy-shapes-r1.safetensors", "toy-shapes-r4.safetensors"]
    assert made[0].stat().st_size < made[1].stat().st_size < files.base.stat().st_size / 10
    with safe_open(str(made[1]), framework="np") as file:
        assert file.metadata()["ss_network_dim"] == "4"
        assert file.get_tensor("lora_unet_mid_block_resnets_0_conv1.lora_down.weight").shape == (4, 128, 3, 3)
        assert file.get_tensor("lora_unet_mid_block_resnets_0_conv1.lora_up.weight").shape == (128, 4, 1, 1)
