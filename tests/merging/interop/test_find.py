"""The models of another program's recipe are found under any name, and no file is read that need not be."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from lib_rimo.errors import CheckpointError
from lib_rimo.merging import Sources
from lib_rimo.merging.checkpoints.digest import file_sha256, legacy_hash
from lib_rimo.merging.checkpoints.folders import checkpoint_files
from lib_rimo.merging.checkpoints.hashes import Hashes
from lib_rimo.merging.interop.find import find_models
from lib_rimo.merging.interop.import_ import import_recipe
from lib_rimo.merging.interop.linear import LinearRecipe, alone, combined
from tests.merging.models import sd1_tensors, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WebUI's folder of models, some of them in folders of their own."""
    top = tmp_path_factory.mktemp("webui") / "models" / "Stable-diffusion"
    names = ["base", "sub/partner", "sub/deep/partner", "other/my model (v1)", "模型", *map(str, range(6))]
    for seed, name in enumerate(names):
        path = top / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, sd1_tensors(seed))
    return top


def recipe(*models: str, names: Mapping[str, str] | None = None, **more: Any) -> LinearRecipe:
    """A mix of some models in equal parts."""
    terms = [(alone(model), 1 / len(models)) for model in models]
    return LinearRecipe(models[0], combined(*terms), names or {}, "a program", **more)


class Counted(Hashes):
    """Tells which files were read."""

    def __init__(self, file: Path | None = None) -> None:
        self.read: list[str] = []
        super().__init__(file, lambda path, _: self.read.append(path.stem))


def found(folder: Path, foreign: LinearRecipe, hashes: Hashes | None = None) -> dict[str, str]:
    """Model -> path below the folder, or what is said of it."""
    paths = find_models(foreign, checkpoint_files([folder]), hashes or Hashes())
    return {
        model: path.relative_to(folder).as_posix() if isinstance(path, Path) else path
        for model, path in paths.items()
    }


NAMES = {
    "base": "base",
    "base.safetensors": "base",
    "base.safetensors [0123456789]": "base",
    "base [01234567]": "base",
    "C:\\webui\\models\\base.safetensors": "base",
    "other\\my model (v1).safetensors": "other/my model (v1)",
    "other_my model (v1)": "other/my model (v1)",
    "sub/partner.safetensors": "sub/partner",
    "sub/deep/partner": "sub/deep/partner",
    "sub_deep_partner": "sub/deep/partner",
    "模型 [0123456789]": "模型",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_found_as_the_programs_name_it(folder: Path, name: str) -> None:
    """With folders, with them in its name as the WebUI writes it, with a hash behind it; nothing is read for it."""
    hashes = Counted()
    assert found(folder, recipe(name), hashes) == {name: f"{NAMES[name]}.safetensors"}
    assert hashes.read == []


def test_digits_behind_a_name_choose_among_files_of_one_name(folder: Path) -> None:
    """And find a file that has another name by now."""
    deep = folder / "sub" / "deep" / "partner.safetensors"
    sha256 = file_sha256(deep)
    for digits in (sha256[:10], sha256[:12]):
        for name in ("partner", "gone"):
            title = f"{name} [{digits}]"
            assert found(folder, recipe(title)) == {title: "sub/deep/partner.safetensors"}
    title = f"partner [{legacy_hash(deep)}]"
    assert title in found(folder, recipe(title))
    assert found(folder, recipe("gone [0123456789]")) == {"gone [0123456789]": "gone [0123456789]"}


def test_each_file_is_read_once_at_most_and_not_again(folder: Path, tmp_path: Path) -> None:
    """Three models by hash alone: one pass over the files; the next run reads none, until a file changes."""
    hashes = [file_sha256(folder / f"{n}.safetensors") for n in (3, 4, 5)]
    kept = tmp_path / "home" / "hashes.json"
    one = Counted(kept)
    assert set(found(folder, recipe(*hashes), one).values()) == {f"{n}.safetensors" for n in (3, 4, 5)}
    assert len(one.read) == len(set(one.read))
    two = Counted(kept)
    assert found(folder, recipe(*hashes), two) == found(folder, recipe(*hashes), one)
    assert two.read == []
    os.utime(folder / "5.safetensors", (1, 1))
    three = Counted(kept)
    found(folder, recipe(*hashes), three)
    assert three.read == ["5"]


def test_the_likely_names_are_read_first(folder: Path) -> None:
    """With the list that the WebUI keeps, only the three files are read."""
    paths = [folder / "base.safetensors", folder / "sub" / "partner.safetensors", folder / "4.safetensors"]
    names = {file_sha256(path): path.stem for path in paths}
    hashes = Counted()
    assert set(found(folder, recipe(*names, names=names), hashes).values()) == {
        path.relative_to(folder).as_posix() for path in paths
    }
    assert {*hashes.read} == {"base", "partner", "4"}


def test_a_short_hash_of_the_old_kind_spares_reading(tmp_path: Path) -> None:
    """Files that have another are not read to their end, and an unknown one is looked for among all."""
    for seed in range(4):
        more = {"first_stage_model.large": torch.full((1 << 19, 2), seed, dtype=torch.float16)}
        write(tmp_path / f"{seed}.safetensors", sd1_tensors(seed) | more)
    wanted = tmp_path / "2.safetensors"
    sha256, hashes = file_sha256(wanted), Hashes()
    assert len({legacy_hash(path) for path in tmp_path.iterdir()}) == 4
    foreign = recipe(sha256, names={sha256: "gone"}, legacy={sha256: legacy_hash(wanted)})
    assert found(tmp_path, foreign, hashes) == {sha256: "2.safetensors"}
    assert [path.stem for path in sorted(tmp_path.iterdir()) if hashes.known(path)] == ["2"]


def json_cache(top: Path, entries: Mapping[str, Any]) -> None:
    """As the WebUI kept its hashes until 1.9."""
    top.joinpath("cache.json").write_text(json.dumps({"hashes": entries, "extensions-git": {}}, indent=4))


def database(top: Path, entries: Mapping[str, Any]) -> None:
    """As it keeps them since; the package diskcache makes such a table."""
    file = top / "cache" / "hashes" / "cache.db"
    file.parent.mkdir(parents=True)
    with sqlite3.connect(file) as connection:
        connection.execute(
            "CREATE TABLE Cache (rowid INTEGER PRIMARY KEY, key BLOB, raw INTEGER, store_time REAL, expire_time REAL, "
            "access_time REAL, access_count INTEGER DEFAULT 0, tag BLOB, size INTEGER DEFAULT 0, "
            "mode INTEGER DEFAULT 0, filename TEXT, value BLOB)"
        )
        rows = [(name, pickle.dumps(entry, protocol=5)) for name, entry in entries.items()]
        connection.executemany("INSERT INTO Cache (key, raw, mode, value) VALUES (?, 1, 4, ?)", rows)
    connection.close()


def entry(path: Path, sha256: str, older_s: float = 0.0) -> dict[str, Any]:
    """What the WebUI keeps of a file."""
    return {"mtime": path.stat().st_mtime - older_s, "sha256": sha256}


@pytest.mark.parametrize("keep", [json_cache, database])
@pytest.mark.parametrize("slash", ["/", "\\"])
def test_what_a_webui_knows_is_not_read_again(
    tmp_path: Path, keep: Callable[[Path, Mapping[str, Any]], None], slash: str
) -> None:
    """Its list lies above the models; an entry that is older than the file, or no hash, does not count."""
    models = tmp_path / "models" / "Stable-diffusion" / "mine"
    models.mkdir(parents=True)
    paths = [write(models / f"{seed}.safetensors", sd1_tensors(seed)) for seed in range(4)]
    told = [*map(file_sha256, paths[:2]), "0" * 64, "no hash"]
    entries = {
        f"checkpoint/mine{slash}{path.name}": entry(path, sha256, older_s=5.0 if sha256 == "0" * 64 else 0.0)
        for path, sha256 in zip(paths, told, strict=True)
    }
    keep(tmp_path, {**entries, "lora/other": {"mtime": 1.0, "sha256": None}, "checkpoint/x": 3})
    hashes = Counted()
    foreign = recipe(*told[:2])
    assert set(found(models, foreign, hashes).values()) == {"0.safetensors", "1.safetensors"}
    assert hashes.read == []
    assert [hashes.known(path) for path in paths] == [*told[:2], "", ""]


def test_what_a_webui_knew_once_is_looked_at_first(tmp_path: Path) -> None:
    """An entry of another time may be right still; its file is read before all others, and proves it."""
    paths = [write(tmp_path / f"{seed}.safetensors", sd1_tensors(seed)) for seed in range(4)]
    sha256 = file_sha256(paths[3])
    later = {f"checkpoint/{path.name}": entry(path, file_sha256(path), older_s=-60.0) for path in paths}
    json_cache(tmp_path, later)
    hashes = Counted()
    assert found(tmp_path, recipe(sha256), hashes) == {sha256: "3.safetensors"}
    assert hashes.read == ["3"]


def test_what_a_webui_s_database_holds_is_never_run(tmp_path: Path) -> None:
    """A forged entry is left out, and so is a file that is no database or no JSON."""

    class Forged:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "run"),)

    path = write(tmp_path / "a.safetensors", sd1_tensors(0))
    good = entry(path, "1" * 64)
    database(tmp_path, {"checkpoint/forged": Forged(), "checkpoint/a.safetensors": good})
    assert Hashes().known(path) == "1" * 64
    assert not (tmp_path / "run").exists()
    (tmp_path / "cache" / "hashes" / "cache.db").write_bytes(b"nothing of the kind")
    (tmp_path / "cache.json").write_text("{")
    kept = tmp_path / "hashes.json"
    kept.write_text('{"a": 3}')
    assert Hashes(kept).known(path) == ""
    (tmp_path / "cache.json").write_text('{"hashes": ["checkpoint/a.safetensors"]}')
    assert Hashes().known(path) == ""


def test_the_webui_s_list_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its two variables say."""
    path = write(tmp_path / "a.safetensors", sd1_tensors(0))
    for name, keep, variable in (
        ("one", json_cache, "SD_WEBUI_CACHE_FILE"),
        ("two", database, "SD_WEBUI_CACHE_DIR"),
    ):
        top = tmp_path / name
        top.mkdir()
        keep(top, {"checkpoint/a.safetensors": entry(path, "a" * 64)})
        assert Hashes().known(path) == ""
        monkeypatch.setenv(variable, str(top / ("cache.json" if name == "one" else "cache")))
        assert Hashes().known(path) == "a" * 64
        monkeypatch.delenv(variable)


def test_models_in_linked_folders_are_found(tmp_path: Path) -> None:
    """Once each, and a link that leads back is no trap."""
    (tmp_path / "disk" / "x").mkdir(parents=True)
    write(tmp_path / "disk" / "x" / "far.safetensors", sd1_tensors(1))
    models = tmp_path / "models"
    models.mkdir()
    write(models / "near.safetensors", sd1_tensors(0))
    try:
        (models / "linked").symlink_to(tmp_path / "disk", target_is_directory=True)
        (models / "again").symlink_to(tmp_path / "disk", target_is_directory=True)
        (tmp_path / "disk" / "back").symlink_to(models, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    assert [path.name for path in checkpoint_files([models])] == ["far.safetensors", "near.safetensors"]
    with Sources() as sources:
        made = import_recipe(recipe("near", "far"), sources, [models])
    assert [source.name for source in (made.base, *made.partners)] == ["near.safetensors", "far.safetensors"]


def test_another_content_under_the_name_is_said(folder: Path) -> None:
    """Where the recipe tells the whole hash, a name alone is not enough."""
    foreign = recipe("0" * 64, names={"0" * 64: "base.safetensors"})
    with (
        pytest.raises(CheckpointError, match=r"base\.safetensors \(only a file of this name"),
        Sources() as sources,
    ):
        import_recipe(foreign, sources, [folder])
