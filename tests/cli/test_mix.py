"""``rimo mix --demo`` on the tiny family: real diffusion, killed and resumed, saved and loaded by other software."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageChops

from lib_rimo.hosts.diffusers.host import DiffusersHost
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.merging import Recipe, Sources, Swapper, load_partition
from lib_rimo.study.record import journal
from lib_rimo.toy.family import unpack
from tests.cli.conftest import Run

SMALL = ("mix", "--demo", "--budget", "96", "--unseen", "16", "--checked", "16", "--seed", "3")
FLOOR = (*SMALL, "--seed", "2", "--diversity-floor", "0.5")  # this one's winner is held against it


def read(path: Path) -> dict[str, Any]:
    """A result file."""
    data = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


def test_the_demo_reports_everything_that_scripts_rely_on(rimo: Run, tmp_path: Path) -> None:
    """The result has every fixed name, obeys the budget, and no checkpoint was written during trials."""
    out = tmp_path / "result.json"
    done = rimo(*SMALL, "--json", out)
    assert done.returncode == 0, done.stderr
    result = read(out)
    assert result["images"] <= 96
    assert result["bytes_written_during_trials"] == 0
    assert result["trials"] >= 3
    assert result["epochs"] == 1
    assert result["seconds"] > 0
    for arm in (result["base"], result["uniform"], result["merged"], *result["parents"]):
        assert 0 <= arm["low"] <= arm["accuracy"] <= arm["high"] <= 1
        assert arm["images"] == 16
    gain = result["gain_over_best_parent"]
    assert gain["low"] <= gain["mean"] <= gain["high"]
    blocks = result["gain_over_single_weight"]
    assert blocks["low"] <= blocks["mean"] <= blocks["high"]
    assert 0 <= result["single_weight"]["accuracy"] <= 1
    assert result["alike"] == "tags"
    assert done.stdout.count("one weight per model") == 2  # its line, and what the best mix has beside it
    assert Recipe.from_json(result["recipe"]).base.name == "toy-base.safetensors"
    assert Path(result["checkpoint"]).is_file()
    assert "best mix" in done.stdout

    merged = rimo("merge", out, "--save", "again", "--json", tmp_path / "merge.json")
    assert merged.returncode == 0, merged.stderr
    from safetensors.torch import load_file

    first = load_file(result["checkpoint"])
    second = load_file(read(tmp_path / "merge.json")["checkpoint"])
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_killed_five_times_a_study_ends_with_the_same_winner(
    rimo: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    """``kill -9`` at random moments loses nothing: the same command goes on to the same trials and winner."""
    undisturbed = tmp_path / "undisturbed.json"
    assert rimo(*FLOOR, "--json", undisturbed).returncode == 0
    whole = _written(tmp_path / "home")
    environment["RIMO_HOME"] = str(tmp_path / "other home")
    chance = random.Random(11)
    killed = 0
    command = [sys.executable, "-m", "lib_rimo", *FLOOR, "--json", str(tmp_path / "killed.json")]
    pause = threading.Event()
    # Shares of the journal, since a clock would be wrong on a machine that gets busy.
    for share in (0.0, 0.1, 0.3, 0.5, 0.8):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and _written(tmp_path / "other home") <= share * whole:
            pause.wait(0.005)
        pause.wait(chance.uniform(0, 0.1))
        killed += process.poll() is None
        process.kill()
        process.wait()
    assert killed >= 3, "the moments were too late to disturb anything"
    if not (tmp_path / "killed.json").exists():
        assert rimo(*FLOOR, "--json", tmp_path / "killed.json").returncode == 0
    one, other = read(undisturbed), read(tmp_path / "killed.json")
    for name in ("recipe", "trials", "images", "merged", "base", "parents", "variety"):
        assert _without_paths(one[name]) == _without_paths(other[name]), name


def _written(home: Path) -> int:
    """Bytes in the journals of a home."""
    return sum(path.stat().st_size for path in home.glob(f"**/{journal.FILE}"))


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_paths(v) for k, v in value.items() if k != "path"}
    return [_without_paths(v) for v in value] if isinstance(value, list) else value


def test_a_saved_mix_draws_the_previewed_pictures_in_plain_diffusers(rimo: Run, tmp_path: Path) -> None:
    """The saved file, loaded without our code, gives the live model's tensors and pictures."""
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

    family = unpack(tmp_path / "home" / "models")
    groups = ["in0-6", "mid", "out3+", "text"]
    (tmp_path / "recipe.json").write_text("{}")
    with Sources() as sources:
        base, *partners = (sources.source_of(p) for p in (family.base, *family.specialists))
        rows = [[0.31, -0.05, 0.5, 0.2], [0.1, 0.4, 0.0, 0.33], [0.25, 0.2, 0.1, 0.0]]
        recipe = Recipe.from_rows(base, partners, "theater", groups, rows)
        (tmp_path / "recipe.json").write_text(json.dumps(recipe.to_json(with_paths=True)))
        assert rimo("merge", tmp_path / "recipe.json", "--save", "kept").returncode == 0

        host = DiffusersHost(
            tmp_path / "home" / "models", config_dir=family.config_dir, device="cpu", threads=1
        )
        host.load(family.base)
        request = ImageRequest("star, red, night, solo", "", 77, 64, 64, 8, 4.0, "DPM++ 2M Karras")
        with host.exclusive():
            Swapper(sources, load_partition("theater")).swap(recipe, host.live())
            host.weights_changed(list(host.live().slots))
            (previewed,) = host.generate([request])

    pipeline = StableDiffusionPipeline.from_single_file(
        str(tmp_path / "home" / "models" / "kept.safetensors"),
        config=str(family.config_dir),
        local_files_only=True,
        safety_checker=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(
        pipeline.scheduler.config, use_karras_sigmas=True, algorithm_type="dpmsolver++", solver_order=2
    )
    drawn: Image.Image = pipeline(
        request.prompt,
        negative_prompt="",
        width=64,
        height=64,
        num_inference_steps=8,
        guidance_scale=4.0,
        generator=torch.Generator("cpu").manual_seed(77),
    ).images[0]
    assert ImageChops.difference(previewed, drawn).getbbox() is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["mix"], "--demo"),
        (["mix", "--demo", "--budget", "0"], "budget"),
        (["mix", "--demo", "--bounds", "1", "0"], "bounds"),
        (["mix", "--demo", "--limit", "mid=0.2:0.5"], "zero"),
        (["mix", "--demo", "--limit", "nid=0"], "close: mid"),
        (["mix", "--demo", "--tie", "mid"], "two or more"),
        (["mix", "--demo", "--partners", "nowhere.safetensors"], "nowhere.safetensors"),
        (["mix", "--demo", "--catalogue", "nowhere.csv"], "nowhere.csv"),
        (["mix", "--demo", "--tagger", "nowhere"], "nowhere"),
        (["mix", "--demo", "--config", "nowhere"], "nowhere"),
        (["bench", "nowhere.safetensors"], "nowhere.safetensors"),
        (["merge", "nowhere.json", "--save", "x"], "nowhere.json"),
        (["save", "no-such-study", "--name", "x"], "no-such-study"),
        (["mix", "--resume", "../study"], "study"),
    ],
)
def test_bad_input_ends_with_one_line_and_exit_code_2(
    rimo: Run, tmp_path: Path, arguments: list[str], told: str
) -> None:
    """Whatever is wrong is said in one line without a traceback; nothing is saved."""
    done = rimo(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "home").glob("models/rimo-*"))
