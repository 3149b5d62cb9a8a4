"""Families as data files: what is wrong is named, what contradicts is left out, what is more specific prevails."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from lib_rimo.errors import ArchitectureError, PluginError, RecipeError
from lib_rimo.merging.checkpoints.architecture import family_of, known_family, recognise
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.merging.checkpoints.families import FAMILIES, OWN, families, place_of
from lib_rimo.merging.checkpoints.family import Place
from lib_rimo.merging.checkpoints.family_file import family_from_json, family_from_text
from lib_rimo.merging.mix.partition import load_partition, partition_from_json
from lib_rimo.study.analysis.block_labels import Network, parts_of
from tests.merging.models import U, sd1_tensors, write

TOWER: dict[str, Any] = {
    "name": "tower",
    "title": "Tower",
    "marks": {"always": [{"chain": "floors"}]},
    "components": {
        "unet": {"keys": ["tower."], "label": "ends"},
        "text": {"keys": ["reader."], "label": "reader"},
        "bridge": {"keys": ["tower.bridge."], "label": "bridge"},
    },
    "chains": [
        {
            "name": "floors",
            "keys": ["tower.floors.{block}."],
            "label": "transformer",
            "group": "floor",
            "side": "down",
        }
    ],
    "blocks": {"floors": 28},
    "latent": {"channels": 16, "scale": 16},
    "text": {"tokens": 512, "ends": 0, "most": 1},
    "drawing": {"width": 1024, "height": 1024, "steps": 30, "cfg": 4.5, "sampler": "Euler a"},
    "partitions": {
        "coarse": {
            "blocks": {"floors": [["0-9", "low"], ["10-", "high"]]},
            "components": {"bridge": "bridge"},
        },
        "mbw": {"blocks": {"floors": [["0-", "floor{block}"]]}, "components": {"bridge": "rest"}},
    },
}
"""A transformer of 28 equal blocks with a part that no other family has."""


@pytest.fixture
def added() -> Iterator[Any]:
    """Adds families for a test."""
    names: list[str] = []

    def add(data: dict[str, Any]) -> None:
        names.append(data["name"])
        FAMILIES.register(data["name"], data, "a test")

    yield add
    for name in names:
        if name not in OWN:
            FAMILIES.remove(name)


def changed(data: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    """A file with another value in a field, or without it."""
    out = copy.deepcopy(data)
    *path, last = [int(part) if part.isdigit() else part for part in field.split(".")]
    at: Any = out
    for part in path:
        at = at[part]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return out


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("title", ..., "title"),
        ("title", " ", "title"),
        ("like", "sd9", "like"),
        ("latnet", 3, "latnet"),
        ("latent", [8], "latent"),
        ("latent.scale", 0, "latent.scale"),
        ("latent.scale", "8", "latent.scale"),
        ("latent.scale", float("inf"), "latent.scale"),
        ("latent.channels", 4.5, "latent.channels"),
        ("text.tokens", True, "text.tokens"),
        ("drawing.width", 1000, "drawing.width"),
        ("chains.0.side", "left", "chains.0.side"),
        ("chains.0.component", "unnet", "chains.0.component"),
        ("chains.0.keys", "tower.", "chains.0.keys"),
        ("chains.0.keys", ["{block}"], "chains.0.keys"),
        ("chains.0.keys.0", "a{block}b{block}", "chains.0.keys"),
        ("blocks", {}, "blocks.floors"),
        ("blocks.floors", -1, "blocks.floors"),
        ("blocks.doors", 3, "blocks.doors"),
        ("components.unet.keys", [], "components.unet.keys"),
        ("components.unet.lable", "x", "components.unet.lable"),
        ("buffers", ["("], "buffers.0"),
        ("renamed", [["a", "b", "c"]], "renamed.0"),
        ("marks.always", [], "marks"),
        ("marks.always.0.chain", "flors", "marks.always.0.chain"),
        ("marks.always.0.blocks", "many", "marks.always.0.blocks"),
        ("marks.one_of", [[{"tensor": "a*b*c"}]], "marks.one_of.0.0.tensor"),
        ("marks.one_of", [[{}]], "marks.one_of.0.0"),
        ("partitions.mbw.blocks.floors", [["0-"]], "partitions.mbw.blocks.floors.0"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, named: str) -> None:
    """The file and the way to the field stand in the message, so that its author need not search."""
    with pytest.raises(PluginError) as caught:
        family_from_json(changed(TOWER, field, value), "tower.json", FAMILIES.known())
    assert caught.value.what == f"The family file tower.json is wrong in {named}"


def test_what_is_no_file_of_a_family_is_named(tmp_path: Path) -> None:
    """Torn text, something else than an object, no file at all, another name, something else than a family."""
    for text in ("{", "[1]"):
        with pytest.raises(PluginError, match=r"tower\.json"):
            family_from_text(text, "tower.json", {})
    with pytest.raises(PluginError, match=r"gone\.json cannot be read"):
        FAMILIES.register("gone", tmp_path / "gone.json", "a test")
    (tmp_path / "tower.json").write_text(json.dumps(TOWER))
    with pytest.raises(PluginError, match="another name"):
        FAMILIES.register("turret", str(tmp_path / "tower.json"), "a test")
    with pytest.raises(PluginError, match="no family"):
        FAMILIES.register("tower", 7, "a test")
    assert FAMILIES.names() == OWN


def test_a_family_without_the_usual_chains_is_divided_as_its_file_says(added: Any) -> None:
    """Its own chain and its own part have groups; other models' groups, and what files say of them, stay the same."""
    before = {name: load_partition(name) for name in ("theater", "coarse", "mbw")}
    added(TOWER)
    keys = [f"tower.floors.{i}.weight" for i in range(28)] + ["tower.x", "tower.bridge.x", "reader.x"]
    coarse, mbw, theater = (load_partition(name) for name in ("coarse", "mbw", "theater"))
    assert coarse.groups_present(keys) == ("low", "high", "rest", "text", "bridge")
    assert len(mbw.groups_present(keys)) == 28 + len(("rest", "text"))
    assert mbw.may_have("floor40")
    assert theater.groups_present(keys) == (
        "rest",
        "text",
    )  # nothing is said of it: its blocks are with the rest
    for partition in (coarse, mbw, theater):
        assert partition.to_json() == before[partition.name].to_json()
        assert partition_from_json(partition.to_json(), "again") == partition
        assert partition.groups_present(sd1_tensors()) == before[partition.name].groups_present(sd1_tensors())
    tower = FAMILIES["tower"]
    parts = parts_of(("low", "high", "bridge"), coarse, Network(tower, tower.blocks))
    assert [part["part"] for part in parts.values()] == ["transformer 0-9", "transformer 10-27", "bridge"]
    own = {"name": "mine", "blocks": {"floors": [["0-", "all floors"]]}, "components": {"bridge": "way"}}
    mine = partition_from_json(own, "mine.json")
    assert mine.groups_present(keys) == ("all floors", "way")
    FAMILIES.remove("tower")
    with pytest.raises(RecipeError, match="floors"):
        partition_from_json(own, "mine.json")


def test_the_longest_beginning_tells_the_part(added: Any) -> None:
    """A part inside another's names is the part; a chain's block inside it is the chain's."""
    added(TOWER)
    assert place_of("tower.bridge.weight") == Place("bridge")
    assert place_of("tower.floors.12.weight") == Place("unet", "floors", 12)
    assert place_of("tower.floors.x") == Place("unet")
    assert place_of(f"{U}input_blocks.3.0.weight") == Place("unet", "input_blocks", 3)


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("components.text.keys", ["first_stage_model."], "text and vae"),
        ("chains.0.keys", [f"{U}input_blocks.{{block}}."], "block 0 of floors and block 0 of input_blocks"),
        ("components.text.keys", [f"{U}input_blocks.3."], "text and block 3 of input_blocks"),
        ("buffers", ["^model\\."], ""),
    ],
)
def test_one_name_does_not_mean_two_things(field: str, value: Any, found: str) -> None:
    """A family that would change what the keys of another mean is left out; patterns for its own names are its own."""
    data = changed(TOWER, field, value)
    if not found:
        FAMILIES.register("tower", data, "a test")
        FAMILIES.remove("tower")
    else:
        with pytest.raises(PluginError, match=f"mean different things.*{found}"):
            FAMILIES.register("tower", data, "a test")
    assert families()[-1].name == OWN[-1]


def test_two_families_do_not_divide_one_chain_differently(added: Any) -> None:
    """The partition knows a chain by its name, whichever family it is of."""
    added(TOWER)
    other = json.loads(json.dumps(TOWER).replace("tower", "turret").replace('"low"', '"deep"'))
    with pytest.raises(PluginError, match=r"divide one part differently.*floors in the partition coarse"):
        added(other)


def test_the_family_with_more_marks_prevails(added: Any, tmp_path: Path) -> None:
    """A variant of SD1 with a mark of its own; with as many marks as SD1 the file is refused by both names."""
    tensors = sd1_tensors() | {"extra.weight": torch.zeros(2)}
    variant = {"like": "sd1", "name": "sd1-extra", "title": "SD1 with an extra"}
    marks = copy.deepcopy(FAMILIES["sd1"].data["marks"])
    added({**variant, "marks": {**marks, "always": [*marks["always"], {"has": ["extra."]}]}})
    with open_checkpoint(write(tmp_path / "a.safetensors", tensors)) as checkpoint:
        assert recognise(checkpoint).name == "sd1-extra"
    with open_checkpoint(write(tmp_path / "b.safetensors", sd1_tensors())) as checkpoint:
        assert recognise(checkpoint).name == "sd1"
        FAMILIES.remove("sd1-extra")
        added({**variant, "marks": marks})
        with pytest.raises(ArchitectureError, match=r"two model families.*sd1 and sd1-extra"):
            recognise(checkpoint)


def test_a_file_s_family_is_read_from_its_header(tmp_path: Path) -> None:
    """What is missing, no checkpoint or unknown has no known family, and is taken for the usual."""
    path = write(tmp_path / "a.safetensors", sd1_tensors())
    assert known_family(path) is FAMILIES["sd1"]
    strange = write(tmp_path / "b.safetensors", {"x": torch.zeros(1)})
    for other in (None, tmp_path / "gone.safetensors", tmp_path / "a.ckpt", strange):
        assert known_family(other) is None
        assert family_of(other) is FAMILIES["sd1"]
