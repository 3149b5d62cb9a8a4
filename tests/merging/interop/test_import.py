"""Recipes of other programs: what they mean, made ours, and refused where they cannot be."""

import contextlib
import json
import shlex
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.errors import CheckpointError, RecipeError
from lib_rimo.merging import DictSink, Sources, load_partition, merge_into
from lib_rimo.merging.checkpoints.digest import file_sha256
from lib_rimo.merging.checkpoints.keys import place_of
from lib_rimo.merging.interop.import_ import import_recipe
from lib_rimo.merging.interop.linear import block_names
from lib_rimo.merging.interop.mecha import read_mecha, write_mecha
from lib_rimo.merging.interop.webui import read_metadata, read_webui
from tests.merging.models import Family, family, sd1_tensors, sdxl_tensors, write

WEIGHT = st.floats(-1, 2, width=32).map(lambda x: round(x, 3))
LISTS = st.lists(WEIGHT, min_size=26, max_size=26)
SUPERMERGER = {
    "type": "sd-webui-supermerger",
    "model_a": "base",
    "model_b": "partner1",
    "model_c": "partner2",
    "base_alpha": 0.5,
    "base_beta": 0.25,
    "weights_alpha": None,
    "weights_beta": None,
    "mode": "Weight sum",
    "mbw": False,
    "elemental_merge": "",
    "calcmode": "normal",
    "Off": [],
}
MIXER = {
    "type": "sd-webui-model-mixer",
    "model_a": "base.safetensors [31e35c80fc]",
    "model_b": "sub/partner1",
    "model_c": "partner2",
    "base_model": "base",
    "mode": ["Sum", "Add-Diff"],
    "calcmode": ["Normal", "Normal"],
    "alpha": [0.5, 0.3],
    "use_mbws": [False, False],
    "weights_alpha": [[], []],
    "use_elemental": [False, False],
    "elemental": ["", ""],
    "adjust": "0,0,0,0",
}


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Base and two partners."""
    return family(tmp_path_factory.mktemp("three"), dtype=torch.float32)


def sd1_block(key: str) -> str | None:
    """The block of a key as all these programs name it; None for what they treat differently."""
    place = place_of(key)
    if place is None or (place.component == "unet" and not place.chain):
        return None
    if not place.chain:
        return "BASE" if place.component != "vae" else "VAE"
    stem = {"input_blocks": "IN", "middle_block": "M", "output_blocks": "OUT"}[place.chain]
    return "M00" if stem == "M" else f"{stem}{place.block:02}"


def merged(three: Family, recipe) -> dict[str, torch.Tensor]:
    """Our result."""
    sink = DictSink()
    merge_into(recipe, three.sources, load_partition("mbw"), sink)
    return sink.tensors


def expect(three: Family, recipe, formula, vae: str = "BASE") -> None:
    """Compares with a formula on (a, b, c, block); ``vae`` is the block that the VAE follows."""
    a, b, c = three.tensors
    found = merged(three, recipe)
    for key, tensor in a.items():
        block = sd1_block(key)
        if block is None or not tensor.is_floating_point():
            continue
        wanted = formula(*(t[key].double() for t in (a, b, c)), vae if block == "VAE" else block)
        torch.testing.assert_close(found[key].double(), wanted.double(), atol=1e-5, rtol=1e-5)


MODES = {
    "Weight sum": lambda a, b, c, x, y: a * (1 - x) + b * x,
    "Add difference": lambda a, b, c, x, y: a + (b - c) * x,
    "Triple sum": lambda a, b, c, x, y: a * (1 - x - y) + b * x + c * y,
    "sum Twice": lambda a, b, c, x, y: (a * (1 - x) + b * x) * (1 - y) + c * y,
}


@given(st.sampled_from(sorted(MODES)), LISTS, LISTS, st.booleans())
@settings(deadline=None, max_examples=25)
def test_supermerger_s_modes_mean_what_they_do_there(three, mode, alpha, beta, blocks):
    """All four linear modes, with one weight or 26."""
    recipe = {**SUPERMERGER, "mode": mode, "mbw": blocks, "base_alpha": alpha[0], "base_beta": beta[0]}
    recipe |= {"weights_alpha": alpha[1:], "weights_beta": beta[1:]} if blocks else {}
    found = import_recipe(read_webui(recipe, {}), three.sources, [three.folder])
    names = block_names(12)

    def formula(a, b, c, block):
        place = names.index(block) if blocks else 0
        return MODES[mode](a, b, c, alpha[place], beta[place])

    expect(three, found, formula)


@given(WEIGHT, LISTS)
@settings(deadline=None, max_examples=15)
def test_model_mixer_mixes_one_after_the_other(three, alpha, blocks):
    """A weighted sum by blocks, which leaves the VAE alone, then a difference added with one weight, to it too."""
    recipe = {**MIXER, "alpha": [0.0, alpha], "use_mbws": [True, False]}
    recipe["weights_alpha"] = [blocks, []]
    found = import_recipe(read_webui(recipe, {}), three.sources, [three.folder])
    names = block_names(12)

    def formula(a, b, c, block):
        weight = 0.0 if block == "VAE" else blocks[names.index(block)]
        return a * (1 - weight) + b * weight + (c - a) * alpha

    expect(three, found, formula, vae="VAE")
    after = "model.diffusion_model.out.2.weight"
    a, b, c = (t[after].double() for t in three.tensors)
    wanted = a * (1 - blocks[-1]) + b * blocks[-1] + (c - a) * alpha
    torch.testing.assert_close(merged(three, found)[after].double(), wanted, atol=1e-5, rtol=1e-5)


def test_the_webui_s_own_merger_is_read(three):
    """Models named by their SHA-256, under whatever name the files have now."""
    hashes = [file_sha256(path) for path in three.paths]
    recipe = {
        "type": "webui",
        "primary_model_hash": hashes[0],
        "secondary_model_hash": hashes[1],
        "tertiary_model_hash": hashes[2],
        "interp_method": "Add difference",
        "multiplier": 0.75,
    }
    names = {hashes[0]: "base", hashes[1]: "an old name.safetensors"}
    texts = {
        "sd_merge_recipe": json.dumps(recipe),
        "sd_merge_models": json.dumps({sha: {"name": name} for sha, name in names.items()}),
    }
    found = import_recipe(read_metadata(texts), three.sources, [three.folder])
    expect(three, found, lambda a, b, c, _: a + (b - c) * 0.75)


def test_sdxl_lists_have_twenty_weights(tmp_path):
    """19 and BASE, with or without one for the VAE at the end."""
    xl = Family(tmp_path, [sdxl_tensors(seed) for seed in range(2)], partition="mbw")
    values = [round(0.05 * i, 2) for i in range(20)]
    for tail in ([], [0]):
        recipe = {**SUPERMERGER, "mbw": True, "base_alpha": values[0], "weights_alpha": [*values[1:], *tail]}
        found = import_recipe(read_webui(recipe, {}), xl.sources, [tmp_path])
        assert [found.row(group)[0] for group in xl.groups if group.startswith(("in", "out"))] == [
            *values[1:10], *values[11:20],
        ]  # fmt: skip
        assert found.row("mid") == (values[10],)
        assert found.row("text2") == found.row("text")


MECHA = """version 0.1.0
model "models/base.safetensors" model_config="sd1-ldm" merge_space="weight"
model "partner1.safetensors" model_config="sd1-ldm" merge_space="weight"
model "partner2.safetensors" model_config="sd1-ldm" merge_space="weight"
merge "weighted_sum" &0 &1 alpha=0.25
# a remark
merge "subtract" &2 &0
dict {blocks}
literal &5 model_config="sd1-supermerger_blocks" merge_space="param"
merge "convert_sd1_blocks_to_ldm" &6
merge "add_difference" &3 &4 &7
"""


def test_sd_mecha_s_linear_recipes_are_read(three):
    """Sums, differences and weights by block, as sd-mecha 1.1 writes them."""
    names = block_names(12)
    weights = [round(0.03 * i, 2) for i in range(26)]
    text = MECHA.format(blocks=" ".join(f"{n}={w}" for n, w in zip(names, weights, strict=True)))
    found = import_recipe(read_mecha(text), three.sources, [three.folder])
    expect(three, found, lambda a, b, c, k: 0.75 * a + 0.25 * b + (c - a) * weights[names.index(k)])


def evaluate(text: str, models: dict[str, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """What sd-mecha does with the text that we write (compared with sd-mecha 1.1.5 itself)."""
    nodes: list = []
    for line in text.splitlines()[1:]:
        command, *words = shlex.split(line)
        of = [nodes[int(w.rpartition("&")[2])] if "&" in w else w for w in words]
        if command == "model":
            nodes.append(models[words[0]])
        elif command == "dict":
            nodes.append({w.rpartition("=")[0]: float(w.rpartition("=")[2]) for w in words})
        elif command == "literal":
            nodes.append(of[0])
        elif words[0] == "subtract":
            nodes.append({k: of[1][k] - of[2][k] for k in of[2]})
        else:
            assert words[0] == "add_difference"
            nodes.append({k: t + of[2][k] * of[3].get(k, 0.0) for k, t in of[1].items()})
    return nodes[-1]


def test_any_recipe_of_ours_is_written_for_sd_mecha(three):
    """Every partition, because every tensor gets its weight."""
    recipe = three.recipe({"mid": (0.5, -0.25), "in0-6": (0.0, 1.0), "vae": (0.3, 0.0)})
    text = write_mecha(recipe, three.sources.open(three.named[0]), three.partition)
    sink = DictSink()
    merge_into(recipe, three.sources, three.partition, sink)
    wide = {
        path.name: {k: t.double() for k, t in tensors.items() if t.is_floating_point()}
        for path, tensors in zip(three.paths, three.tensors, strict=True)
    }
    for key, wanted in evaluate(text, wide).items():
        torch.testing.assert_close(sink.tensors[key].double(), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "another program"},
        {"calcmode": "cosineA"},
        {"elemental_merge": "IN00:attn:1"},
        {"mode": "something new"},
        {"Exclude": ["IN00"]},
        {"Exclude": ["VAE", "attn"]},
        {"Include": ["IN00"]},
        {"elemental_merge": [":attn:0.5"]},
        {"elemental_merge": 3},
        {"elemental_merge": [":first_stage_model:much"]},
        {"mbw": True, "weights_alpha": [0.5] * 7},
        {"mbw": True, "weights_alpha": "a,b"},
        {"model_b": None, "base_alpha": None},
    ],
)
def test_what_is_not_linear_is_refused(change):
    """By name, before a file is opened."""
    with pytest.raises(RecipeError):
        read_webui({**SUPERMERGER, **change}, {})


@pytest.mark.parametrize(
    "change",
    [
        {"mode": ["DARE", "Sum"]},
        {"calcmode": ["Cosine", "Normal"]},
        {"use_elemental": [True, False], "elemental": ["IN00:attn:1", ""]},
        {"use_elemental": [True, False], "elemental": [":time_embed diffusion_model.out.:1", ""]},
        {"adjust": "1,0,0"},
        {"mode": 3},
    ],
)
def test_model_mixer_s_other_methods_are_refused(change):
    """The same for the other program."""
    with pytest.raises(RecipeError):
        read_webui({**MIXER, **change}, {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version 9",
        "version 0.1.0",
        'version 0.1.0\nmodel "a"\nmerge "slerp" &0 &0',
        'version 0.1.0\nmerge "subtract" &0 &1',
        'version 0.1.0\nmodel "a"\nmodel "b"\nmerge "subtract" &0 &1',
        'version 0.1.0\nmodel "a"\nmodel "b"\ndict some.key=0.5\nmerge "weighted_sum" &0 &1 &2',
        'version 0.1.0\nmodel "a',
        "version 0.1.0\ndict a=nan",
        "version 0.1.0\nrun rm",
    ],
)
def test_damaged_and_other_recipes_of_sd_mecha_are_refused(text):
    """A clear message for each."""
    with pytest.raises(RecipeError):
        read_mecha(text)


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=100)
def test_no_text_does_more_than_be_refused(text):
    """Whatever the file holds."""
    for attempt in (text, f"version 0.1.0\n{text}"):
        with contextlib.suppress(RecipeError):
            read_mecha(attempt)


def test_missing_and_changed_models_are_named(three, tmp_path):
    """A name that is nowhere, and a name whose file has another hash."""
    write(tmp_path / "base.safetensors", sd1_tensors(8))
    foreign = read_webui({**SUPERMERGER, "model_a": "ab" * 32}, {"ab" * 32: "base.safetensors"})
    with pytest.raises(CheckpointError) as caught, Sources() as sources:
        import_recipe(foreign, sources, [Path(tmp_path)])
    assert "base.safetensors (only a file of this name" in str(caught.value)
    assert "partner1" in str(caught.value)
    with pytest.raises(RecipeError, match="no recipe"):
        read_metadata({})
    with pytest.raises(RecipeError, match="damaged"):
        read_metadata({"sd_merge_recipe": "{"})
