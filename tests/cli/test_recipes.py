"""The commands that make, show, rebuild and exchange recipes, on miniature checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from lib_rimo.cli.program import BAD_INPUT, OK, main
from lib_rimo.merging.mix.recipe import Recipe
from tests.merging.interop import mecha_texts as texts
from tests.merging.models import Family, bits, family, sd1_tensors, sdxl_tensors, write


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own."""
    monkeypatch.setenv("RIMO_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "models").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def three(home: Path) -> Family:
    """Base and two partners in the models folder."""
    return family(home / "models", width=12)


def rimo(*arguments: str | Path) -> int:
    """Runs a command in this process."""
    return main([str(argument) for argument in arguments])


def recipe_file(three: Family, path: Path, **weights: tuple[float, float]) -> Path:
    """A recipe on the disk."""
    path.write_text(json.dumps(three.recipe(weights or {"mid": (0.5, 0.25), "text": (1.0, 0.5)}).to_json()))
    return path


def models(home: Path) -> list[str]:
    """Checkpoints in the folder."""
    return sorted(path.name for path in (home / "models").iterdir())


def test_merge_history_and_rebuild_close_the_circle(
    three: Family, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mix is written, told, and written again from its history alone; the two files are equal to the byte."""
    recipe = recipe_file(three, tmp_path / "recipe.json")
    assert rimo("merge", recipe, "--save", "mix", "--number-type", "fp16", "--no-vae", "--prune-ema") == OK
    mix = home / "models" / "mix.safetensors"
    assert not any(key.startswith(("first_stage", "model_ema")) for key in load_file(str(mix)))
    assert rimo("history", mix, "--json", tmp_path / "history.json") == OK
    told = capsys.readouterr().out
    assert "mid: +0.500 partner1.safetensors, +0.250 partner2.safetensors" in told
    assert "base.safetensors" in told.split("Shares")[1]
    wanted = mix.read_bytes()
    mix.unlink()
    out = tmp_path / "rebuilt.json"
    assert rimo("rebuild", tmp_path / "history.json", "--checkpoints", home / "models", "--json", out) == OK
    assert mix.read_bytes() == wanted
    assert json.loads(out.read_text())["proved"] is True
    assert "the same as when it was first saved" in capsys.readouterr().out


def test_a_plain_recipe_is_rebuilt_too(three: Family, home: Path, tmp_path: Path) -> None:
    """Without a hash to compare, which is said."""
    recipe = recipe_file(three, tmp_path / "recipe.json")
    assert rimo("rebuild", recipe, "--save", "again", "--json", tmp_path / "out.json") == OK
    assert json.loads((tmp_path / "out.json").read_text())["proved"] is False
    assert rimo("merge", recipe, "--save", "mix") == OK
    one, two = (load_file(str(home / "models" / f"{name}.safetensors")) for name in ("again", "mix"))
    assert {k: bits(t) for k, t in one.items()} == {k: bits(t) for k, t in two.items()}


def test_contact_writes_a_repaired_checkpoint(three: Family, home: Path, tmp_path: Path) -> None:
    """Ranks for all groups and for one; the VAE stays; the file says what it is made of and can be rebuilt."""
    command = ("contact", three.paths[0], three.paths[1], "--rank", "2", "mid=0", "--vectors", "kept")
    assert rimo(*command, "--save", "fused", "--json", tmp_path / "contact.json", "--device", "cpu") == OK
    fused = load_file(str(home / "models" / "fused.safetensors"))
    kept = three.tensors[0]
    same = {key for key in kept if bits(fused[key]) == bits(kept[key])}
    assert "first_stage_model.decoder.conv_out.weight" in same
    assert "model.diffusion_model.middle_block.1.proj_in.weight" in same
    assert "model.diffusion_model.input_blocks.1.0.weight" not in same
    assert rimo("rebuild", home / "models" / "fused.safetensors", "--save", "again") == OK
    again = (home / "models" / "again.safetensors").read_bytes()
    assert again == (home / "models" / "fused.safetensors").read_bytes()
    assert rimo("export", home / "models" / "fused.safetensors", tmp_path / "fused.mecha") == BAD_INPUT
    assert not (tmp_path / "fused.mecha").exists()


def test_recipes_come_and_go(three: Family, home: Path, tmp_path: Path) -> None:
    """SuperMerger's recipe becomes ours and a checkpoint; ours goes to sd-mecha."""
    foreign = {
        "type": "sd-webui-supermerger",
        "model_a": "base",
        "model_b": "partner1",
        "mode": "Weight sum",
        "calcmode": "normal",
        "mbw": False,
        "base_alpha": 0.25,
        "base_beta": 0,
        "weights_alpha": None,
    }
    (tmp_path / "foreign.json").write_text(json.dumps(foreign))
    assert rimo("import", tmp_path / "foreign.json", tmp_path / "ours.json") == OK
    recipe = Recipe.from_json(json.loads((tmp_path / "ours.json").read_text()))
    assert set(recipe.weights.values()) == {(0.25,)}
    assert rimo("merge", tmp_path / "ours.json", "--save", "taken over") == OK
    saved = home / "models" / "taken over.safetensors"
    assert rimo("export", saved, tmp_path / "ours.mecha") == OK
    assert (tmp_path / "ours.mecha").read_text().startswith('version 0.1.0\nmodel "base.safetensors"')


@pytest.mark.parametrize(("program", "told"), [("supermerger", "Triple sum"), ("model-mixer", "Add-Diff")])
def test_a_saved_mix_goes_to_another_program_and_comes_back(
    three: Family, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], program: str, told: str
) -> None:
    """The command says what to enter; the recipe that is read again makes the same tensors bit for bit."""
    recipe = recipe_file(three, tmp_path / "recipe.json", mid=(0.5, 0.25), text=(-0.25, 0.125))
    assert rimo("merge", recipe, "--save", "mix") == OK
    mix, out = home / "models" / "mix.safetensors", tmp_path / "theirs.json"
    capsys.readouterr()
    assert rimo("export", mix, out, "--for", program) == OK
    steps = capsys.readouterr().out
    assert told in steps
    assert "Model B: partner1.safetensors" in steps
    assert rimo("import", out, tmp_path / "again.json") == OK
    assert rimo("merge", tmp_path / "again.json", "--save", "again") == OK
    one, two = load_file(str(mix)), load_file(str(home / "models" / "again.safetensors"))
    assert {k: bits(t) for k, t in one.items()} == {k: bits(t) for k, t in two.items()}


def test_our_export_for_sd_mecha_comes_back(three: Family, home: Path, tmp_path: Path) -> None:
    """A weight for every tensor becomes weights by block again; the second mix is the first bit for bit."""
    recipe = recipe_file(
        three, tmp_path / "recipe.json", mid=(0.5, 0.25), vae=(0.1, 0.0), rest=(-0.25, 0.125)
    )
    assert rimo("merge", recipe, "--save", "mix") == OK
    mix, out = home / "models" / "mix.safetensors", tmp_path / "ours.mecha"
    assert rimo("export", mix, out) == OK
    assert rimo("import", out, tmp_path / "again.json") == OK
    assert rimo("merge", tmp_path / "again.json", "--save", "again") == OK
    one, two = load_file(str(mix)), load_file(str(home / "models" / "again.safetensors"))
    assert {k: bits(t) for k, t in one.items()} == {k: bits(t) for k, t in two.items()}


def test_a_checkpoint_of_sd_mecha_s_is_taken_over(
    three: Family, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the recipe in its metadata, wherever its models lay; what is taken over differently is told."""
    lines = (
        texts.WEIGHTED_SUM.replace('"a.', '"E:\\\\sd\\\\base.').replace('"b.', '"../partner1.').split("\n")
    )
    lines += [texts.C.replace('"c.', '"partner2.'), 'merge "fallback" &5 &6']
    theirs = write(tmp_path / "theirs.safetensors", sd1_tensors(5), mecha_recipe="\n".join(lines))
    assert rimo("import", theirs, tmp_path / "ours.json") == OK
    recipe = Recipe.from_json(json.loads((tmp_path / "ours.json").read_text()))
    assert recipe.base.name == "base.safetensors"
    assert [partner.name for partner in recipe.partners] == ["partner1.safetensors"]
    assert set(recipe.weights.values()) == {(0.3,)}
    assert "sd-mecha takes it from partner2.safetensors" in capsys.readouterr().out


Case = tuple[tuple[str, ...], str]
BAD: list[Case] = [
    (("contact", "base", "partner1", "--rank", "-1", "--save", "x"), "rank"),
    (("contact", "base", "partner1", "--rank", "99999", "--save", "x"), "out of range"),
    (("contact", "base", "partner1", "--rank", "nowhere=4", "--save", "x"), "nowhere"),
    (("contact", "base", "partner1", "--groups", "nowhere", "--save", "x"), "nowhere"),
    (("contact", "base", "partner1"), "nothing to do"),
    (("contact", "base", "base", "--save", "x"), "itself"),
    (("contact", "base", "xl", "--save", "x"), "cannot be mixed"),
    (("contact", "base", "missing", "--save", "x"), "no such checkpoint"),
    (("contact", "base", "wide", "--save", "x"), "cannot be mixed"),
    (("rebuild", "base", "--save", "x"), "no recipe of this program"),
    (("rebuild", "foreign", "--save", "x"), "rimo import"),
    (("rebuild", "missing", "--save", "x"), "cannot be read"),
    (("rebuild", "orphan.json", "--save", "x"), "gone.safetensors (missing"),
    (("history", "base"), "does not say"),
    (("import", "base", "out.json"), "no recipe"),
    (("import", "foreign", "out.json"), "not known"),
    (("import", "slerp.mecha", "out.json"), "because of a method. Found: slerp"),
    (("import", "shift-jis.mecha", "out.json"), "save the text as UTF-8"),
    (("export", "base", "out.mecha"), "no recipe"),
    (("export", "mix.json", "out.json"), "--for"),
    (("export", "mix.json", "out.json", "--for", "supermerger"), "cannot express"),
    (("export", "vae.json", "out.json", "--for", "model-mixer"), "cannot express"),
    (("export", "orphan.json", "out.mecha"), "gone.safetensors is missing"),
    (("export", "orphan.json", "out.json", "--for", "model-mixer"), "gone.safetensors is missing"),
]


@pytest.mark.parametrize(("arguments", "told"), BAD, ids=[" ".join(case[0][:4]) for case in BAD])
def test_bad_input_is_one_line_and_nothing_is_written(
    three: Family,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    """Missing and changed parents, ranks out of range, other shapes, another program's metadata."""
    folder = home / "models"
    write(folder / "xl.safetensors", sdxl_tensors(width=12))
    write(folder / "wide.safetensors", sd1_tensors(3, width=16))
    write(folder / "foreign.safetensors", sd1_tensors(4), sd_merge_recipe='{"type": "someone else"}')
    orphan: dict[str, Any] = three.recipe({"mid": (0.5, 0.0)}).to_json()
    orphan["base"] = {"name": "gone.safetensors", "fingerprint": "0" * 64}
    (tmp_path / "orphan.json").write_text(json.dumps(orphan))
    recipe_file(three, tmp_path / "mix.json", mid=(0.5, 0.25), rest=(0.25, 0.5))
    recipe_file(three, tmp_path / "vae.json", mid=(0.5, 0.25), vae=(0.25, 0.5))
    slerp = texts.WEIGHTED_SUM.replace("weighted_sum", "slerp")
    (tmp_path / "slerp.mecha").write_text(slerp)
    (tmp_path / "shift-jis.mecha").write_bytes(slerp.replace("a.safe", "絵.safe").encode("shift-jis"))
    before = models(home)
    monkeypatch.chdir(tmp_path)
    paths = [
        folder / f"{word}.safetensors"
        if word in {"base", "partner1", "xl", "wide", "foreign", "missing"}
        else word
        for word in arguments
    ]
    assert rimo(*paths) == BAD_INPUT
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1
    assert models(home) == before
    assert not list(tmp_path.glob("out.*"))
