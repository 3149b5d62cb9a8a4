"""What cannot be mixed is refused by everything that mixes, and what stays the base's is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lib_rimo.errors import ArchitectureError, CheckpointError, RimoError
from lib_rimo.merging import Recipe, Sources, check_same, load_partition, open_checkpoint, recognise
from lib_rimo.merging.checkpoints.quantised import refuse_quantised
from lib_rimo.merging.mix.mixable import check_mixable, refuse_damaged
from lib_rimo.merging.saving.save import save_merged
from tests.merging.models import U, sd1_tensors, sdxl_tensors, write

Tensors = dict[str, torch.Tensor]


def scaled(tensors: Tensors, name: str, *, mark: bool = False) -> Tensors:
    """The file that a converter makes: weights as large as fp8 allows, the factor beside each."""
    out: Tensors = {"scaled_fp8": torch.empty(0, dtype=torch.float8_e4m3fn)} if mark else {}
    for key, tensor in tensors.items():
        if key.startswith(U) and key.endswith(".weight"):
            factor = tensor.float().abs().max() / 448
            out[key] = (tensor.float() / factor).to(torch.float8_e4m3fn)
            if name:
                out[key.removesuffix("weight") + name] = factor.reshape(1)
        else:
            out[key] = tensor
    return out


QUANTISED: dict[str, Callable[[Tensors], Tensors]] = {
    "scale_weight": lambda t: scaled(t, "scale_weight"),
    "weight_scale": lambda t: scaled(t, "weight_scale"),
    "mark alone": lambda t: scaled(t, "", mark=True),
    "both": lambda t: scaled(t, "scale_weight", mark=True),
    "int8": lambda t: {k: v.to(torch.int8) if k.endswith("to_k.weight") else v for k, v in t.items()},
    "4 bits": lambda t: {
        k: v.reshape(-1)[: v.numel() // 2].to(torch.uint8) if k.endswith("to_k.weight") else v
        for k, v in t.items()
    },
}


@pytest.mark.parametrize("how", QUANTISED)
@pytest.mark.parametrize("place", ["base", "partner"])
def test_quantised_files_are_refused(tmp_path: Path, how: str, place: str) -> None:
    """Numbers that mean nothing without their scale are mixed by nobody, as a base or as a partner."""
    plain = open_checkpoint(write(tmp_path / "plain.safetensors", sd1_tensors(0)))
    packed = open_checkpoint(write(tmp_path / "packed.safetensors", QUANTISED[how](sd1_tensors(1))))
    pair = (packed, [plain]) if place == "base" else (plain, [packed])
    with pytest.raises(CheckpointError, match=r"packed\.safetensors is quantised.*(scaled fp8|8 or 4 bits)"):
        check_mixable(*pair)


def test_plain_fp8_and_a_mark_without_fp8_are_no_obstacle(tmp_path: Path) -> None:
    """fp8 numbers without a scale are numbers, and a mark in a file that has none left says nothing."""
    tensors = sd1_tensors(0)
    plain = {k: v.to(torch.float8_e4m3fn) if k.startswith(U) else v for k, v in tensors.items()}
    for more in (plain, {**tensors, U + "scaled_fp8": torch.empty(0)}):
        checkpoint = open_checkpoint(write(tmp_path / "a.safetensors", more))
        refuse_quantised(checkpoint)
        refuse_damaged(checkpoint, checkpoint.keys())


def v_keys(tensors: Tensors) -> tuple[Tensors, dict[str, str]]:
    return {**tensors, "v_pred": torch.empty(0), "ztsnr": torch.empty(0)}, {}


PREDICTS_V: dict[str, Callable[[Tensors], tuple[Tensors, dict[str, str]]]] = {
    "keys": v_keys,
    "modelspec": lambda t: (t, {"modelspec.prediction_type": "v"}),
    "key against modelspec": lambda t: (
        {**t, "v_pred": torch.empty(0)},
        {"modelspec.prediction_type": "epsilon"},
    ),
}
EPSILON: dict[str, dict[str, str]] = {"unsaid": {}, "said": {"modelspec.prediction_type": "epsilon"}}


@pytest.mark.parametrize("epsilon", EPSILON)
@pytest.mark.parametrize("mark", PREDICTS_V)
@pytest.mark.parametrize("make", [sd1_tensors, sdxl_tensors])
def test_prediction_types_are_not_mixed_unless_told(
    tmp_path: Path, make: Callable[[int], Tensors], mark: str, epsilon: str
) -> None:
    """A v-prediction and an epsilon model are refused either way; told to, the mix is as its base."""
    tensors, texts = PREDICTS_V[mark](make(1))
    v = open_checkpoint(write(tmp_path / "v.safetensors", tensors, **texts))
    eps = open_checkpoint(write(tmp_path / "eps.safetensors", make(0), **EPSILON[epsilon]))
    for base, partner in ((v, eps), (eps, v)):
        with pytest.raises(
            ArchitectureError, match=r"v-prediction and epsilon|epsilon-prediction and v-prediction"
        ):
            check_mixable(base, [partner])
        (note,) = check_mixable(base, [partner], mix_predictions=True)
        assert note.startswith(f"{partner.name} is drawn by {recognise(partner).predicts}-prediction")
    assert check_mixable(eps, [open_checkpoint(write(tmp_path / "e2.safetensors", make(2)))]) == []


def test_zero_snr_is_told_where_it_differs(tmp_path: Path) -> None:
    """Two v-prediction models may differ in their noise schedule; they can be mixed, and it is said."""
    paths = []
    for number, marks in enumerate(({"v_pred"}, {"v_pred", "ztsnr"})):
        tensors = {**sdxl_tensors(number), **{m: torch.empty(0) for m in marks}}
        paths.append(write(tmp_path / f"{number}.safetensors", tensors))
    one, other = map(open_checkpoint, paths)
    (note,) = check_mixable(one, [other])
    assert "1.safetensors is drawn by v-prediction with zero terminal SNR" in note
    trained = write(tmp_path / "t.safetensors", sdxl_tensors(3), ss_zero_terminal_snr="True")
    assert recognise(open_checkpoint(trained)).zero_snr


def test_what_a_partner_lacks_is_told(tmp_path: Path) -> None:
    """Missing tensors and other shapes stay the base's, which is said with their number and the first name."""
    base = open_checkpoint(write(tmp_path / "base.safetensors", sd1_tensors(0)))
    tensors = sd1_tensors(1)
    del tensors["first_stage_model.decoder.conv_out.weight"]
    token = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    tensors[token] = torch.zeros(13, 5)
    partner = open_checkpoint(write(tmp_path / "partner.safetensors", tensors))
    assert check_mixable(base, [partner]) == [
        "partner.safetensors lacks 1 tensors; they stay as in the base "
        "(the first is first_stage_model.decoder.conv_out.weight).",
        f"partner.safetensors has another shape of 1 tensors; they stay as in the base (the first is {token}).",
    ]


@pytest.mark.parametrize(
    ("second", "match"),
    [
        ({"lora_unet_down_blocks_0.lora_down.weight": torch.zeros(4, 8)}, "a LoRA"),
        (
            {"encoder.conv_in.weight": torch.zeros(8, 3, 3, 3), "decoder.conv_out.weight": torch.zeros(3, 8)},
            "a VAE",
        ),
        (sdxl_tensors(1), "cannot be mixed"),
        (sd1_tensors(1, in_channels=9), "cannot be mixed"),
        ({k.removeprefix(U): v for k, v in sd1_tensors(1).items() if k.startswith(U)}, "unknown kind"),
    ],
    ids=["lora", "vae", "sdxl", "inpainting", "bare unet"],
)
def test_saving_refuses_what_a_study_refuses(tmp_path: Path, second: Tensors, match: str) -> None:
    """A recipe over a LoRA, a VAE or another family writes no file."""
    with Sources() as sources:
        base = sources.source_of(write(tmp_path / "base.safetensors", sd1_tensors(0)))
        other = sources.source_of(write(tmp_path / "other.safetensors", second))
        recipe = Recipe(base, (other,), "theater", {"mid": (0.5,)})
        with pytest.raises(ArchitectureError, match=match):
            save_merged(recipe, sources, load_partition("theater"), tmp_path, "mix")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base.safetensors", "other.safetensors"]


KEY = f"{U}middle_block.1.proj_in.weight"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("of", ["base", "other"])
def test_numbers_that_are_not_finite_are_not_written(tmp_path: Path, value: float, of: str) -> None:
    """NaN and infinity in a tensor that is mixed are refused and told of whom; where nothing is mixed, they are not."""
    tensors = {"base": sd1_tensors(0), "other": sd1_tensors(1)}
    tensors[of][KEY][0, 0] = value
    with Sources() as sources:
        base, other = (sources.source_of(write(tmp_path / f"{n}.safetensors", t)) for n, t in tensors.items())
        partition = load_partition("theater")
        mixed = Recipe(base, (other,), "theater", {"mid": (0.5,)})
        with pytest.raises(CheckpointError, match=rf"{of}\.safetensors holds numbers.*{KEY}"):
            save_merged(mixed, sources, partition, tmp_path, "mix")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["base.safetensors", "other.safetensors"]
        elsewhere = Recipe(base, (other,), "theater", {"text": (0.5,)})
        path = save_merged(elsewhere, sources, partition, tmp_path, "mix")
    assert torch.equal(load_file(str(path))[KEY].isfinite(), tensors["base"][KEY].isfinite())


def test_numbers_beyond_the_number_type_are_not_written(tmp_path: Path) -> None:
    """What fp16 cannot hold is refused with the way out, which works."""
    big = {k: v.float() * 1e6 if v.is_floating_point() else v for k, v in sd1_tensors(1).items()}
    with Sources() as sources:
        base = sources.source_of(write(tmp_path / "base.safetensors", sd1_tensors(0)))
        other = sources.source_of(write(tmp_path / "big.safetensors", big))
        recipe = Recipe(base, (other,), "theater", {"mid": (0.5,)})
        partition = load_partition("theater")
        with pytest.raises(CheckpointError, match="too large for float16"):
            save_merged(recipe, sources, partition, tmp_path, "mix")
        path = save_merged(recipe, sources, partition, tmp_path, "mix", save_dtype=torch.bfloat16)
    assert all(bool(t.isfinite().all()) for t in load_file(str(path)).values() if t.is_floating_point())


def test_a_benchmark_compares_no_other_prediction(tmp_path: Path) -> None:
    """What is swapped into a loaded model to be drawn has to predict what that one predicts."""
    eps = open_checkpoint(write(tmp_path / "eps.safetensors", sd1_tensors(0)))
    tensors, _ = v_keys(sd1_tensors(1))
    v = open_checkpoint(write(tmp_path / "v.safetensors", tensors))
    with pytest.raises(RimoError, match="predict different things"):
        check_same(eps, v)
