"""The commands on models of one's own: which tagger reads, what is missing, and that the tiny family stays out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lib_rimo.benchmark.hub import KNOWN_TAGGERS
from lib_rimo.library.workplace import of_base
from lib_rimo.toy.family import family_of, is_of_family, unpack
from tests.benchmark.local_hub import LocalHub, local_hub
from tests.cli.conftest import Run
from tests.hosts.tiny_models import write_checkpoint, write_config

WAIT_S = 300
SMALL = {"budget": 64, "unseen": 8, "checked": 0, "width": 32, "height": 32, "steps": 2, "tags": [1, 2]}
"""Of a study that is over soon."""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A home with two models of one's own, of other sizes than the tiny family's, and their configuration."""
    config = write_config(tmp_path / "config", "sd1")
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    for seed, name in enumerate(("mine", "other")):
        write_checkpoint(models / f"{name}.safetensors", config, "sd1", seed=seed)
    return tmp_path


@pytest.fixture
def tagger() -> Path:
    """The folder of a tagger."""
    return family_of([Path()]).tagger_dir


@pytest.fixture
def hub(tagger: Path) -> Iterator[LocalHub]:
    """A hub on this machine that has one of the known taggers."""
    files = ("model.onnx", "selected_tags.csv")
    with local_hub({("SmilingWolf/wd-vit-tagger-v3", f): (tagger / f).read_bytes() for f in files}) as hub:
        yield hub


@contextmanager
def served(environment: dict[str, str], *arguments: str | Path) -> Iterator[str]:
    """The page in a process of its own; its address."""
    command = [sys.executable, "-m", "lib_rimo", "serve", "--no-browser", "--port", "0", "--device", "cpu"]
    with subprocess.Popen(
        [*command, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            address = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
            yield address.rstrip("/")
        finally:
            process.terminate()
            process.communicate(timeout=WAIT_S)


def asked(address: str, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """An answer of the page's routes; errors too."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/rimo/v1/{what}", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error))


def ended(address: str) -> dict[str, Any]:
    """The study when it is over."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        now = asked(address, "snapshot")
        if now["state"] in ("finished", "failed", "stopped"):
            return now
        time.sleep(0.2)
    raise AssertionError("the study did not end")


MODELS = {"base": "mine.safetensors", "partners": ["other.safetensors"]}


def test_the_page_reads_with_the_tagger_that_it_was_started_with(
    own: Path, tagger: Path, environment: dict[str, str]
) -> None:
    """``serve --tagger DIR --threshold T`` uses both, offers nothing tiny, and touches no model folder."""
    before = sorted((own / "home" / "models").iterdir())
    chosen = ("--tagger", tagger, "--threshold", "0.31", "--config", own / "config")
    with served(environment, *chosen) as address:
        options = asked(address, "options")
        assert [file["name"] for file in options["checkpoints"]] == ["mine.safetensors", "other.safetensors"]
        assert options["default"]["tagger"] == str(tagger)
        assert options["default"]["threshold"] == 0.31
        asked(address, "start", {**MODELS, **SMALL})
        done = ended(address)
        assert done["state"] == "finished", done["error"]
    (opened,) = (own / "home" / "studies").glob("*/journal.jsonl")
    settings = json.loads(opened.read_text().splitlines()[0])["settings"]
    assert (settings["tagger"], settings["threshold"]) == (str(tagger), 0.31)
    assert settings["catalogue"] is None
    assert settings["one_per_category"] is False
    assert sorted((own / "home" / "models").iterdir()) == before


def test_a_known_tagger_is_downloaded_by_the_page(
    own: Path, environment: dict[str, str], hub: LocalHub
) -> None:
    """Without an option the page offers a known tagger; the first study fetches it, and nothing else needs doing."""
    online = {**environment, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url}
    with served(online, "--config", own / "config") as address:
        options = asked(address, "options")
        assert options["default"]["tagger"] == "wd-vit-tagger-v3"
        assert "wd-eva02-large-tagger-v3" in options["taggers"]
        wrong = asked(address, "start", {**MODELS, **SMALL, "tagger": "wd-vit-tager-v3"})
        assert wrong["field"] == "tagger"
        assert "Did you mean wd-vit-tagger-v3?" in wrong["error"]
        assert hub.asked == []
        asked(address, "start", {**MODELS, **SMALL})
        done = ended(address)
        assert done["state"] == "finished", done["error"]
    assert (own / "home" / "taggers" / "wd-vit-tagger-v3" / "model.onnx").is_file()


@pytest.mark.parametrize("command", ["mix", "bench"])
def test_a_tagger_by_name_is_downloaded_by_the_commands(
    own: Path,
    rimo: Run,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    hub: LocalHub,
    command: str,
) -> None:
    """``--tagger NAME`` fetches it once; the next run asks the hub for nothing."""
    environment |= {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.url}
    mine, other = (own / "home" / "models" / f"{n}.safetensors" for n in ("mine", "other"))
    size = ["--width", "32", "--height", "32", "--steps", "2", "--device", "cpu", "--config", own / "config"]
    arguments = {
        "mix": [
            "--base",
            mine,
            "--partners",
            other,
            "--budget",
            "64",
            "--unseen",
            "4",
            "--checked",
            "0",
            "--tags",
            "1",
            "2",
            "--fresh",
        ],
        "bench": [mine, other, "--images", "8"],
    }[command]
    for time_ in ("first", "second"):
        done = rimo(command, *arguments, *size, "--tagger", "wd-vit-tagger-v3")
        assert done.returncode == 0, done.stderr
        assert bool(hub.asked) is (time_ == "first")
        hub.asked.clear()


@pytest.mark.parametrize("command", ["mix", "bench"])
@pytest.mark.parametrize(
    ("named", "told"),
    [
        ((), r"No tagger is chosen.*wd-vit-tagger-v3.*--tagger"),
        (("--tagger", "wd14"), r"no known tagger of that name.*wd-vit-tagger-v3, wd-swinv2"),
        (("--tagger", "some/folder"), r"no such folder.*some/folder.*wd-vit-tagger-v3"),
    ],
)
def test_without_a_tagger_the_known_ones_are_listed(
    own: Path, rimo: Run, command: str, named: tuple[str, ...], told: str
) -> None:
    """Before anything is loaded, and never the tiny family's in its place."""
    mine, other = (own / "home" / "models" / f"{n}.safetensors" for n in ("mine", "other"))
    files = ["--base", mine, "--partners", other] if command == "mix" else [mine, other]
    done = rimo(command, *files, "--config", own / "config", *named)
    assert done.returncode == 2
    assert re.search(told, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_the_known_taggers_are_listed(rimo: Run, tmp_path: Path) -> None:
    """With use, licence and size; offline a download says what to put where."""
    done = rimo("taggers", "--json", tmp_path / "taggers.json")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"wd-vit-tagger-v3\n.*Licence Apache-2.0, 379 MB\. It is not on this computer yet\.", done.stdout
    )
    assert len(json.loads((tmp_path / "taggers.json").read_text())) == len(KNOWN_TAGGERS)
    refused = rimo("taggers", "wd-vit-tagger-v3")
    assert refused.returncode == 2
    assert f"put them into {tmp_path / 'home' / 'taggers' / 'wd-vit-tagger-v3'}" in refused.stderr


def test_what_is_missing_for_a_model_is_said(own: Path, tagger: Path, environment: dict[str, str]) -> None:
    """A miniature without its own configuration: the page says what to name, and nothing of the tiny family."""
    with served({**environment, "HF_HOME": str(own / "cache")}, "--tagger", tagger) as address:
        asked(address, "start", {**MODELS, **SMALL})
        failed = ended(address)
    assert failed["state"] == "failed"
    assert "diffusers cannot load the checkpoint" in failed["error"]
    assert "Start the program with the folder of its diffusers configuration" in failed["error"]
    assert "toy" not in failed["error"]


def test_the_tiny_family_is_asked_for(tmp_path: Path, environment: dict[str, str]) -> None:
    """An empty folder offers nothing; asked for, the family lies beside it, with its own tagger and tags."""
    home = tmp_path / "home"
    with served(environment) as address:
        before = asked(address, "options")
        assert (before["default"]["base"], before["checkpoints"], before["demo"]) == ("", [], True)
        assert not (home / "demo").exists()
        options = asked(address, "demo", {})
        assert (options["default"]["base"], options["demo"]) == ("toy-base.safetensors", False)
        assert options["default"]["catalogue"].endswith("catalogue.csv")
        refused = asked(address, "estimate", {**MODELS, "tagger": "nothing"})
        assert "nothing" in refused["error"] or "no such checkpoint" in refused["error"]
    assert list((home / "models").iterdir()) == []
    assert is_of_family(home / "demo" / "toy-base.safetensors")
    with served(environment) as address:  # that it was asked for once does not mean that it is wanted again
        assert asked(address, "options")["checkpoints"] == []


def test_the_family_is_told_by_its_sizes(tmp_path: Path, own: Path) -> None:
    """Its files and mixes of them under any name count; other models, other files and nothing at all do not."""
    family = unpack(tmp_path / "demo")
    renamed = tmp_path / "a mix.safetensors"
    tensors = load_file(str(family.base))
    save_file({k: v * 0.5 if v.is_floating_point() else v for k, v in tensors.items()}, str(renamed))
    for path in (family.base, *family.specialists, renamed):
        assert is_of_family(path)
        assert of_base(path)["tagger"] == str(family.tagger_dir)
    bare = tmp_path / "bare.safetensors"
    save_file({"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(32, 4, 3, 3)}, str(bare))
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no header")
    for path in (own / "home" / "models" / "mine.safetensors", bare, broken, tmp_path / "gone.safetensors"):
        assert not is_of_family(path)
        assert of_base(path) == {}
