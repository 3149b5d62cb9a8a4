"""sd-mecha's recipes as it writes them: the linear ones mean the right shares, the others are refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.errors import RecipeError
from lib_rimo.merging.interop.linear import ALL, BASE, REST, TEXT2, VAE, block_names
from lib_rimo.merging.interop.mecha import read_mecha
from tests.merging.interop import mecha_texts as texts

SHARES = {
    "weighted_sum(a, b, alpha=0.3)": (texts.WEIGHTED_SUM, {"a": 0.7, "b": 0.3}),
    "the same before it was finalized": (texts.NOT_FINALIZED, {"a": 0.7, "b": 0.3}),
    "add_difference(a, b, c, alpha=0.4)": (texts.ADD_DIFFERENCE, {"a": 1, "b": 0.4, "c": -0.4}),
    "n_average(a, b, c, d)": (texts.N_AVERAGE, {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}),
    "two differences": (texts.TWO_DIFFERENCES, {"a": 1, "b": 0.4, "c": -0.2, "d": -0.2}),
    "nested differences": (texts.NESTED, {"a": 1.5, "b": 0.5, "c": -0.5, "d": -0.5}),
    "a number that is itself a weighted sum": (texts.COMPUTED_NUMBER, {"a": 0.7, "b": 0.3}),
    "cast": (texts.CAST, {"a": 0.7, "b": 0.3}),
}


def rows(text: str, *blocks: str) -> list[dict[str, float]]:
    """The shares of the models in some blocks, by the letters of their names."""
    found = read_mecha(text)
    return [
        {model[0]: found.share(block, model) for model in found.models() if found.share(block, model)}
        for block in blocks or (ALL,)
    ]


@pytest.mark.parametrize(("text", "shares"), SHARES.values(), ids=SHARES)
def test_the_plain_recipes_mean_what_they_do_there(text: str, shares: dict[str, float]) -> None:
    """The shares were compared with the tensors that sd-mecha makes of the same texts."""
    assert read_mecha(text).base == "a.safetensors"
    for row in rows(text, BASE, "IN03", "OUT11", REST, VAE):
        assert row == pytest.approx(shares)


@pytest.mark.parametrize("written", ["0", "1", "0.0", "1.0", "-0.25", "1e-05", "1.7", "-1e-12", "3", "1e+02"])
def test_every_form_of_a_number_is_read(written: str) -> None:
    """Whole, negative, beyond 1 and with an exponent."""
    text = texts.WEIGHTED_SUM.replace("key=0.3", f"key={written}")
    found = read_mecha(text)
    assert found.share("M00", "b.safetensors") == float(written)
    assert found.share("M00", "a.safetensors") == 1 - float(written)


def test_block_weights_of_sdxl_reach_every_part() -> None:
    """The second text encoder follows BASE, the VAE has its own weight, what has none takes the fallback's."""
    names = (*block_names(9), VAE)
    weights = {name: i / 40 for i, name in enumerate(names)} | {BASE: 0.475}
    text = texts.XL_BLOCKS.format(blocks=" ".join(f"{n}={w}" for n, w in weights.items()))
    for name, row in zip(names, rows(text, *names), strict=True):
        assert row == pytest.approx({"a": 1, "b": weights[name], "c": -weights[name]})
    assert rows(text, TEXT2, REST) == [{"a": 1, "b": 0.475, "c": -0.475}] * 2
    assert read_mecha(text).notes == ()
    few = texts.XL_BLOCKS.format(blocks="BASE=0.25 OUT08=0.25")
    assert rows(few, TEXT2, VAE, "IN04") == [
        {"a": 1, "b": 0.25, "c": -0.25},
        {"a": 1, "b": 0.5, "c": -0.5},
        {"a": 1, "b": 0.5, "c": -0.5},
    ]


def test_block_weights_of_sd1_reach_every_part() -> None:
    """The VAE follows BASE; where BASE and the last output block differ, a note says what the time embedding takes."""
    weights = {name: i / 40 for i, name in enumerate(block_names(12))}
    text = texts.SD1_BLOCKS.format(blocks=" ".join(f"{n}={w}" for n, w in weights.items()))
    found = read_mecha(text)
    assert {name: found.share(name, "b.safetensors") for name in weights} == weights
    assert (found.share(VAE, "b.safetensors"), found.share(REST, "b.safetensors")) == (0, 0.625)
    assert "time embedding" in found.notes[0]


@pytest.mark.parametrize("form", [texts.FEW_BLOCKS, texts.FEW_BLOCKS_CONVERTED_LAST])
def test_blocks_that_a_recipe_leaves_out_take_the_fallback(form: str) -> None:
    """Whether it stands before the conversion or after it."""
    text = form.format(blocks="BASE=0.1 IN00=0.2 OUT11=0.1")
    assert rows(text, "IN00", "IN01", "M00", BASE, VAE, REST) == [
        {"a": 0.8, "b": 0.2}, {"a": 1}, {"a": 1}, {"a": 0.9, "b": 0.1}, {"a": 0.9, "b": 0.1}, {"a": 0.9, "b": 0.1},
    ]  # fmt: skip


def test_a_component_of_one_model_replaces_another_s() -> None:
    """The model that has most is the base; nothing is told, because what is missing stays as it has it there too."""
    picked = read_mecha(texts.COMPONENT.format(method="pick_component"))
    assert picked.base == "b.safetensors"
    assert rows(texts.COMPONENT.format(method="pick_component"), VAE, BASE, "IN11", REST) == [
        {"a": 1}, {"b": 1}, {"b": 1}, {"b": 1},
    ]  # fmt: skip
    assert rows(texts.COMPONENT.format(method="omit_component"), VAE, BASE, TEXT2, "OUT00", REST) == [
        {"b": 1}, {"a": 1}, {"a": 1}, {"a": 1}, {"a": 1},
    ]  # fmt: skip
    assert picked.notes == ()


def test_a_fallback_is_told_only_where_it_could_matter() -> None:
    """Not to the base itself, which is what a recipe of ours does too; but to a third model."""
    assert read_mecha(texts.ADD_DIFFERENCE).notes == ()
    other = texts.WEIGHTED_SUM + f'\n{texts.C}\nmerge "fallback" &5 &6'
    found = read_mecha(other)
    assert rows(other) == [pytest.approx({"a": 0.7, "b": 0.3})]
    assert found.models() == ("a.safetensors", "b.safetensors")
    assert found.notes == (
        "Where a model lacks a tensor, sd-mecha takes it from c.safetensors; here it stays as a.safetensors has it.",
    )


def test_a_rounding_on_the_way_is_told() -> None:
    """To half precision; float32 is what everything is computed in."""
    assert "float16" in read_mecha(texts.CAST).notes[0]
    assert read_mecha(texts.CAST.replace("float16", "float32")).notes == ()


REFUSED = {
    "clamp": texts.CLAMP,
    "train_difference_mask": texts.TRAIN_DIFFERENCE,
    "sd1-kohya_lycoris_lora": texts.LORA,
    "convert_'sd1-kohya_lycoris_lora'_to_base": texts.LORA.replace('"sd1-kohya_lycoris_lora"', "null"),
    "int8": texts.CAST.replace("float16", "int8"),
    "flux-flux": texts.WEIGHTED_SUM.replace("sd1-ldm", "flux-flux"),
    "merge_space of b.safetensors: delta": texts.WEIGHTED_SUM.replace(
        texts.B, texts.B.replace('"weight"', '"delta"')
    ),
    "weighted_sum beta": texts.WEIGHTED_SUM + " beta=0.5",
    "weighted_sum argument 4": texts.WEIGHTED_SUM + " 0.5",
    "weighted_sum alpha": texts.WEIGHTED_SUM + " alpha=0.5",
    "weighted_sum without b": 'version 0.1.0\nmodel "a"\nmerge "weighted_sum" &0',
    "weighted_sum b: a number beside models": 'version 0.1.0\nmodel "a"\nmerge "weighted_sum" &0 0.5',
    "weighted_sum alpha: a model": 'version 0.1.0\nmodel "a"\nmodel "b"\nmerge "weighted_sum" &0 &1 &1',
    "weighted_sum alpha: key: 'much'": texts.WEIGHTED_SUM.replace("key=0.3", 'key="much"').replace(
        "&4", "&3"
    ),
    "weighted_sum alpha: True": 'version 0.1.0\nmodel "a"\nmerge "weighted_sum" &0 &0 true',
    "n_average of nothing": 'version 0.1.0\nmodel "a"\nmerge "n_average"',
    "pick_component component: unet": texts.COMPONENT.format(method="pick_component").replace("vae", "unet"),
    "convert_singleton singleton: BASE": texts.WEIGHTED_SUM.replace("key=0.3", "BASE=0.3 IN00=0.5"),
    "OUT09 of sdxl": texts.XL_BLOCKS.format(blocks="BASE=0.1 OUT09=0.5"),
    "VAE of sd1": texts.SD1_BLOCKS.format(blocks="BASE=0.1 VAE=0.5"),
    "some.key": 'version 0.1.0\nmodel "a"\nmodel "b"\ndict some.key=0.5\nmerge "weighted_sum" &0 &1 &2',
    "IN00": "version 0.1.0\nmodel a\ndict IN00=1 first_stage_model.x=1\nmerge weighted_sum &0 &0 &1",
    "shares do not add up to 1": "\n".join(texts.ADD_DIFFERENCE.split("\n")[:5]),
    "does not end in a model": "\n".join(texts.WEIGHTED_SUM.split("\n")[:-1]),
    "line 4: a literal of something else": "version 0.1.0\nmodel a\nmodel b\nliteral 3",
    "line 2: a quote is not closed": 'version 0.1.0\nmodel "a',
    "line 2: it ends in a backslash": "version 0.1.0\nmodel a\\",
    "line 2: a quote stands inside": 'version 0.1.0\nmodel a"b"',
    "line 2: &x names no line": "version 0.1.0\nmodel &x",
    "line 2: &9 stands before": "version 0.1.0\nmodel &9",
    "line 2: 1e999 is no finite number": "version 0.1.0\ndict key=1e999",
    "line 2: a model without a name": 'version 0.1.0\nmodel ""',
    "line 2: model with other words": 'version 0.1.0\nmodel "a" colour="red"',
    "line 2: run with other words": "version 0.1.0\nrun rm",
    "line 2: &0 starts with no command": "version 0.1.0\n&0",
    "line 2: dict with other words": "version 0.1.0\ndict 3",
    "an empty text": "",
}


@pytest.mark.parametrize(("told", "text"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_said_is_refused_by_its_name(told: str, text: str) -> None:
    """The method, the parameter or the line; never with the text of an error of Python's."""
    with pytest.raises(RecipeError) as caught:
        read_mecha(text)
    assert told.removesuffix(" starts with no command") in str(caught.value)
    assert "Error" not in str(caught.value)


NAMES = {
    '"m/a b.safetensors"': "m/a b.safetensors",
    '"it\'s.safetensors"': "it's.safetensors",
    '"q\\"uote.safetensors"': 'q"uote.safetensors',
    '"x=1.safetensors"': "x=1.safetensors",
    '"&0.safetensors"': "&0.safetensors",
    '"&0"': "&0",
    '"null"': "null",
    '"1.5"': "1.5",
    '"日本語 モデル.safetensors"': "日本語 モデル.safetensors",
    '"模型（测试）.safetensors"': "模型（测试）.safetensors",
    '"C:\\\\models\\\\a.safetensors"': "C:\\models\\a.safetensors",
    '"#hash.safetensors"': "#hash.safetensors",
    '"./u\u2028sep\x85.safetensors"': "u\u2028sep\x85.safetensors",
}


@pytest.mark.parametrize(("written", "name"), NAMES.items(), ids=NAMES.values())
def test_any_file_name_is_read(written: str, name: str) -> None:
    """Spaces, quotes, backslashes, other scripts, and what outside of quotes would be a number or a reference."""
    text = texts.WEIGHTED_SUM.replace('"b.safetensors"', written)
    for way in (text, "\ufeff" + text.replace("\n", "\r\n") + "\r\n"):
        assert read_mecha(way).models() == ("a.safetensors", name)


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_a_damaged_recipe_is_read_or_refused(data: st.DataObject) -> None:
    """Whatever is taken out of a real one, doubled or put elsewhere: no other error comes out."""
    lines = data.draw(st.sampled_from([text for text, _ in SHARES.values()])).split("\n")
    words = [line.split(" ") for line in lines]
    for _ in range(data.draw(st.integers(1, 4))):
        here, there = (data.draw(st.integers(1, len(words) - 1)) for _ in range(2))
        way = data.draw(st.sampled_from(["cut", "swap", "copy", "word"]))
        if way == "cut" and len(words) > 2:
            del words[here]
        elif way == "swap":
            words[here], words[there] = words[there], words[here]
        elif way == "copy":
            words[here] = [*words[there]]
        else:
            piece = (
                data.draw(st.sampled_from(words[there])) if data.draw(st.booleans()) else data.draw(st.text())
            )
            words[here].insert(data.draw(st.integers(0, len(words[here]))), piece)
    try:
        found = read_mecha("\n".join(" ".join(line) for line in words))
    except RecipeError:
        return
    assert found.base in found.models()
