"""Every command that mixes checks the same things, and says what was left out in text, JSON and metadata."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import lib_rimo
from lib_rimo.cli.program import BAD_INPUT, OK, main
from lib_rimo.errors import RimoError
from lib_rimo.merging import Recipe, load_partition, source_of
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.merging.checkpoints.digest import file_sha256
from tests.merging.models import U, bits, sd1_tensors, sdxl_tensors, write

Tensors = dict[str, torch.Tensor]
MIXED = f"{U}out.2.weight"
VAE = "first_stage_model.decoder.conv_out.weight"
TOKENS = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"


def rimo(*arguments: str | Path) -> int:
    """Runs a command in this process."""
    return main([str(argument) for argument in arguments])


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder of a home, with a base."""
    monkeypatch.setenv("RIMO_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "models"
    folder.mkdir(parents=True)
    write(folder / "base.safetensors", sd1_tensors(0))
    return folder


def by_merge(base: Path, partner: Path) -> int:
    """``rimo merge`` of a recipe file."""
    path = base.parent.parent / "recipe.json"
    groups = load_partition("mbw").groups_present(sd1_tensors(0))
    weights = dict.fromkeys((g for g in groups if g != "vae"), (0.5,))
    recipe = Recipe(source_of(base), (source_of(partner),), "mbw", weights)
    path.write_text(json.dumps(recipe.to_json(with_paths=True)))
    return rimo("merge", path, "--save", "mix", "--json", base.parent.parent / "done.json")


def by_rebuild(base: Path, partner: Path) -> int:
    """``rimo rebuild`` of a recipe file."""
    path = base.parent.parent / "recipe.json"
    recipe = Recipe(source_of(base), (source_of(partner),), "theater", dict.fromkeys(ALL, (0.5,)))
    path.write_text(json.dumps(recipe.to_json()))
    return rimo("rebuild", path, "--save", "mix", "--json", base.parent.parent / "done.json")


def by_import(base: Path, partner: Path) -> int:
    """``rimo import`` of what SuperMerger wrote."""
    theirs = {"type": "sd-webui-supermerger", "mode": "Weight sum", "calcmode": "normal", "mbw": False}
    theirs |= {"model_a": file_sha256(base), "model_b": file_sha256(partner)}
    theirs |= {"base_alpha": 0.5, "Exclude": ["VAE"]}
    folder = base.parent.parent
    (folder / "theirs.json").write_text(json.dumps(theirs))
    (folder / "ours.json").unlink(missing_ok=True)
    return rimo("import", folder / "theirs.json", folder / "ours.json", "--json", folder / "done.json")


def by_contact(base: Path, partner: Path) -> int:
    """``rimo contact`` of the two."""
    done = base.parent.parent / "done.json"
    return rimo("contact", base, partner, "--rank", "2", "--save", "mix", "--device", "cpu", "--json", done)


def by_library(base: Path, partner: Path) -> int:
    """``lib_rimo.merge``; an error counts as the commands count it."""
    try:
        lib_rimo.merge(base, [partner], 0.5, out=base.parent / "mix")
    except RimoError as error:
        logging.getLogger("rimo").warning("%s", error)
        return BAD_INPUT
    return OK


ALL = ("in0-6", "mid", "out3+", "text", "rest")
WAYS: list[Callable[[Path, Path], int]] = [by_merge, by_rebuild, by_import, by_contact, by_library]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__[3:])
def way(request: pytest.FixtureRequest) -> Callable[[Path, Path], int]:
    """One of the ways."""
    chosen: Callable[[Path, Path], int] = request.param
    return chosen


def scaled(tensors: Tensors) -> Tensors:
    """Scaled fp8."""
    out: Tensors = {}
    for key, tensor in tensors.items():
        if key.startswith(U) and key.endswith(".weight"):
            factor = tensor.float().abs().max() / 448
            out[key] = (tensor.float() / factor).to(torch.float8_e4m3fn)
            out[key.removesuffix("weight") + "scale_weight"] = factor.reshape(1)
        else:
            out[key] = tensor
    return out


def filled(key: str, value: float) -> Callable[[Tensors], Tensors]:
    """One number of a tensor replaced, in float32."""

    def change(tensors: Tensors) -> Tensors:
        wide = {k: t.float() if t.is_floating_point() else t for k, t in tensors.items()}
        wide[key] = wide[key].clone()
        wide[key].view(-1)[1] = value
        return wide

    return change


BAD: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "a LoRA": (lambda _: {"lora_unet_down.lora_down.weight": torch.zeros(4, 8)}, "unknown kind"),
    "a VAE": (lambda _: {"encoder.conv_in.weight": torch.zeros(8, 3, 3, 3)}, "unknown kind"),
    "a bare UNet": (
        lambda t: {k.removeprefix(U): v for k, v in t.items() if k.startswith(U)},
        "unknown kind",
    ),
    "another family": (lambda _: sdxl_tensors(1), "cannot be mixed"),
    "another shape": (lambda _: sd1_tensors(1, width=6), "cannot be mixed"),
    "an inpainting model": (lambda _: sd1_tensors(1, in_channels=9), "cannot be mixed"),
    "scaled fp8": (scaled, "quantised"),
    "whole numbers": (lambda t: t | {f"{U}out.2.weight": t[MIXED].to(torch.int8)}, "quantised"),
    "v-prediction": (lambda t: t | {"v_pred": torch.empty(0)}, "predict different things"),
    "NaN": (filled(MIXED, float("nan")), "not finite"),
    "infinity": (filled(MIXED, float("inf")), "not finite"),
    "minus infinity in a text encoder": (filled(TOKENS, -float("inf")), "not finite"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_mixed_is_refused_everywhere(
    models: Path, way: Callable[[Path, Path], int], kind: str,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """In one line that names the file, and nothing is written."""
    change, told = BAD[kind]
    partner = write(models / "partner.safetensors", change(sd1_tensors(1)))
    before = sorted(models.iterdir())
    allowed = kind == "v-prediction" and way is by_rebuild  # it was, when it was first saved
    assert way(models / "base.safetensors", partner) == (OK if allowed else BAD_INPUT)
    said = capsys.readouterr().err + caplog.text
    if not allowed:
        assert told in said
        assert "partner.safetensors" in said
        assert sorted(models.iterdir()) == before


def test_numbers_beyond_the_saved_type_are_refused_or_told(
    models: Path, way: Callable[[Path, Path], int],
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """65504 is the largest of fp16; what is only taken over is told, since another type can still be chosen."""
    partner = write(models / "partner.safetensors", filled(MIXED, 3e6)(sd1_tensors(1)))
    done = way(models / "base.safetensors", partner)
    output = capsys.readouterr()
    said = output.out + output.err + caplog.text
    assert "too large for float16" in said
    assert done == (OK if way is by_import else BAD_INPUT)
    assert way is by_import or not (models / "mix.safetensors").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e6])
@pytest.mark.parametrize("who", ["base", "partner"])
def test_what_is_not_mixed_may_be_anything(
    models: Path, way: Callable[[Path, Path], int], who: str, value: float
) -> None:
    """The VAE stays the base's, bit for bit, whatever it holds; the partner's is not looked at."""
    base, partner = models / "base.safetensors", models / "partner.safetensors"
    write(partner, sd1_tensors(1))
    write(models / f"{who}.safetensors", filled(VAE, value)(sd1_tensors(int(who == "partner"))))
    assert way(base, partner) == OK
    if way is not by_import:
        mix, own = load_file(str(models / "mix.safetensors")), load_file(str(base))
        assert bits(mix[VAE]) == bits(own[VAE])
        assert bits(mix[MIXED]) != bits(own[MIXED])


def test_a_damaged_frozen_part_stays_as_it_is_in_another_type(models: Path) -> None:
    """NaN is no harm of the rounding; a number that only the shorter type cannot hold is."""
    partner = write(models / "partner.safetensors", sd1_tensors(1))
    for value, done in ((float("nan"), OK), (3e6, BAD_INPUT)):
        base = write(models / "base.safetensors", filled(VAE, value)(sd1_tensors(0)))
        recipe = Recipe(source_of(base), (source_of(partner),), "theater", {"mid": (0.5,)})
        (models.parent / "r.json").write_text(json.dumps(recipe.to_json()))
        name = f"mix {value}"
        assert rimo("merge", models.parent / "r.json", "--save", name, "--number-type", "fp16") == done
        assert (models / f"{name}.safetensors").exists() is (done == OK)


def lacking(tensors: Tensors) -> Tensors:
    """Without two tensors that are mixed and the VAE, and with another number of tokens."""
    gone = (f"{U}out.0.bias", f"{U}time_embed.0.weight", VAE)
    kept = {key: tensor for key, tensor in tensors.items() if key not in gone}
    return kept | {TOKENS: torch.zeros(12, 5, dtype=torch.float16)}


def test_what_a_partner_lacks_is_said_in_text_json_and_metadata(
    models: Path, way: Callable[[Path, Path], int],
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """With counts; the VAE, which is not mixed, does not count. Where nothing is lacking, nothing is said."""
    base, partner = models / "base.safetensors", models / "partner.safetensors"
    write(partner, lacking(sd1_tensors(1)))
    assert way(base, partner) == OK
    said = capsys.readouterr().out + caplog.text
    assert "partner.safetensors lacks 2 tensors; they stay as in the base" in said
    assert "partner.safetensors has another shape of 1 tensors" in said
    first = TOKENS
    wanted = {"partner.safetensors": {"tensors": 3, "first": first}}
    done = models.parent / "done.json"
    if way is not by_library:
        data: dict[str, Any] = json.loads(done.read_text())
        assert data["left_out"] == wanted
        assert len(data["notes"]) >= 2
    if way not in {by_import, by_rebuild}:  # a rebuilt file says what the first one said
        with open_checkpoint(models / "mix.safetensors") as mix:
            assert json.loads(mix.metadata["rimo_left_out"]) == wanted
            own = load_file(str(base))
            assert bits(mix.tensor(first)) == bits(own[first])
    (models / "mix.safetensors").unlink(missing_ok=True)
    write(partner, sd1_tensors(1))
    assert way(base, partner) == OK
    assert way is by_library or json.loads(done.read_text())["left_out"] == {}
    if way is not by_import:
        with open_checkpoint(models / "mix.safetensors") as mix:
            assert "rimo_left_out" not in mix.metadata


def test_prediction_types_are_mixed_where_it_is_asked_for(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And it is said what the mix is drawn as."""
    partner = write(models / "partner.safetensors", sd1_tensors(1) | {"v_pred": torch.empty(0)})
    base = models / "base.safetensors"
    command = (
        "contact",
        base,
        partner,
        "--rank",
        "2",
        "--save",
        "mix",
        "--device",
        "cpu",
        "--mix-predictions",
    )
    assert rimo(*command) == OK
    assert "partner.safetensors is drawn by v-prediction" in capsys.readouterr().out


def test_a_message_names_the_switch_of_the_command_that_was_called(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the command has one; the texts themselves name none, since a page shows them too."""
    base = models / "base.safetensors"
    v = write(models / "v.safetensors", sd1_tensors(1) | {"v_pred": torch.empty(0)})
    large = write(models / "large.safetensors", filled(MIXED, 3e6)(sd1_tensors(2)))
    for way, partner, switch in (
        (by_merge, v, "(--mix-predictions)"),
        (by_import, v, "(--mix-predictions)"),
        (by_contact, v, "(--mix-predictions)"),
        (by_merge, large, "(--number-type)"),
        (by_rebuild, large, "nothing was saved."),
    ):
        assert way(base, partner) == BAD_INPUT
        assert capsys.readouterr().err.strip().endswith(switch)
