"""Files as people have them: loaded and drawn right, or refused with the reason."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from lib_rimo.errors import HostError
from lib_rimo.hosts.diffusers import DiffusersHost
from lib_rimo.hosts.diffusers.configuration import shipped
from lib_rimo.hosts.host import ImageRequest
from tests.hosts.conformance_weights import same
from tests.hosts.conftest import KINDS

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Tensors = dict[str, torch.Tensor]
BASE = "models/base.safetensors"
VAE = "first_stage_model."
SCALE = 0.25


def host_of(root: Path) -> DiffusersHost:
    """A host on a family folder, without a model."""
    return DiffusersHost(root / "models", config_dir=root / "config", device="cpu")


def drawn(host: DiffusersHost, path: Path, vae: Path | None = None) -> list[Image.Image]:
    """A picture of a file."""
    host.load(path, vae)
    d = host.image_defaults()
    with host.exclusive():
        return host.generate([ImageRequest("red, star", "blue", 3, d.width, d.height, 2, 5.0, "Euler")])


def changed(root: Path, name: str, change: Callable[[Tensors], Tensors]) -> Path:
    """The family's base, changed, as a file of its own."""
    path = root / "models" / name
    tensors = change(load_file(str(root / BASE)))
    if path.suffix == ".safetensors":
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, str(path))
    else:
        torch.save({"epoch": 3, "state_dict": {"state_dict": tensors}}, path)
    return path


def to(dtype: torch.dtype) -> Callable[[Tensors], Tensors]:
    """All floating-point tensors in another type."""
    return lambda tensors: {k: t.to(dtype) if t.is_floating_point() else t for k, t in tensors.items()}


@pytest.mark.parametrize("root", KINDS, indirect=True)
@pytest.mark.parametrize("wrap", ["bare", "state_dict", "nested", "older than zip", "parameters"])
def test_a_ckpt_is_drawn_as_its_safetensors(root: Path, wrap: str) -> None:
    """However the numbers are wrapped up, the file is listed, read by the safe way, and draws the same picture."""
    tensors = load_file(str(root / BASE))
    path = root / "models" / "old.ckpt"
    made: dict[str, object] = {
        "bare": tensors,
        "state_dict": {"state_dict": tensors, "global_step": 3},
        "nested": {"state_dict": {"state_dict": tensors}},
        "older than zip": {"state_dict": tensors},
        "parameters": {k: torch.nn.Parameter(t, requires_grad=False) for k, t in tensors.items()},
    }
    torch.save(made[wrap], path, _use_new_zipfile_serialization=wrap != "older than zip")
    host = host_of(root)
    assert path in host.checkpoints()
    assert same(drawn(host, path), drawn(host_of(root), root / BASE))
    with host.exclusive():
        for key, slots in host.live().slots.items():
            assert all(
                torch.equal(s.tensor, (tensors[key] if s.view is None else s.view(tensors[key])).float())
                for s in slots
            )


class Surprise:
    """Something that a checkpoint does not need."""


def test_a_pickle_that_wants_more_is_refused(root: Path) -> None:
    """An object in the file is never made, and one sentence says what to do."""
    path = root / "models" / "surprise.ckpt"
    torch.save({"state_dict": load_file(str(root / BASE)), "callbacks": Surprise()}, path)
    with pytest.raises(HostError, match=r"holds more than numbers.*Use the \.safetensors version"):
        host_of(root).load(path)


def test_old_names_are_drawn_as_todays(root: Path) -> None:
    """A text encoder's names without ``text_model``, as in NAI's file and what was merged from it."""
    new, old = "cond_stage_model.transformer.text_model.", "cond_stage_model.transformer."
    for name in ("old.safetensors", "old.ckpt"):
        path = changed(root, name, lambda tensors: {k.replace(new, old): t for k, t in tensors.items()})
        assert same(drawn(host_of(root), path), drawn(host_of(root), root / BASE))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("root", KINDS, indirect=True)
def test_plain_numbers_of_any_type_are_drawn(root: Path, dtype: torch.dtype) -> None:
    """What is live is what the file says, number for number."""
    path = changed(root, "typed.safetensors", to(dtype))
    host, tensors = host_of(root), load_file(str(path))
    assert drawn(host, path)[0].getbbox() is not None
    with host.exclusive():
        for key, slots in host.live().slots.items():
            for slot in slots:
                part = tensors[key] if slot.view is None else slot.view(tensors[key])
                assert torch.equal(slot.tensor, part.float())


def without_vae(tensors: Tensors) -> Tensors:
    """A file that was published without one."""
    return {key: tensor for key, tensor in tensors.items() if not key.startswith(VAE)}


def only_vae(tensors: Tensors) -> Tensors:
    """A VAE's file, with the bare names that most have."""
    return {key.removeprefix(VAE): t for key, t in tensors.items() if key.startswith(VAE)}


@pytest.mark.parametrize("root", KINDS, indirect=True)
def test_a_vae_of_one_s_choice(root: Path) -> None:
    """Chosen, beside the file or out of another checkpoint, it decodes the picture; the model's own is left alone."""
    bare = changed(root, "bare.safetensors", without_vae)
    vae = changed(root, "a.vae.safetensors", only_vae)
    whole, other = root / BASE, root / "models" / "partner.safetensors"
    host = host_of(root)
    with pytest.raises(
        HostError, match=r"has no VAE.*Choose one under VAE, bake one .*bare\.vae\.safetensors"
    ):
        host.load(bare)
    assert host.loaded() is None
    wanted = drawn(host_of(root), whole)
    assert same(drawn(host, bare, vae), wanted)
    assert same(drawn(host, bare, whole), wanted)
    assert not same(drawn(host, bare, other), wanted)
    assert not same(drawn(host, whole, other), wanted)
    with host.exclusive():
        live = host.live()
    assert not any(key.startswith(VAE) for key in live.slots)
    assert (
        "another VAE, partner.safetensors"
        in {why for k, why in live.refused.items() if k.startswith(VAE)}.pop()
    )
    assert same(drawn(host, whole), wanted)
    shutil.copy(vae, bare.with_name("bare.vae.safetensors"))
    assert same(drawn(host_of(root), bare), wanted)
    assert not any(".vae." in path.name for path in host.checkpoints())


def test_vaes_of_other_writers(root: Path) -> None:
    """A pickle of the WebUIs' (``.vae.pt``) and a file in the layout of diffusers decode alike."""
    bare, host = changed(root, "bare.safetensors", without_vae), host_of(root)
    wanted = drawn(host, root / BASE)
    with host.exclusive():
        state = {k: t.clone() for k, t in host._model.pipeline.vae.state_dict().items()}  # type: ignore[union-attr]
    diffusers_way = root / "vae.safetensors"
    save_file(state, str(diffusers_way))
    pickled = root / "vae.pt"
    torch.save({"state_dict": only_vae(load_file(str(root / BASE)))}, pickled)
    for vae in (diffusers_way, pickled):
        assert same(drawn(host, bare, vae), wanted)


def test_what_is_no_vae_is_refused(root: Path) -> None:
    """A file without one, one of another shape and one that is missing each have a sentence."""
    host, bare = host_of(root), changed(root, "bare.safetensors", without_vae)
    with pytest.raises(HostError, match="The file chosen as VAE is none"):
        host.load(root / BASE, bare)
    wide = changed(root, "wide.safetensors", lambda t: {k: torch.cat([v, v]) for k, v in only_vae(t).items()})
    with pytest.raises(HostError, match="does not fit the model"):
        host.load(root / BASE, wide)
    with pytest.raises(HostError, match="The VAE is missing"):
        host.load(root / BASE, root / "gone.safetensors")


def scaled(tensors: Tensors) -> Tensors:
    """Weights as large as fp8 allows, with the factor that makes them right beside them."""
    key = next(k for k in tensors if k.endswith("attn1.to_q.weight"))
    return {
        **tensors,
        key: (tensors[key] / SCALE).to(torch.float8_e4m3fn),
        key.replace("weight", "scale_weight"): torch.tensor(SCALE),
    }


def packed(tensors: Tensors) -> Tensors:
    """Weights of four bits, two in a byte, with the table beside them."""
    key = next(k for k in tensors if k.endswith("attn1.to_q.weight"))
    return {**tensors, key: torch.zeros(8, 1, dtype=torch.uint8), f"{key}.absmax": torch.ones(1)}


def lora(tensors: Tensors) -> Tensors:
    """A LoRA as kohya's scripts write it."""
    stem = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q"
    return {f"{stem}.lora_down.weight": torch.ones(4, 8), f"{stem}.lora_up.weight": torch.ones(8, 4)}


def peft_lora(tensors: Tensors) -> Tensors:
    """A LoRA as diffusers writes it."""
    stem = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    return {f"{stem}.lora_A.weight": torch.ones(4, 8), f"{stem}.lora_B.weight": torch.ones(8, 4)}


def bare_unet(tensors: Tensors) -> Tensors:
    """The UNet alone, with the names that it has in a whole file."""
    return {key: t for key, t in tensors.items() if key.startswith("model.diffusion_model.")}


def nameless_unet(tensors: Tensors) -> Tensors:
    """The UNet alone, with names of its own."""
    return {key.removeprefix("model.diffusion_model."): t for key, t in bare_unet(tensors).items()}


def inpainting(tensors: Tensors) -> Tensors:
    """A model that takes a mask and a masked picture too."""
    key = "model.diffusion_model.input_blocks.0.0.weight"
    return {**tensors, key: torch.cat([tensors[key], tensors[key], tensors[key][:, :1]], dim=1)}


@pytest.mark.parametrize("root", KINDS, indirect=True)
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (scaled, r"is quantised.*scaled fp8.*fp16"),
        (packed, r"is quantised.*8 or 4 bits.*fp16"),
        (lora, r"unknown kind\. Found: a LoRA"),
        (peft_lora, r"unknown kind\. Found: a LoRA"),
        (only_vae, r"unknown kind\. Found: a VAE"),
        (bare_unet, "has no text encoder"),
        (nameless_unet, r"unknown kind\. Found: a bare UNet"),
        (inpainting, "Inpainting models cannot be drawn"),
    ],
)
def test_what_cannot_be_a_base_is_refused_with_the_reason(
    root: Path, change: Callable[[Tensors], Tensors], why: str
) -> None:
    """Quantised files, parts of models and models for something else; nothing is loaded."""
    host = host_of(root)
    with pytest.raises(HostError, match=why):
        host.load(changed(root, "odd.safetensors", change))
    assert host.loaded() is None


@pytest.mark.parametrize("name", ["model.gguf", "model.safetensors"])
def test_gguf_is_refused(root: Path, name: str) -> None:
    """By its name, and by its content under another one."""
    path = root / "models" / name
    path.write_bytes(b"GGUF" + bytes(range(60)))
    with pytest.raises(HostError, match=r"quantised.*GGUF.*fp16"):
        host_of(root).load(path)


@pytest.mark.parametrize(
    ("family", "sizes"),
    [
        ("sd1", {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480}),
        (
            "sdxl-base",
            {
                "unet": 2_567_463_684,
                "vae": 83_653_863,
                "text_encoder": 123_060_480,
                "text_encoder_2": 694_659_840,
            },
        ),
    ],
)
def test_the_usual_configurations_are_of_the_real_models(family: str, sizes: dict[str, int]) -> None:
    """As many numbers in each part as the published models have, and CLIP's own tokens for a sentence."""
    import transformers
    from diffusers import AutoencoderKL, UNet2DConditionModel

    with shipped(family) as folder, torch.device("meta"):
        made: dict[str, torch.nn.Module] = {
            "unet": UNet2DConditionModel.from_config(
                UNet2DConditionModel.load_config(str(folder), subfolder="unet")
            ),
            "vae": AutoencoderKL.from_config(AutoencoderKL.load_config(str(folder), subfolder="vae")),
        }
        for name in sizes.keys() - made.keys():
            config = transformers.CLIPTextConfig.from_pretrained(str(folder / name))
            made[name] = getattr(transformers, config.architectures[0])(config)
        assert {n: sum(p.numel() for p in module.parameters()) for n, module in made.items()} == sizes
    with shipped(family) as folder:
        for name, pad in (("tokenizer", 49407), ("tokenizer_2", 0)):
            if (folder / name).is_dir():
                tokenizer = transformers.CLIPTokenizer.from_pretrained(str(folder / name))
                read = tokenizer("a photo of a cat", padding="max_length", max_length=8).input_ids
                assert read == [49406, 320, 1125, 539, 320, 2368, 49407, pad]


def test_a_miniature_does_not_fit_the_usual_configuration(root: Path) -> None:
    """A model of other widths says that its configuration has to be named."""
    with pytest.raises(HostError, match="folder of its diffusers configuration") as told:
        DiffusersHost(root / "models", device="cpu").load(root / BASE)
    assert told.value.setting == "config"
