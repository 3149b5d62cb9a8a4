"""A model family from outside, by one data file: recognised, merged, searched and named like the program's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lib_rimo.errors import ArchitectureError
from lib_rimo.merging import Recipe, Sources, load_partition
from lib_rimo.merging.checkpoints.architecture import recognise
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.merging.checkpoints.families import FAMILIES
from lib_rimo.registry import problems
from lib_rimo.study.analysis.block_labels import network_of, parts_of, title_of
from lib_rimo.study.record.choice import Choice
from lib_rimo.testing import FamilyTestCase
from lib_rimo.ui.report.report_tables import blocks
from tests.merging.models import bits
from tests.plugins.conftest import Install, Run
from tests.study import painting
from tests.study.conftest import Workshop, played

PLUGIN = "rimo_plugin_family"
BLOCKS = 5
SHAPES: Mapping[str, tuple[int, ...]] = {
    **{f"net.enc.{i}.weight": (8, 4, 3, 3) for i in range(BLOCKS)},
    "net.mid.weight": (8, 8),
    **{f"net.dec.{i}.weight": (8, 8) for i in range(BLOCKS)},
    "net.last.bias": (4,),
    "words.table": (11, 5),
    "pixels.out.weight": (3, 8, 3, 3),
    "net.step": (1,),
}
RENAMED = {
    "input_blocks.0.0.weight": "enc.0.weight",
    "input_blocks.1.0.weight": "enc.1.weight",
    "input_blocks.8.0.weight": "enc.4.weight",
    "middle_block.0.weight": "mid.weight",
    "output_blocks.0.0.weight": "dec.0.weight",
    "output_blocks.2.0.weight": "dec.2.weight",
    "output_blocks.5.0.weight": "dec.4.weight",
    "out.2.weight": "last.weight",
}
"""The painting family's tensors, and where they stand in a sketch."""


@pytest.fixture
def sketch(install: Install) -> None:
    """The family is installed."""
    install(PLUGIN)


def write(path: Path, seed: int) -> Path:
    """A model of the family with random numbers."""
    dice = torch.Generator().manual_seed(seed)
    save_file({key: torch.randn(shape, generator=dice).half() for key, shape in SHAPES.items()}, str(path))
    return path


@pytest.mark.usefixtures("sketch")
class TestSketch(FamilyTestCase):
    """The laws of every family."""

    family = "sketch"
    shapes = SHAPES


def test_the_family_is_recognised_and_drawn_by_its_own_facts(sketch: None, tmp_path: Path) -> None:
    """Name, blocks, prediction; without the package the same file is of an unknown kind."""
    with open_checkpoint(write(tmp_path / "a.safetensors", 1)) as checkpoint:
        found = recognise(checkpoint)
        assert found.describe() == "sketch, 5 encoder and 5 decoder blocks"
        assert (found.predicts, found.in_channels) == ("v", 4)
        FAMILIES.remove("sketch")
        with pytest.raises(ArchitectureError, match="unknown kind"):
            recognise(checkpoint)


def test_groups_and_their_words_are_the_family_s(sketch: None, tmp_path: Path) -> None:
    """The partitions of the program divide it, and titles and drawing use its words."""
    path = write(tmp_path / "a.safetensors", 1)
    theater = load_partition("theater")
    groups = theater.groups_present(SHAPES)
    assert groups == ("in0-6", "mid", "out0", "out1", "out2", "out3+", "rest", "text", "vae")
    network = network_of(path)
    titles = [str(title_of(group, network.family)) for group in groups]
    assert titles == [
        "encoder 0\N{EN DASH}6", "bridge", "decoder 0", "decoder 1", "decoder 2", "decoder 3+", "edges", "reader",
        "pixel coder",
    ]  # fmt: skip
    parts = parts_of(groups, theater, network)
    assert [part["part"] for part in parts.values()][:2] == ["encoder 0-4", "bridge"]
    assert parts["out3+"]["output"] == [3, 4]
    assert [part["side"] for part in parts.values()] == [
        "down",
        "middle",
        "up",
        "up",
        "up",
        "up",
        *["beside"] * 3,
    ]
    assert str(title_of("text", FAMILIES["sd1"])) == "text encoder"


def test_the_command_line_merges_it(sketch: None, rimo: Run, tmp_path: Path) -> None:
    """A recipe over two files of the family, in a process of its own: groups where they belong, buffers the base's."""
    models = tmp_path / "models"
    models.mkdir()
    paths = [write(models / f"{name}.safetensors", seed) for seed, name in enumerate(("base", "partner"))]
    with Sources() as sources:
        base, partner = map(sources.source_of, paths)
        recipe = Recipe(base, (partner,), "theater", {"mid": (1.0,), "out3+": (0.5,), "text": (1.0,)})
    (tmp_path / "recipe.json").write_text(recipe.to_text())
    done = rimo("merge", tmp_path / "recipe.json", "--save", "mix", "--models", models)
    assert done.returncode == 0, done.stderr
    ours, theirs, mix = (load_file(str(path)) for path in (*paths, models / "mix.safetensors"))
    for key in SHAPES:
        wanted = theirs if key in ("net.mid.weight", "words.table") else ours
        if key.startswith(("net.dec.3.", "net.dec.4.")):
            wanted = {key: (0.5 * ours[key].float() + 0.5 * theirs[key].float()).half()}
        assert bits(mix[key]) == bits(wanted[key]), key


def test_a_study_searches_it(
    sketch: None, make_workshop: Callable[..., Workshop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole study on models of the family: searched, measured, reported in its words."""
    workshop = make_workshop()
    for path in (workshop.folder / "models").glob("*.safetensors"):
        tensors = load_file(str(path))
        named = {f"net.{new}": tensors[f"model.diffusion_model.{old}"] for old, new in RENAMED.items()}
        path.unlink()
        save_file({**named, "words.table": torch.ones(4), "pixels.in": torch.ones(4)}, str(path))
    monkeypatch.setattr(painting, "SKILL_KEYS", tuple(f"net.{new}" for new in RENAMED.values()))
    study = played(workshop, budget=256, unseen=40)
    mix = workshop.studies.mix(study, Choice())
    assert mix["groups"] == ["in0-6", "mid", "out0", "out2", "out3+", "rest", "text"]
    assert mix["titles"][0] == {
        "text": "encoder 0\N{EN DASH}6",
        "template": "encoder {1}",
        "values": ["0\N{EN DASH}6"],
    }
    assert "decoder 3+" in blocks(workshop.studies, study)
    assert Recipe.from_json(mix["recipe"]).base.name == "base.safetensors"


def test_a_broken_file_is_named_with_its_field_and_left_out(install: Install, tmp_path: Path) -> None:
    """The program goes on with its own families, and says which field of which file is wrong."""
    data = json.loads((Path(__file__).parent / PLUGIN / "sketch.json").read_text())
    data["chains"][1]["side"] = "sideways"
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(data))
    install(
        "broken",
        {"broken_family": f"FAMILY = {str(file)!r}"},
        {"rimo.families": {"sketch": "broken_family:FAMILY"}},
    )
    assert "sketch" not in FAMILIES
    told = "\n".join(map(str, problems()))
    assert "model family sketch of broken is left out" in told
    assert "broken.json is wrong in chains.1.side" in told
