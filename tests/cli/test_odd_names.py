"""Half characters in names and metadata, and texts in other encodings: nothing of it stops a command."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from lib_rimo.cli.program import OK, main
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.merging.checkpoints.header import LENGTH_BYTES
from lib_rimo.merging.mix.recipe import Recipe
from tests.merging.interop import mecha_texts as texts
from tests.merging.models import Family, family, sd1_tensors, write

HALF = "cut here \ud83d"


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """Base and two partners in the models folder of a home."""
    monkeypatch.setenv("RIMO_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "models").mkdir(parents=True)
    return family(tmp_path / "home" / "models")


def rimo(*arguments: str | Path) -> int:
    """Runs a command in this process."""
    return main([str(argument) for argument in arguments])


def opened(path: Path) -> dict[str, str]:
    """The metadata, by the format's own library, which takes no half character."""
    with safe_open(str(path), "pt") as file:
        return dict(file.metadata())


METADATA: dict[str, dict[str, str]] = {
    "a parent's name": {"sd_merge_models": json.dumps({"a" * 64: {"name": HALF}})},
    "a parent's title in its own recipe": {"sd_merge_recipe": json.dumps({"type": "webui", "custom_name": HALF})},
    "deep in a parent's recipe": {
        "sd_merge_models": json.dumps({"a" * 64: {"name": "x", "sd_merge_recipe": {"models": [{HALF: HALF}]}}})
    },
    "a tree of ours": {
        "rimo_recipe": json.dumps({"rimo_recipe": 1, "base": {"name": HALF, "fingerprint": "0"}, "partners": [],
                                   "partition": "theater", "weights": {}}),
        "rimo_ancestry": json.dumps({"format": 1, "name": HALF, "checkpoints": {"1" * 64: {"name": HALF}}}),
    },
}  # fmt: skip


@pytest.mark.parametrize("place", METADATA)
@pytest.mark.parametrize("who", [0, 1])
def test_half_a_character_in_metadata_is_kept(three: Family, tmp_path: Path, place: str, who: int) -> None:
    """The mix is saved, its own text is whole, and what was half comes back half from the JSON in it."""
    path = three.paths[who]
    write(path, sd1_tensors(who), **METADATA[place])
    three.named[who] = three.sources.source_of(path)
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(three.recipe({"mid": (0.5, 0.25)}).to_json()))
    assert rimo("merge", recipe, "--save", "mix") == OK
    mix = tmp_path / "home" / "models" / "mix.safetensors"
    told = opened(mix)
    assert any("cut here \\ud83d" in text for text in told.values())
    assert rimo("history", mix, "--json", tmp_path / "history.json") == OK
    before = mix.read_bytes()
    assert rimo("rebuild", mix, "--save", "again") == OK
    assert (mix.parent / "again.safetensors").read_bytes() == before


def test_half_a_character_straight_in_a_header_is_replaced(three: Family, tmp_path: Path) -> None:
    """No library of the format writes it, but a file may have it; what is inherited gets the sign of unknown ones."""
    raw = three.paths[0].read_bytes()
    length = int.from_bytes(raw[:LENGTH_BYTES], "little")
    header = json.loads(raw[LENGTH_BYTES : LENGTH_BYTES + length])
    header["__metadata__"] = {"modelspec.license": HALF}
    text = json.dumps(header).encode()
    three.paths[0].write_bytes(
        len(text).to_bytes(LENGTH_BYTES, "little") + text + raw[LENGTH_BYTES + length :]
    )
    three.named[0] = three.sources.source_of(three.paths[0])
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(three.recipe({"mid": (0.5, 0.25)}).to_json()))
    assert rimo("merge", recipe, "--save", "mix") == OK
    assert opened(tmp_path / "home" / "models" / "mix.safetensors")["modelspec.license"] == "cut here \ufffd"


def odd_name(path: Path) -> Path:
    """A copy of a file under a name that is not UTF-8."""
    odd = path.with_name(os.fsdecode(b"mod\xe9le.safetensors"))
    try:
        odd.write_bytes(path.read_bytes())
    except OSError:
        pytest.skip("this system's names are all Unicode")
    return odd


@pytest.mark.skipif(os.name != "posix", reason="names are Unicode there")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp932"])
def test_a_file_name_that_is_no_unicode_goes_all_the_way(
    three: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """Taken over, merged, told, rebuilt and exported, whatever the terminal can write."""
    odd = odd_name(three.paths[1])
    three.paths[1].unlink()
    theirs = {"type": "sd-webui-supermerger", "model_a": "base", "model_b": odd.stem, "mode": "Weight sum",
              "calcmode": "normal", "mbw": False, "base_alpha": 0.25, "base_beta": 0}  # fmt: skip
    (tmp_path / "theirs.json").write_text(json.dumps(theirs))
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding))
    monkeypatch.chdir(tmp_path)
    for command in (
        ("import", "theirs.json", "ours.json", "--json", "import.json"),
        ("merge", "ours.json", "--save", "mix", "--json", "merge.json"),
        ("history", "home/models/mix.safetensors", "--json", "history.json"),
        ("rebuild", "home/models/mix.safetensors", "--save", "again", "--json", "rebuild.json"),
        ("export", "home/models/mix.safetensors", "out.json", "--for", "model-mixer"),
    ):
        assert rimo(*command) == OK
    told = opened(tmp_path / "home" / "models" / "mix.safetensors")
    assert told["modelspec.merged_from"] == "base.safetensors, mod\ufffdle.safetensors"
    assert Recipe.from_text(told["rimo_recipe"]).partners[0].name == odd.name


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", ["theirs.json", "theirs.mecha", "metadata.json"])
def test_recipes_are_read_in_every_encoding_of_unicode(
    three: Family, tmp_path: Path, encoding: str, kind: str
) -> None:
    """As Windows' editors and PowerShell save them, line ends included; ours too."""
    write(tmp_path / "home" / "models" / "絵 😀.safetensors", sd1_tensors(5))
    mecha = texts.WEIGHTED_SUM.replace('"a.', '"base.').replace('"b.', '"絵 😀.')
    theirs: dict[str, Any] = {"type": "sd-webui-supermerger", "model_a": "base", "model_b": "絵 😀",
                              "mode": "Weight sum", "calcmode": "normal", "mbw": False, "base_alpha": 0.3}  # fmt: skip
    text = {
        "theirs.json": json.dumps(theirs, ensure_ascii=False, indent=1),
        "theirs.mecha": mecha,
        "metadata.json": json.dumps({"format": "pt", "mecha_recipe": mecha}, ensure_ascii=False),
    }[kind]
    (tmp_path / kind).write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert rimo("import", tmp_path / kind, tmp_path / "ours.json") == OK
    ours = tmp_path / "ours.json"
    assert set(Recipe.from_json(json.loads(ours.read_text())).weights.values()) == {(0.3,)}
    ours.write_bytes(ours.read_text().replace("\n", "\r\n").encode(encoding))
    assert rimo("merge", ours, "--save", "mix") == OK
    with open_checkpoint(tmp_path / "home" / "models" / "mix.safetensors") as mix:
        assert "絵 😀.safetensors" in mix.metadata["modelspec.merged_from"]
