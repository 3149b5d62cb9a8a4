"""Which family a checkpoint is of."""

import pytest
import torch

from lib_rimo.errors import ArchitectureError
from lib_rimo.merging.checkpoints.architecture import check_same, recognise
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from tests.merging.models import U, sd1_tensors, sdxl_tensors, write


def opened(folder, tensors, name="a", **metadata):
    return open_checkpoint(write(folder / f"{name}.safetensors", tensors, **metadata))


@pytest.mark.parametrize("width", [3, 4, 20])
@pytest.mark.parametrize("blocks", [6, 12])
def test_sd1_is_known_at_any_width_and_depth(tmp_path, width, blocks):
    """A miniature of somebody else's making is SD1 by its topology, without a sidecar."""
    found = recognise(opened(tmp_path, sd1_tensors(width=width, blocks=blocks)))
    assert (found.name, found.inpainting, found.input_blocks, found.output_blocks) == (
        "sd1",
        False,
        blocks,
        blocks,
    )


def test_sd1_without_text_encoder_or_vae_is_known(tmp_path):
    """A bare UNet is told by its 1x1 convolutions."""
    unet = {k: v for k, v in sd1_tensors().items() if k.startswith(U)}
    assert recognise(opened(tmp_path, unet)).name == "sd1"
    unet[f"{U}middle_block.1.proj_in.weight"] = torch.zeros(4, 4)
    assert recognise(opened(tmp_path, unet, "b")).name == "sd2"


def test_sd2_is_known_by_its_text_encoder(tmp_path):
    """Open CLIP's names stand for SD2."""
    tensors = {k: v for k, v in sd1_tensors().items() if not k.startswith("cond")}
    tensors["cond_stage_model.model.ln_final.bias"] = torch.zeros(3)
    assert recognise(opened(tmp_path, tensors)).name == "sd2"


def test_sdxl_base_and_refiner_are_told_apart(tmp_path):
    """Two text encoders make a base, one a refiner; without any, the depth decides."""
    base = sdxl_tensors()
    assert recognise(opened(tmp_path, base)).name == "sdxl-base"
    refiner = {k: v for k, v in base.items() if not k.startswith("conditioner.embedders.1.")}
    assert recognise(opened(tmp_path, refiner, "b")).name == "sdxl-refiner"
    bare = {k: v for k, v in base.items() if not k.startswith("conditioner.")}
    assert recognise(opened(tmp_path, bare, "c")).name == "sdxl-base"
    deep = bare | {k: v for k, v in sd1_tensors().items() if k.startswith(U)}
    assert recognise(opened(tmp_path, deep, "d")).name == "sdxl-refiner"


def test_inpainting_is_known_by_its_input(tmp_path):
    """Latents, mask and masked latents: twice the output's channels and one."""
    assert recognise(opened(tmp_path, sd1_tensors(in_channels=9))).inpainting


def test_the_prediction_is_read_from_marks_metadata_and_sidecar(tmp_path):
    """Each way in which the field says so; a broken sidecar says nothing."""
    tensors = sd1_tensors()
    assert recognise(opened(tmp_path, tensors)).prediction is None
    assert recognise(opened(tmp_path, tensors | {"v_pred": torch.empty(0)}, "b")).prediction == "v"
    marked = opened(tmp_path, tensors, "c", **{"modelspec.prediction_type": "epsilon"})
    assert recognise(marked).prediction == "epsilon"
    sidecar = tmp_path / "a.yaml"
    sidecar.write_text("model: {params: {parameterization: v}}")
    assert recognise(opened(tmp_path, tensors)).prediction == "v"
    sidecar.write_text("model: [")
    assert recognise(opened(tmp_path, tensors)).prediction is None


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("model.diffusion_model.double_blocks.0.img_attn.proj.weight", "Flux"),
        ("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", "SD3"),
        ("lora_unet_down_blocks_0.lora_up.weight", "LoRA"),
        ("first_stage_model.decoder.conv_in.weight", "VAE"),
        ("down_blocks.0.resnets.0.conv1.weight", "diffusers"),
        ("anything.else", "anything.else"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path, key, says):
    """The message says what the file seems to be, as users do pick LoRAs and VAEs."""
    with pytest.raises(ArchitectureError, match=says):
        recognise(opened(tmp_path, {key: torch.zeros(2, 2)}))


def test_equal_families_report_what_stays_the_base_s(tmp_path):
    """A partner without VAE and with another vocabulary can be mixed; the report lists both."""
    tensors = sd1_tensors()
    vae = "first_stage_model.decoder.conv_out.weight"
    words = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
    other = {k: v for k, v in sd1_tensors(1).items() if k != vae} | {
        words: torch.zeros(12, 5),
        "new": torch.zeros(1),
    }
    del other["betas"]
    report = check_same(opened(tmp_path, tensors), opened(tmp_path, other, "b"))
    assert report.missing == (vae,)
    assert report.reshaped == (words,)
    assert report.extra == ("new",)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (sd1_tensors(width=8), "input_blocks"),
        (sd1_tensors(in_channels=9), "input_blocks.0.0.weight has shape"),
        (sd1_tensors(blocks=9), "9 input"),
        (sdxl_tensors(), "sdxl-base"),
    ],
    ids=["wider", "inpainting", "shallower", "SDXL"],
)
def test_different_architectures_are_refused(tmp_path, other, says):
    """The message names both families, and the first differing shape where there is one."""
    with pytest.raises(ArchitectureError, match=says):
        check_same(opened(tmp_path, sd1_tensors()), opened(tmp_path, other, "b"))
