"""Recipes as SuperMerger, Model Mixer and the WebUI's merger write them mean what these programs made of them.

``golden/webui_recipes.json`` holds recipes that the programs' own code put out (SuperMerger fde2849, the last that
merges SD1, Model Mixer 8d55c1d), and the share of each model in each block, measured in the tensors that it made along
with them. Tensors that go ways of their own have names of their own there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lib_rimo.errors import RecipeError
from lib_rimo.merging import Sources
from lib_rimo.merging.interop.import_ import import_recipe, import_remarks
from lib_rimo.merging.interop.linear import REST, TEXT2
from lib_rimo.merging.interop.webui import read_webui
from tests.merging.models import sd1_tensors, sdxl_tensors, write

MADE: dict[str, Any] = json.loads(
    Path(__file__).with_name("golden").joinpath("webui_recipes.json").read_text("utf-8")
)
BLOCKS = {"TIME": REST, "LABEL": REST, "POSITION": TEXT2, "PROJECTION": TEXT2}
"""Where a recipe of ours has what has a name of its own in the measurement."""
OTHERWISE = {
    "SuperMerger": {"TIME", "LABEL", "POSITION", "PROJECTION"},
    "Model Mixer": {"LABEL", "PROJECTION"},
}
"""What goes another way in SDXL's models; it is told."""
NAMES = {
    "LABEL": "model.diffusion_model.label_emb.0.0.weight",
    "TIME": "model.diffusion_model.label_emb.0.0.weight",
    "POSITION": "conditioner.embedders.1.model.positional_embedding",
    "PROJECTION": "conditioner.embedders.1.model.text_projection",
}


@pytest.mark.parametrize("name", [name for name, made in MADE.items() if "shares" in made])
def test_a_recipe_means_what_the_program_made(name: str) -> None:
    """Block by block; where it does not, a note says it."""
    program, is_xl = name.partition(":")[0], " xl" in name
    found = read_webui(MADE[name]["recipe"], {})
    for block, measured in MADE[name]["shares"].items():
        ours = [found.share(BLOCKS.get(block, block), model) for model in "abc"]
        if is_xl and block in OTHERWISE[program] and ours != pytest.approx(measured, abs=2e-3):
            told = [*found.kept, *found.notes]
            assert any(NAMES[block].startswith(one) or "label embedding" in one for one in told), block
        else:
            assert ours == pytest.approx(measured, abs=2e-3), block


@pytest.mark.parametrize("name", [name for name, made in MADE.items() if made.get("refused")])
def test_what_the_programs_can_beyond_sums_is_refused(name: str) -> None:
    """By the field and what stands in it."""
    with pytest.raises(RecipeError, match=r"cannot be taken over because of|unknown length"):
        read_webui(MADE[name]["recipe"], {})


def test_versions_before_2024_of_model_mixer_wrote_less() -> None:
    """No list says who has weights by block, the calculation is one text, and the formula alone tells adjustments."""
    now = MADE["Model Mixer: two"]["recipe"]
    young = {"use_mbws", "uses", "elemental", "use_elemental", "adjust", "base_model"}
    old = {**{k: v for k, v in now.items() if k not in young}, "calcmode": "normal"}
    assert read_webui(old, {}).shares == read_webui(now, {}).shares
    text = {**old, "weights_alpha": [now["weights_alpha"][0], ",".join(map(str, now["weights_alpha"][1]))]}
    assert read_webui(text, {}).shares == read_webui(now, {}).shares
    for told in ("a * (1 - alpha_0) + b * alpha_0(0.3)@1,0,0,0", "x@0.5,0"):
        with pytest.raises(RecipeError, match="adjusted tensors"):
            read_webui({**old, "recipe": told}, {})
    assert read_webui({**old, "recipe": "me@home + b@0,0,0"}, {})
    with pytest.raises(RecipeError, match="base_model, which it does not name"):
        read_webui({**old, "mode": ["Add-Diff", "Sum"]}, {})
    with pytest.raises(RecipeError, match=r"calcmode\. Found: cosine"):
        read_webui({**old, "calcmode": "cosine"}, {})


WEBUI = {
    "type": "webui",
    "primary_model_hash": "a",
    "secondary_model_hash": "b",
    "tertiary_model_hash": "c",
    "interp_method": "Weighted sum",
    "multiplier": 0.3,
    "save_as_half": False,
    "custom_name": "",
    "config_source": 0,
    "bake_in_vae": "None",
    "discard_weights": "",
    "is_inpainting": False,
    "is_instruct_pix2pix": False,
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bake_in_vae": "vae-ft-mse.safetensors"}, "VAE vae-ft-mse.safetensors was baked in there"),
        ({"discard_weights": r"^model_ema\."}, r"names match ^model_ema\. were discarded"),
    ],
)
def test_what_the_webui_s_merger_did_besides_is_told(change: dict[str, Any], told: str) -> None:
    """A baked VAE and discarded weights are not taken over, which is said; the mix is."""
    found = read_webui({**WEBUI, **change}, {})
    assert found.shares == {"ALL": {"a": 0.7, "b": 0.3}}
    assert told in found.notes[0]
    assert read_webui(WEBUI, {}).notes == ()
    with pytest.raises(RecipeError, match="mixes nothing"):
        read_webui({**WEBUI, "interp_method": "No interpolation", **change}, {})


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"is_inpainting": True}, "is_inpainting"),
    ({"is_instruct_pix2pix": True}, "is_instruct_pix2pix"),
    ({"config_source": 7}, "config_source"),
    ({"interp_method": "Sigmoid"}, "Sigmoid"),
    ({"interp_method": "Inverse sigmoid"}, "Inverse sigmoid"),
    ({"primary_model_hash": None}, "primary_model_hash is empty.*--no-hashing"),
    ({"secondary_model_hash": None}, "secondary_model_hash is empty"),
    ({"interp_method": "Add difference", "tertiary_model_hash": ""}, "tertiary_model_hash is empty"),
    ({"multiplier": "much"}, "damaged"),
    ({"block_weights": [0.5]}, r"a field that is not known\. Found: block_weights = \[0\.5\]"),
]


@pytest.mark.parametrize(("change", "told"), REFUSED, ids=[told[:20] for _, told in REFUSED])
def test_what_the_webui_s_merger_can_beyond_sums_is_refused(change: dict[str, Any], told: str) -> None:
    """By the field's name."""
    with pytest.raises(RecipeError, match=told):
        read_webui({**WEBUI, **change}, {})


@pytest.mark.parametrize("name", ["SuperMerger: sd1 flat", "Model Mixer: flat"])
def test_fields_that_are_not_known_are_refused_by_name(name: str) -> None:
    """A later version or a copy may have added what changes the result; an empty one changes nothing."""
    recipe = MADE[name]["recipe"]
    assert read_webui({**recipe, "comment": "", "extra": None, "more": [], "on": False}, {})
    with pytest.raises(RecipeError, match=r"not known\. Found: density = 0\.5"):
        read_webui({**recipe, "density": 0.5}, {})


def remarks(folder: Path, xl: bool, recipe: dict[str, Any], *, sidecar: bool = False) -> list[str]:
    """What is told once the files are known."""
    for seed, name in enumerate("abc"):
        write(folder / f"{name}.safetensors", (sdxl_tensors if xl else sd1_tensors)(seed))
    if sidecar:
        (folder / "a.yaml").write_text("model: {}\n")
    foreign = read_webui(recipe, {})
    with Sources() as sources:
        found = import_recipe(foreign, sources, [folder])
        return import_remarks(foreign, found, sources)


def test_what_depends_on_the_models_is_told(tmp_path: Path) -> None:
    """Another model's config, half precision, tensors that go ways of their own; nothing where nothing differs."""
    assert remarks(tmp_path, False, WEBUI) == []
    (half,) = remarks(tmp_path, False, {**WEBUI, "save_as_half": True})
    assert "--number-type fp16" in half
    (config,) = remarks(tmp_path, False, {**WEBUI, "config_source": 1})
    assert "config of another model" in config
    (config,) = remarks(tmp_path, False, {**WEBUI, "config_source": 3}, sidecar=True)
    assert "that of a.safetensors is copied" in config
    assert remarks(tmp_path, True, WEBUI, sidecar=True) == []
    told = remarks(tmp_path, True, MADE["SuperMerger: xl flat"]["recipe"])
    assert any("label_emb" in note for note in told)
