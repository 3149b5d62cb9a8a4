"""Models that predict v, and those trained down to no signal at all, are drawn as such."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from lib_rimo.errors import HostError
from lib_rimo.hosts.diffusers.host import DiffusersHost
from lib_rimo.hosts.host import ImageRequest
from tests.hosts.conformance_weights import same
from tests.hosts.conftest import KINDS

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MARKS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "v_pred and ztsnr": (("v_pred", "ztsnr"), {}),
    "v_pred alone": (("v_pred",), {}),
    "modelspec": ((), {"modelspec.prediction_type": "v"}),
    "sidecar": ((), {}),
}
"""How a file says that it predicts v: names of empty tensors, and metadata."""


def marked(root: Path, mark: str) -> Path:
    """The family's base, saying of itself that it predicts v."""
    keys, texts = MARKS[mark]
    tensors = load_file(str(root / "models" / "base.safetensors"))
    path = root / "models" / f"{mark.replace(' ', '-')}.safetensors"
    save_file({**tensors, **{key: torch.empty(0) for key in keys}}, str(path), metadata=texts or None)
    if mark == "sidecar":
        path.with_suffix(".yaml").write_text("model: {params: {parameterization: v}}", encoding="utf-8")
    return path


def drawn(host: DiffusersHost, path: Path, sampler: str = "Euler") -> tuple[ImageRequest, list[Image.Image]]:
    """A picture of a file."""
    host.load(path)
    d = host.image_defaults()
    request = ImageRequest("red, star", "blue", 3, d.width, d.height, 4, 5.0, sampler)
    with host.exclusive():
        return request, host.generate([request])


def plain(root: Path, path: Path, request: ImageRequest, **scheduler: object) -> list[Image.Image]:
    """The same picture by diffusers alone, its scheduler told what the model's page says."""
    import diffusers

    name = json.loads((root / "config" / "model_index.json").read_text(encoding="utf-8"))["_class_name"]
    more = {"safety_checker": None} if name == "StableDiffusionPipeline" else {}
    pipeline = getattr(diffusers, name).from_single_file(
        str(path), config=str(root / "config"), local_files_only=True, torch_dtype=torch.float32, **more
    )
    pipeline.scheduler = diffusers.EulerDiscreteScheduler.from_config(pipeline.scheduler.config, **scheduler)
    pipeline.set_progress_bar_config(disable=True)
    for module in (
        pipeline.unet,
        pipeline.vae,
        pipeline.text_encoder,
        getattr(pipeline, "text_encoder_2", None),
    ):
        if module is not None:
            module.requires_grad_(False)  # torch sums in another order where a weight could be trained
    pictures: list[Image.Image] = pipeline(
        request.prompt,
        negative_prompt=request.negative,
        width=request.width,
        height=request.height,
        num_inference_steps=request.steps,
        guidance_scale=request.cfg,
        generator=torch.Generator("cpu").manual_seed(request.seed),
    ).images
    return pictures


@pytest.mark.parametrize("root", KINDS, indirect=True)
@pytest.mark.parametrize("mark", MARKS)
def test_a_marked_file_is_drawn_as_its_page_asks(root: Path, mark: str) -> None:
    """Pictures equal those of diffusers' own pipeline with v-prediction (and zero SNR), and differ from epsilon's."""
    path = marked(root, mark)
    host = DiffusersHost(root / "models", config_dir=root / "config", device="cpu")
    request, pictures = drawn(host, path)
    zero = "ztsnr" in mark
    asked = {"prediction_type": "v_prediction", **({"rescale_betas_zero_snr": True} if zero else {})}
    assert same(pictures, plain(root, path, request, **asked))
    assert not same(pictures, plain(root, path, request))
    other = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": not zero}
    assert not same(pictures, plain(root, path, request, **other))


def test_the_kind_changes_with_the_file(root: Path) -> None:
    """Loaded one after the other into one host, each file is drawn as what it is, the first one again too."""
    host = DiffusersHost(root / "models", config_dir=root / "config", device="cpu")
    base = root / "models" / "base.safetensors"
    _, first = drawn(host, base)
    _, by_sidecar = drawn(host, marked(root, "sidecar"))  # the same tensors under the same names
    _, by_text = drawn(host, marked(root, "modelspec"))
    _, again = drawn(host, base)
    assert same(first, again)
    assert same(by_sidecar, by_text)
    assert not same(first, by_sidecar)


@pytest.mark.parametrize("sampler", ["DPM++ 2M", "Euler a", "DDIM", "UniPC", "DPM++ 2M Karras"])
def test_samplers_draw_zero_snr(root: Path, sampler: str) -> None:
    """Those that can follow such a schedule draw pictures in finite numbers."""
    host = DiffusersHost(root / "models", config_dir=root / "config", device="cpu")
    _, (picture,) = drawn(host, marked(root, "v_pred and ztsnr"), sampler)
    assert picture.getbbox() is not None


def test_another_scale_of_noise_is_refused(root: Path) -> None:
    """A model that no sampler here draws is not drawn as something else."""
    tensors = load_file(str(root / "models" / "base.safetensors"))
    path = root / "models" / "edm.safetensors"
    save_file({**tensors, "edm_vpred.sigma_max": torch.ones(1), "v_pred": torch.empty(0)}, str(path))
    host = DiffusersHost(root / "models", config_dir=root / "config", device="cpu")
    with pytest.raises(HostError, match="EDM"):
        host.load(path)
    assert host.loaded() is None


@pytest.mark.parametrize("sampler", ["Heun", "PLMS"])
def test_a_sampler_that_cannot_is_refused(root: Path, sampler: str) -> None:
    """The others are refused by name, with those that can, instead of drawing something else."""
    host = DiffusersHost(root / "models", config_dir=root / "config", device="cpu")
    with pytest.raises(HostError, match=rf"{sampler} cannot draw.*Euler a"):
        drawn(host, marked(root, "v_pred and ztsnr"), sampler)
