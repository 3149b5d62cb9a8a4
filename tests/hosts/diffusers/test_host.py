"""The diffusers host on real SD and SDXL topologies in miniature."""

from __future__ import annotations

import json
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lib_rimo.errors import HostError
from lib_rimo.hosts.diffusers.host import DiffusersHost
from lib_rimo.hosts.diffusers.schedulers import build_scheduler, sampler_names
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.save import save_merged
from tests.hosts.conformance import HostTestCase
from tests.hosts.conformance_weights import same
from tests.hosts.conftest import KINDS
from tests.hosts.tiny_models import write_checkpoint

# diffusers' schedulers hand torch tensors to numpy in a way that numpy 2 calls outdated; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def open_host(root: Path, **more: object) -> DiffusersHost:
    """A host on a family folder with its base loaded."""
    host = DiffusersHost(root / "models", config_dir=root / "config", device="cpu", **more)  # type: ignore[arg-type]
    host.load(root / "models" / "base.safetensors")
    return host


@pytest.fixture(scope="module")
def shared(families: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, DiffusersHost]:
    """One host per kind for the contract's tests: making one takes longer than most of them."""
    homes = tmp_path_factory.mktemp("homes")
    return {kind: open_host(Path(shutil.copytree(root, homes / kind))) for kind, root in families.items()}


class DiffusersTestCase(HostTestCase):
    """The contract on one kind of model."""

    kind: str

    @pytest.fixture
    def home(self, shared: dict[str, DiffusersHost]) -> Path:
        """The family folder of the kind's shared host."""
        return shared[self.kind].save_folder().parent

    @pytest.fixture
    def host(self, home: Path, shared: dict[str, DiffusersHost]) -> DiffusersHost:
        """The kind's host with the base loaded, whatever the test before loaded."""
        shared[self.kind].load(home / "models" / "base.safetensors")
        return shared[self.kind]

    @pytest.fixture
    def others(self, home: Path) -> list[Path]:
        """The partner."""
        return [home / "models" / "partner.safetensors"]


class TestSD1(DiffusersTestCase):
    """The contract on SD1."""

    kind = "sd1"


class TestSDXL(DiffusersTestCase):
    """The contract on SDXL."""

    kind = "sdxl"


def a_request(host: DiffusersHost, **changes: object) -> ImageRequest:
    """A quick request."""
    d = host.image_defaults()
    plain = ImageRequest("red, star", "", 3, d.width, d.height, 3, 5.0, "DPM++ 2M")
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("root", KINDS, indirect=True)
@pytest.mark.parametrize("negative", ["", "blue"])
def test_saved_merge_draws_the_same_in_plain_diffusers(root: Path, negative: str) -> None:
    """A recipe's saved file, loaded by diffusers alone, draws the very pixels of the recipe swapped in."""
    import diffusers

    host = open_host(root)
    request = a_request(host, negative=negative)
    partition = load_partition("coarse")
    with Sources() as sources, host.exclusive():
        base, partner = (sources.source_of(path) for path in host.checkpoints())
        groups = partition.groups_present(sources.open(base).keys())
        recipe = Recipe(base, (partner,), "coarse", {g: (0.15 * (i + 1),) for i, g in enumerate(groups)})
        report = Swapper(sources, partition).swap(recipe, host.live())
        host.weights_changed(report.keys)
        ours = host.generate([request])
        path = save_merged(recipe, sources, partition, host.save_folder(), "merged")
    index = json.loads((root / "config" / "model_index.json").read_text(encoding="utf-8"))
    more = {"safety_checker": None} if index["_class_name"] == "StableDiffusionPipeline" else {}
    pipeline = getattr(diffusers, index["_class_name"]).from_single_file(
        str(path), config=str(root / "config"), local_files_only=True, torch_dtype=torch.float32, **more
    )
    pipeline.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    for module in (
        pipeline.unet,
        pipeline.vae,
        pipeline.text_encoder,
        getattr(pipeline, "text_encoder_2", None),
    ):
        if module is not None:
            # torch sums in another order where a weight could be trained (seen on processors with AVX-512).
            module.requires_grad_(False)
    plain = pipeline(
        request.prompt,
        negative_prompt=negative or None,
        width=request.width,
        height=request.height,
        num_inference_steps=request.steps,
        guidance_scale=request.cfg,
        generator=torch.Generator("cpu").manual_seed(request.seed),
    ).images
    assert same(ours, plain)


def test_a_model_that_cannot_be_loaded_anew_is_none_at_all(root: Path) -> None:
    """With its file gone or cut short nobody draws with what is left in the model, until something is loaded."""
    path = root / "models" / "base.safetensors"
    for break_ in (path.unlink, lambda: path.write_bytes(b"short")):
        whole = path.read_bytes()
        host = open_host(root)
        request = a_request(host)
        with host.exclusive():
            for slots in host.live().slots.values():
                slots[0].tensor.zero_()
            break_()
            with pytest.raises(HostError):
                host.load_again()
            with pytest.raises(HostError, match="No checkpoint is loaded"):
                host.generate([request])
        path.write_bytes(whole)
        assert host.loaded() is None
        host.load(path)
        with host.exclusive():
            assert len(host.generate([request])) == 1


def test_another_layout_gets_its_own_pipeline(root: Path) -> None:
    """A file with more tensors than the loaded one is loaded anew and accounted for in full."""
    tensors = load_file(str(root / "models" / "partner.safetensors"))
    path = root / "models" / "more.safetensors"
    save_file({**tensors, "betas": torch.zeros(3)}, str(path))
    host = open_host(root)
    host.load(path)
    assert host.loaded() == path
    with host.exclusive():
        live = host.live()
    assert "betas" in live.refused
    assert len(live.slots) + len(live.refused) == len(tensors) + 1


@pytest.mark.parametrize("root", KINDS, indirect=True)
def test_all_weights_have_a_live_place(root: Path) -> None:
    """Every weight of UNet, VAE and text encoders is live; training values are refused, or used by nothing."""
    host = open_host(root)
    keys = set(load_file(str(root / "models" / "base.safetensors")))
    with host.exclusive():
        live = host.live()
    assert {key.rsplit(".", 1)[-1] for key in live.refused} == {"alphas_cumprod", "decay", "position_ids"}
    unused = keys - set(live.slots) - set(live.refused)
    assert {key.rsplit(".", 1)[-1] for key in unused} <= {"logit_scale"}
    fused = [key for key in live.slots if key.endswith("attn.in_proj_weight")]
    assert {len(live.slots[key]) for key in fused} <= {3}
    assert bool(fused) == (root / "config" / "text_encoder_2").is_dir()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_precisions_load_exactly(root: Path, dtype: torch.dtype) -> None:
    """float32 and bfloat16 files are live in float32 with the file's very values."""
    path = write_checkpoint(root / "models" / "other.safetensors", root / "config", "sd1", 5, dtype)
    host = open_host(root)
    host.load(path)
    tensors = load_file(str(path))
    with host.exclusive():
        for key, slots in host.live().slots.items():
            for slot in slots:
                part = tensors[key] if slot.view is None else slot.view(tensors[key])
                assert slot.tensor.dtype == torch.float32
                assert torch.equal(slot.tensor, part.float())


def test_live_model_does_not_hang_on_the_file(root: Path) -> None:
    """What happens to a float32 file after loading does not reach the live weights."""
    path = write_checkpoint(root / "models" / "single.safetensors", root / "config", "sd1", 5, torch.float32)
    host = open_host(root)
    host.load(path)
    with host.exclusive():
        before = {key: [s.tensor.clone() for s in slots] for key, slots in host.live().slots.items()}
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 8)
            file.write(bytes(path.stat().st_size // 2))
        for key, slots in host.live().slots.items():
            assert all(torch.equal(s.tensor, old) for s, old in zip(slots, before[key], strict=True)), key


def test_wrong_mapping_never_passes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the mapping names another tensor of the same shape, loading is a HostError that names the key."""
    from diffusers.loaders import single_file_utils

    right = single_file_utils.convert_ldm_unet_checkpoint

    def wrong(*args: object, **kwargs: object) -> dict[str, torch.Tensor]:
        converted = right(*args, **kwargs)
        first, second = (f"mid_block.resnets.{i}.conv1.weight" for i in (0, 1))
        return {**converted, first: converted[second], second: converted[first]}

    monkeypatch.setattr(single_file_utils, "convert_ldm_unet_checkpoint", wrong)
    with pytest.raises(HostError, match=r"middle_block\.[02]\.in_layers"):
        open_host(root)


def test_configuration_of_another_model_is_refused(families: dict[str, Path]) -> None:
    """An SD1 file with an SDXL configuration is a HostError that points at the configuration."""
    host = DiffusersHost(families["sd1"] / "models", config_dir=families["sdxl"] / "config", device="cpu")
    with pytest.raises(HostError, match="configuration"):
        host.load(families["sd1"] / "models" / "base.safetensors")
    assert host.loaded() is None


def test_missing_weight_is_refused(root: Path) -> None:
    """A file that lacks a weight of the model is a HostError that says so, and the loaded model stays."""
    tensors = load_file(str(root / "models" / "base.safetensors"))
    del tensors["model.diffusion_model.middle_block.0.in_layers.2.weight"]
    path = root / "models" / "lacking.safetensors"
    save_file(tensors, str(path))
    host = open_host(root)
    with pytest.raises(HostError, match="lack"):
        host.load(path)
    assert host.loaded() == root / "models" / "base.safetensors"


def test_no_configuration_offline(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a family whose configuration does not come along, without network, the message says what to pass."""
    import huggingface_hub

    monkeypatch.setattr("lib_rimo.hosts.diffusers.building.is_shipped", lambda _: False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(root / "empty"))
    host = DiffusersHost(root / "models", device="cpu")
    with pytest.raises(
        HostError, match=r"not on this computer yet.*start the program with that folder"
    ) as told:
        host.load(root / "models" / "base.safetensors")
    assert told.value.setting == "config"


def test_folder_without_index_is_no_configuration(tmp_path: Path) -> None:
    """A configuration folder without model_index.json is refused when the host is made."""
    with pytest.raises(HostError, match=r"model_index\.json"):
        DiffusersHost(tmp_path, config_dir=tmp_path)


def test_absent_device_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for CUDA where there is none is a HostError, not a crash at the first picture."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(HostError, match="device"):
        DiffusersHost(tmp_path, device="cuda")


@pytest.mark.parametrize("root", KINDS, indirect=True)
def test_local_configuration_needs_no_network(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a configuration folder, loading and drawing open no connection."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        pytest.fail("a connection was attempted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    host = open_host(root)
    with host.exclusive():
        host.generate([a_request(host)])


def test_nothing_is_printed(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Loading and drawing write nothing to the terminal, and the libraries' own loudness comes back."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    modules = (diffusers_logging, transformers_logging)
    before = [module.get_verbosity() for module in modules]
    host = open_host(root)
    with host.exclusive():
        host.generate([a_request(host, prompt="red, " * 60)])
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
    assert [module.get_verbosity() for module in modules] == before


def test_lists_extra_and_nested_but_no_hidden_files(root: Path, tmp_path: Path) -> None:
    """Checkpoints below the folder and extra ones are listed once; hidden and other files are not."""
    models = root / "models"
    nested = models / "deep" / "nested.safetensors"
    nested.parent.mkdir()
    extra = tmp_path / "Extra.safetensors"
    for path in (nested, extra, models / ".half.safetensors", models / "notes.txt"):
        path.touch()
    host = DiffusersHost(
        models, device="cpu", extra_checkpoints=[extra, nested, tmp_path / "gone.safetensors"]
    )
    names = [path.name for path in host.checkpoints()]
    assert names == ["base.safetensors", "Extra.safetensors", "nested.safetensors", "partner.safetensors"]


def test_defaults_come_from_the_configuration(root: Path) -> None:
    """Size is the UNet's sample size times the VAE's scale; the rest has the WebUIs' defaults."""
    defaults = open_host(root).image_defaults()
    assert (defaults.width, defaults.height) == (4 * 8, 4 * 8)
    assert (defaults.steps, defaults.cfg, defaults.sampler) == (20, 7.0, "DPM++ 2M")


def test_defaults_follow_hints(root: Path) -> None:
    """rimo.json in the configuration folder says how the model is best drawn."""
    (root / "config" / "rimo.json").write_text('{"steps": 8, "cfg": 4.5, "sampler": "Euler a", "width": 48}')
    defaults = open_host(root).image_defaults()
    assert (defaults.width, defaults.height) == (48, 32)
    assert (defaults.steps, defaults.cfg, defaults.sampler) == (8, 4.5, "Euler a")


def test_defaults_follow_the_scheduler(root: Path) -> None:
    """A model that comes with the LCM scheduler is drawn with it, in few steps without guidance."""
    path = root / "config" / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"_class_name": "LCMScheduler"}))
    index = root / "config" / "model_index.json"
    index.write_text(index.read_text().replace("PNDMScheduler", "LCMScheduler"))
    host = open_host(root)
    defaults = host.image_defaults()
    assert (defaults.steps, defaults.cfg, defaults.sampler) == (4, 1.0, "LCM")
    with host.exclusive():
        host.generate([a_request(host, sampler="LCM", cfg=1.0)])


def test_schedulers_keep_how_the_model_was_trained() -> None:
    """Prediction type and betas of the model's own configuration survive every sampler."""
    config = {"prediction_type": "v_prediction", "beta_start": 0.001, "num_train_timesteps": 900}
    for name in sampler_names():
        made = build_scheduler(name, "Automatic", config).config
        assert {key: made[key] for key in config} == config


def test_karras_by_name_and_by_schedule() -> None:
    """The name "DPM++ 2M Karras" and DPM++ 2M with the schedule Karras are one; Euler a cannot follow it."""
    by_name = build_scheduler("DPM++ 2M Karras", "Automatic", {})
    by_schedule = build_scheduler("DPM++ 2M", "Karras", {})
    assert by_name.config == by_schedule.config
    assert by_name.config["use_karras_sigmas"]
    assert not build_scheduler("DPM++ 2M", "Normal", {"use_karras_sigmas": True}).config["use_karras_sigmas"]
    with pytest.raises(HostError, match="Karras"):
        build_scheduler("Euler a", "Karras", {})


def test_threads_are_set_for_drawing_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number of threads holds while drawing and is taken back afterwards."""
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    host = open_host(root, threads=7)
    with host.exclusive():
        host.generate([a_request(host)])
    assert asked == [7, torch.get_num_threads()]


def test_nothing_is_drawn_without_a_model(root: Path) -> None:
    """Before the first load, everything that needs a model is a HostError."""
    host = DiffusersHost(root / "models", config_dir=root / "config", device="cpu")
    assert host.loaded() is None
    with pytest.raises(HostError, match="No checkpoint"):
        host.image_defaults()
    with host.exclusive(), pytest.raises(HostError, match="No checkpoint"):
        host.live()
