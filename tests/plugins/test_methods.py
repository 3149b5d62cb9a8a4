"""Merge methods of another package: a study mixes by one, and its result is saved and rebuilt bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib_rimo.errors import PluginError
from lib_rimo.merging import (
    METHODS,
    LiveSlot,
    LiveWeights,
    Recipe,
    Sources,
    Swapper,
    load_partition,
    open_checkpoint,
)
from lib_rimo.testing import MethodTestCase
from tests.merging.models import bits
from tests.plugins.conftest import Install, Run

PACKAGE = "rimo_plugin_method"
STUDY = (
    "mix",
    "--demo",
    "--budget",
    "64",
    "--epochs",
    "1",
    "--unseen",
    "4",
    "--checked",
    "2",
    "--steps",
    "4",
    "--seed",
    "3",
)
HALF = "from lib_rimo.merging import merge_method\n\n@merge_method()\ndef half(b, p, w):\n    return b[:1]\n"


@pytest.fixture
def package(install: Install) -> None:
    """The package of both methods."""
    install(PACKAGE)


@pytest.mark.usefixtures("package")
class TestLargerChange(MethodTestCase):
    """A choice of each element keeps every law."""

    method = "larger-change"


@pytest.mark.usefixtures("package")
class TestSlerp(MethodTestCase):
    """So does what needs whole tensors."""

    method = "slerp"


def test_the_methods_are_there_and_say_whose_they_are(package: None) -> None:
    """After the program's own, in the same list."""
    assert METHODS.names() == ("weighted-sum", "contact-fusion", "larger-change", "slerp")
    assert METHODS.maker("slerp") == "rimo-plugin-method"
    assert not METHODS["slerp"].is_linear
    assert METHODS.problems() == ()


def test_a_study_mixes_by_it(package: None, rimo: Run, tmp_path: Path) -> None:
    """From the command line; a saved trial is what its recipe shows, and is rebuilt to the byte."""
    models, result = tmp_path / "models", tmp_path / "result.json"
    models.mkdir()
    done = rimo(*STUDY, "--method", "larger-change", "--models", models, "--json", result)
    assert done.returncode == 0, done.stderr
    study = json.loads(result.read_text())["study"]
    done = rimo("save", study, "--trial", "3", "--name", "third", "--models", models)
    assert done.returncode == 0, done.stderr
    path = models / "third.safetensors"
    with open_checkpoint(path) as saved:
        texts = dict(saved.metadata)
        wanted = {key: bits(saved.tensor(key)) for key in saved}
    recipe = Recipe.from_text(texts["rimo_recipe"])
    assert [step.method for step in recipe.steps()] == ["larger-change"] * len(recipe.steps())
    assert json.loads(texts["rimo_study"])["search"]["method"] == "larger-change"
    family = tmp_path / "home" / "demo"
    with Sources(folders=[family, models]) as sources:
        base = sources.open(recipe.base)
        live = {key: base.tensor(key).clone() for key in base}
        own = {key: bits(tensor) for key, tensor in live.items()}
        slots = LiveWeights({key: (LiveSlot(tensor),) for key, tensor in live.items()}, {})
        swapper = Swapper(sources, load_partition(recipe.partition))
        swapper.swap(recipe, slots)
        assert {key: bits(tensor) for key, tensor in live.items()} == wanted != own
        swapper.restore(slots)
        assert {key: bits(tensor) for key, tensor in live.items()} == own
    before = path.read_bytes()
    path.unlink()
    (tmp_path / "texts.json").write_text(json.dumps({"metadata": texts}), encoding="utf-8")
    again = rimo(
        "rebuild", tmp_path / "texts.json", "--save", "again", "--checkpoints", family, "--models", models
    )
    assert again.returncode == 0, again.stderr
    assert (models / "again.safetensors").read_bytes() == before


def test_an_unknown_method_is_refused_with_those_there_are(package: None, rimo: Run) -> None:
    """Before anything is loaded, and with the names of other packages among them."""
    done = rimo(*STUDY, "--method", "slurp")
    assert done.returncode == 2
    assert "slurp" in done.stderr
    assert all(name in done.stderr for name in ("weighted-sum", "contact-fusion", "larger-change", "slerp"))


def test_what_a_method_cannot_do_is_refused(package: None, rimo: Run) -> None:
    """Slerp takes one partner at a time, and knows its own options only."""
    done = rimo(*STUDY, "--method", "slerp")
    assert (done.returncode, "Wanted: 1." in done.stderr) == (2, True), done.stderr
    done = rimo(*STUDY, "--method", "slerp", "--partners-per-epoch", "1", "--method-options", "angle=1")
    assert (done.returncode, "Wanted: least_angle." in done.stderr) == (2, True), done.stderr


def test_a_package_that_is_broken_is_named_and_left_out(install: Install, rimo: Run) -> None:
    """One that cannot be imported, takes a taken name or is no method; the others work on."""
    install(
        "strange",
        {"strange": HALF},
        {
            "rimo.methods": {
                "gone": "nowhere:method", "weighted-sum": "strange:half", "half": "strange:half", "seven": "math:pi",
            }
        },
    )  # fmt: skip
    assert METHODS.names() == ("weighted-sum", "contact-fusion")
    told = "\n".join(map(str, METHODS.problems()))
    assert "The merge method gone of strange is left out. Found: nowhere:method cannot be imported" in told
    assert "weighted-sum is a merge method of Rimo Random Mix already" in told
    assert "shape (1,)" in told
    assert "3.14159" in told
    with pytest.raises(PluginError, match="The merge method half of strange is left out"):
        METHODS["half"]
