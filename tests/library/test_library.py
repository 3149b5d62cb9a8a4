"""``import lib_rimo``: what it offers, where it writes, and that its docstrings' examples are true."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import lib_rimo
from lib_rimo.errors import RecipeError, SettingsError
from lib_rimo.library import folders, measuring, merge_files, mixing, workplace
from lib_rimo.merging import Sources
from lib_rimo.study.store.snapshot import Snapshot
from tests.house.source import ROOT


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home for all of them, so that the tiny family is unpacked once."""
    monkeypatch.setenv("RIMO_HOME", str(tmp_path_factory.getbasetemp() / "home"))


def test_importing_it_is_light() -> None:
    """Neither torch nor gradio nor numpy is loaded before something is used; every name that is offered is there."""
    program = (
        "import sys, lib_rimo\n"
        "heavy = {'torch', 'gradio', 'numpy', 'diffusers', 'skopt'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert set(lib_rimo.__all__) <= set(dir(lib_rimo))\n"
        "assert not [name for name in lib_rimo.__all__ if getattr(lib_rimo, name) is None]\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=300)
    with pytest.raises(AttributeError, match="no attribute 'mixx'"):
        lib_rimo.mixx  # noqa: B018 -- asking for it is what is tried


@pytest.mark.parametrize("module", [measuring, merge_files, mixing, workplace], ids=lambda m: m.__name__)
def test_examples_in_docstrings_are_true(module: object) -> None:
    """They are run as a reader would type them."""
    found = doctest.testmod(importlib.import_module(module.__name__))
    assert found.attempted
    assert not found.failed


def test_weights_are_read_as_they_are_given() -> None:
    """One number counts for all partners, a row for each of them, the VAE stays the base's unless it is named."""
    family = lib_rimo.demo_family()
    partners = family.specialists[:2]
    one = lib_rimo.make_recipe(family.base, partners, 0.25)
    each = lib_rimo.make_recipe(family.base, partners, [0.25, 0.25])
    assert one == each
    assert one.row("mid") == (0.25, 0.25)
    assert "vae" not in one.weights
    assert lib_rimo.make_recipe(family.base, partners, {"vae": 0.5}).weights == {"vae": (0.5, 0.5)}
    with pytest.raises(RecipeError, match="wrong number of weights"):
        lib_rimo.make_recipe(family.base, partners, [0.1, 0.2, 0.3])
    with pytest.raises(RecipeError, match="missing"):
        lib_rimo.merge(family.base, partners, out="never.safetensors")


def test_a_recipe_is_merged_again_from_the_file_that_it_made(tmp_path: Path) -> None:
    """What was saved from a recipe gives the same tensors again, bit for bit."""
    import torch
    from safetensors.torch import load_file

    family = lib_rimo.demo_family()
    first = lib_rimo.merge(
        family.base, family.specialists, [0.2, 0.3, 0.1], out=tmp_path / "first.safetensors"
    )
    with Sources([family.base.parent]) as sources:
        recipe = lib_rimo.read_recipe(first)
        found = lib_rimo.Recipe(
            sources.source_of(family.base),
            tuple(sources.source_of(path) for path in family.specialists),
            recipe.partition,
            recipe.weights,
        )
    assert found == recipe
    second = lib_rimo.merge(found, out=tmp_path / "second.safetensors")
    one, other = load_file(first), load_file(second)
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_an_interrupted_mix_goes_on_where_it_was(tmp_path: Path) -> None:
    """What a progress callback raises ends the study; the same call goes on with it, ``fresh`` does not."""
    family = lib_rimo.demo_family()
    seen: list[Snapshot] = []

    def stop_in_the_search(now: Snapshot) -> None:
        seen.append(now)
        if now.images >= 16:
            raise KeyboardInterrupt

    wanted = {"budget": 64, "unseen": 2, "checked": 0, "steps": 2, "folder": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        lib_rimo.mix(family.base, family.specialists[:1], progress=stop_in_the_search, **wanted)
    found = lib_rimo.mix(family.base, family.specialists[:1], **wanted)
    assert found.study == seen[-1].study
    assert found.recipe.base.name == "toy-base.safetensors"
    assert len(found.pictures(0)) == len(found.pictures()) == 8
    assert found.save("kept").parent == tmp_path / "models"
    assert "of the prompted tags found" in str(found)
    with pytest.raises(SettingsError, match="no such setting"):
        lib_rimo.mix(family.base, family.specialists[:1], folder=tmp_path, budgett=64)


def test_an_installed_package_writes_into_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout, and an extension inside a WebUI, keep things with them; ``RIMO_HOME`` comes before both."""
    assert folders.home() == Path(folders.os.environ["RIMO_HOME"])
    monkeypatch.delenv("RIMO_HOME")
    assert folders.home() == ROOT
    monkeypatch.setattr(
        folders.lib_rimo, "__file__", str(tmp_path / "site-packages" / "lib_rimo" / "__init__.py")
    )
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    home = folders.home()
    assert home.name == folders.APPLICATION
    assert not home.is_relative_to(tmp_path / "site-packages")
    assert not home.exists()
