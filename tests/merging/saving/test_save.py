"""Saving: all of it or nothing, and never over another file."""

import contextlib
import errno
import json
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from lib_rimo.errors import SaveError
from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.live.weights import live_weights
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.saving import save as save_module
from lib_rimo.merging.saving.save import ABANDONED_S, save_merged
from tests.merging.models import Family, bits, family, module_of, sd1_tensors, write


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return family(tmp_path_factory.mktemp("family"))


@pytest.fixture
def recipe(three):
    return three.recipe({"mid": (0.5, 0.25), "in0-6": (0.0, 1.0), "text": (1.2, -0.4)})


def save(fam, recipe, folder, name="mix", **options):
    return save_merged(recipe, fam.sources, fam.partition, folder, name, **options)


def test_the_file_holds_what_was_live_and_the_base_s_rest(three, recipe, tmp_path):
    """Read back with the format's own library: previewed bits, untouched schedules, EMA and position ids."""
    model = module_of(three.tensors[0])
    Swapper(three.sources, three.partition).swap(recipe, live_weights(model))
    path = save(three, recipe, tmp_path)
    assert path == tmp_path / "mix.safetensors"
    found = load_file(str(path))
    assert {k: bits(t) for k, t in found.items()} == {k: bits(t) for k, t in model.state_dict().items()}
    assert [p.name for p in tmp_path.iterdir()] == ["mix.safetensors"]


def test_the_same_recipe_gives_the_same_file(three, recipe, tmp_path):
    """No dates and no paths in it: one recipe and name, one file, whatever the threads."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = save(three, recipe, tmp_path / "a", threads=1).read_bytes()
    assert save(three, recipe, tmp_path / "b", threads=3).read_bytes() == one
    assert str(three.folder).encode() not in one


def test_the_recipe_travels_in_the_metadata(three, recipe, tmp_path):
    """Ours, the WebUI's two texts, and modelspec; what the caller adds comes on top."""
    with safe_open(str(save(three, recipe, tmp_path, metadata={"rimo_note": "x"})), "pt") as file:
        texts = file.metadata()
    assert Recipe.from_text(texts["rimo_recipe"]) == recipe
    models = json.loads(texts["sd_merge_models"])
    assert {m["name"] for m in models.values()} == {p.name for p in three.paths}
    assert all(len(sha) == 64 for sha in models)
    assert json.loads(texts["sd_merge_recipe"])["type"] == "rimo-random-mix"
    assert texts["modelspec.architecture"] == "stable-diffusion-v1"
    assert texts["modelspec.title"] == "mix"
    assert texts["rimo_note"] == "x"


def test_a_merge_of_a_merge_keeps_the_family_tree(three, recipe, tmp_path):
    """The parents' own entries are inherited."""
    first = save(three, recipe, tmp_path, "first")
    again = Family(tmp_path, [sd1_tensors(5)])
    child = again.sources.source_of(first)
    step = Recipe(again.named[0], (child,), "theater", {"mid": (0.5,)})
    with safe_open(str(save(again, step, tmp_path, "second")), "pt") as file:
        models = json.loads(file.metadata()["sd_merge_models"])
    names = sorted(m["name"] for m in models.values())
    assert names == sorted(["base.safetensors", "first.safetensors", *(p.name for p in three.paths)])
    entry = next(m for m in models.values() if m["name"] == "first.safetensors")
    assert entry["sd_merge_recipe"]["type"] == "rimo-random-mix"


def test_the_base_s_prediction_type_is_inherited(tmp_path):
    """A v-prediction model stays one; another program's broken texts are no obstacle."""
    fam = Family(tmp_path, [sd1_tensors(i, blocks=2) for i in range(2)])
    marks = {"modelspec.prediction_type": "v", "sd_merge_models": "{broken", "modelspec.title": "old"}
    base = fam.sources.source_of(write(tmp_path / "v.safetensors", sd1_tensors(7, blocks=2), **marks))
    recipe = Recipe(base, (fam.named[1],), "theater", {"mid": (0.5,)})
    with safe_open(str(save(fam, recipe, tmp_path, mix_predictions=True)), "pt") as file:
        texts = file.metadata()
    assert texts["modelspec.prediction_type"] == "v"
    assert texts["modelspec.title"] == "mix"


def test_metadata_must_be_texts(three, recipe, tmp_path):
    """The format holds nothing else."""
    with pytest.raises(SaveError, match="texts"):
        save(three, recipe, tmp_path, metadata={"n": 3})
    assert list(tmp_path.iterdir()) == []


def test_the_sidecar_comes_along(tmp_path):
    """Hosts read the configuration beside the file; without it the copy would load wrongly."""
    fam = family(tmp_path, 1)
    (tmp_path / "base.yaml").write_text("model: {}")
    out = tmp_path / "out"
    out.mkdir()
    save(fam, fam.everywhere(0.5), out)
    assert sorted(p.name for p in out.iterdir()) == ["mix.safetensors", "mix.yaml"]
    assert (out / "mix.yaml").read_text() == "model: {}"


def test_existing_names_and_path_parts_leave_everything_as_it_was(three, recipe, tmp_path):
    """Nothing is overwritten, nothing is left behind."""
    (tmp_path / "mix.safetensors").write_text("precious")
    inner = tmp_path / "inner"
    inner.mkdir()
    for folder, name in ((tmp_path, "mix"), (inner, "../mix"), (inner, "../../mix")):
        with pytest.raises(SaveError):
            save(three, recipe, folder, name)
    assert (tmp_path / "mix.safetensors").read_text() == "precious"
    assert list(inner.iterdir()) == []


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_name_taken_during_the_save_is_not_overwritten(tmp_path, monkeypatch, hard_links):
    """Even a file that appears between check and rename survives, and no sidecar stays; with hard links or without."""
    fam = family(tmp_path, 1)
    (tmp_path / "base.yaml").write_text("model: {}")
    out = tmp_path / "out"
    out.mkdir()
    if not hard_links:
        monkeypatch.setattr(os, "link", _no_links)
    real = save_module.run_plans

    def meanwhile(*args, **options):
        (out / "mix.safetensors").write_text("precious")
        return real(*args, **options)

    monkeypatch.setattr(save_module, "run_plans", meanwhile)
    with pytest.raises(SaveError, match="already"):
        save(fam, fam.everywhere(0.5), out)
    assert (out / "mix.safetensors").read_text() == "precious"
    assert [p.name for p in out.iterdir()] == ["mix.safetensors"]


def _no_links(old, new):
    raise OSError(errno.EPERM, "no hard links here")


def test_a_file_system_without_hard_links_will_do(three, recipe, tmp_path, monkeypatch):
    """Memory sticks and some network shares; the file is the same."""
    monkeypatch.setattr(os, "link", _no_links)
    path = save(three, recipe, tmp_path)
    assert len(load_file(str(path))) == len(three.tensors[0])
    assert [p.name for p in tmp_path.iterdir()] == ["mix.safetensors"]


def test_too_little_room_is_said_before_anything_is_written(three, recipe, tmp_path, monkeypatch):
    """The message has both numbers."""
    usage = SimpleNamespace(total=10, used=10, free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(SaveError, match=r"not enough room.*0\.00 GB free"):
        save(three, recipe, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_during_the_save_leaves_nothing(tmp_path):
    """A real limit of the operating system stops the write half-way; the partial file goes, the message stays."""
    resource = pytest.importorskip("resource")
    fam = family(tmp_path, 1, width=16)
    out = tmp_path / "out"
    out.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = fam.paths[0].stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))
    try:
        with pytest.raises(SaveError, match="could not be saved"):
            save(fam, fam.everywhere(0.5), out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(out.iterdir()) == []


def test_a_read_only_folder_is_said(three, recipe, tmp_path, monkeypatch):
    """The folder's permissions are named in the message; the folder stays as it was."""
    if os.name == "nt" or os.geteuid() == 0:  # folders keep nobody out there: refuse in their place
        real = Path.open

        def refuse(path, mode="r", *args, **options):
            if path.parent == tmp_path and "x" in mode:
                raise PermissionError(errno.EACCES, "Permission denied")
            return real(path, mode, *args, **options)

        monkeypatch.setattr(Path, "open", refuse)
    else:
        tmp_path.chmod(0o500)
    try:
        with pytest.raises(SaveError, match=r"Permission denied.*permissions"):
            save(three, recipe, tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_none_is_said(three, recipe, tmp_path):
    """A missing folder is not made silently, a file is no folder."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(SaveError, match="does not exist"):
            save(three, recipe, folder)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_an_interrupt_leaves_nothing(three, recipe, tmp_path, monkeypatch, error):
    """Ctrl-C, a bug or want of memory in the middle of a save."""
    from lib_rimo.merging.mix.sink import FileSink

    real, calls = FileSink.put, []

    def failing(*args):
        calls.append(1)
        if len(calls) == 7:
            raise error
        real(*args)

    monkeypatch.setattr(FileSink, "put", failing)
    with pytest.raises(error):
        save(three, recipe, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_save_left_is_removed_a_day_later(three, recipe, tmp_path):
    """A younger one may belong to a save that runs, and a stranger's file is nobody's business."""
    old, young, strange = (tmp_path / n for n in (".rimo-old.partial", ".rimo-new.partial", "x.partial"))
    for path in (old, young, strange):
        path.touch()
    past = time.time() - ABANDONED_S - 60
    os.utime(old, (past, past))
    os.utime(strange, (past, past))
    save(three, recipe, tmp_path)
    assert not old.exists()
    assert young.exists()
    assert strange.exists()


def test_saving_survives_deleted_parents(tmp_path):
    """On POSIX the open files outlive their names, so a finished study can always be saved."""
    fam = family(tmp_path, 1)
    out = tmp_path / "out"
    out.mkdir()
    with contextlib.suppress(PermissionError):  # Windows keeps open files
        for path in fam.paths:
            path.unlink()
    found = load_file(str(save(fam, fam.everywhere(1.0), out)))
    key = "first_stage_model.decoder.conv_out.weight"
    assert bits(found[key]) == bits(fam.tensors[1][key])


def test_the_number_type_can_be_chosen(three, recipe, tmp_path):
    """A smaller file on request; schedules and ids keep their own type."""
    found = load_file(str(save(three, recipe, tmp_path, save_dtype=torch.bfloat16)))
    assert found["first_stage_model.decoder.conv_out.weight"].dtype == torch.bfloat16
    assert found["betas"].dtype == torch.float32
    assert found["cond_stage_model.transformer.text_model.embeddings.position_ids"].dtype == torch.int64
