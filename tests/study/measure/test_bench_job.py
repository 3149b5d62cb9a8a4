"""Upstream's benchmark on a list of checkpoints: what it leaves behind, and what it refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from lib_rimo.errors import SettingsError, StudyError
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.study.measure.bench_request import SIZES, BenchRequest, many_of
from lib_rimo.study.measure.bench_tables import FORMATS
from lib_rimo.study.mixes.preview import PreviewRequest
from lib_rimo.study.record.choice import Choice
from tests.study.conftest import Workshop, open_workshop, played
from tests.study.painting import SKILL_KEYS, PaintingHost

FILES = ["base.safetensors", "first.safetensors", "second.safetensors"]
SMALL = {"per_tag": 2, "tags": 8, "many": "2:6 4:4", "per_prompt": 2}


class GatedHost(PaintingHost):
    """Draws one batch, then waits until it may go on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.drawn, self.go = threading.Event(), threading.Event()
        self.go.set()

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        pictures = super().generate(requests)
        self.drawn.set()
        assert self.go.wait(60)
        return pictures


def run(workshop: Workshop, files: Sequence[str] = FILES, **changes: Any) -> dict[str, Any]:
    """Runs a small benchmark to its end; returns how it stands."""
    bench = workshop.studies.benchmarks()
    bench.start({"checkpoints": list(files), **SMALL, **changes})
    workshop.studies.join_benchmark(120)
    return dict(bench.standing())


def own_weights(workshop: Workshop) -> bool:
    """Whether the live model holds the loaded file's own bits."""
    loaded = workshop.host.loaded()
    assert loaded is not None
    assert workshop.host.model is not None
    file, live = load_file(str(loaded)), workshop.host.model.state_dict()
    return all(bool((live[key] == file[key]).all()) for key in SKILL_KEYS)


def test_tables_are_made_and_kept(workshop: Workshop) -> None:
    """Every part has its rows for every checkpoint, the better ones stand out, and the files hold the same."""
    workshop.host.load(Path(workshop.settings["base"]))
    assert run(workshop)["state"] == "finished"
    found = workshop.studies.benchmarks().latest()
    assert (found["done"], found["of"]) == (3, 3)
    assert [t["title"] for t in found["tables"]] == ["Many tags", "Diversity"]  # too few of single tags
    assert all(t["columns"] == FILES for t in found["tables"])
    row = found["tables"][0]["rows"][0]
    best = max(row["cells"], key=lambda cell: cell["mean"])
    assert [cell["marked"] for cell in row["cells"]] == [c["mean"] == best["mean"] for c in row["cells"]]
    assert {p["name"] for p in found["points"]} == set(FILES)
    assert own_weights(workshop)
    for kind in FORMATS:
        assert "first.safetensors" in workshop.studies.benchmarks().file(kind)


def test_a_swapped_checkpoint_is_the_loaded_one(tmp_path: Path) -> None:
    """Whichever checkpoint is loaded, each scores the same to the last digit."""
    found = []
    for loaded in FILES:
        folder = tmp_path / loaded
        folder.mkdir()
        workshop = open_workshop(folder)
        workshop.host.load(folder / "models" / loaded)
        run(workshop)
        found.append(workshop.studies.benchmarks().latest())
        assert workshop.host.loaded() == folder / "models" / loaded
        workshop.studies.close()
    assert found[0] == found[1] == found[2]


def test_what_was_measured_is_never_drawn_again(make_workshop: Callable[..., Workshop]) -> None:
    """A second run, a renamed file and a program started anew draw nothing and find the same."""
    workshop = make_workshop()
    run(workshop)
    first, drawn = workshop.studies.benchmarks().latest(), workshop.host.batches
    run(workshop)
    assert (workshop.studies.benchmarks().latest(), workshop.host.batches) == (first, drawn)
    later = make_workshop()
    assert later.studies.benchmarks().latest() == first
    (later.folder / "models" / FILES[2]).rename(later.folder / "models" / "renamed.safetensors")
    assert run(later, [*FILES[:2], "renamed.safetensors"])["state"] == "finished"
    assert later.host.batches == 0
    assert later.studies.benchmarks().latest()["tables"][0]["rows"] == first["tables"][0]["rows"]


def test_stopped_and_gone_on_gives_the_same(tmp_path: Path) -> None:
    """A benchmark that is stopped after every few batches ends with the tables of one that ran through."""
    for name in ("through", "stopped"):
        (tmp_path / name).mkdir()
    through = open_workshop(tmp_path / "through")
    run(through)
    workshop = open_workshop(tmp_path / "stopped", GatedHost)
    host, bench = workshop.host, workshop.studies.benchmarks()
    assert isinstance(host, GatedHost)
    for _ in range(2):
        host.go.clear()
        host.drawn.clear()
        bench.start({"checkpoints": FILES, **SMALL})
        assert host.drawn.wait(60)
        bench.stop()
        host.go.set()
        workshop.studies.join_benchmark(60)
        assert bench.standing()["state"] == "stopped"
        assert own_weights(workshop)
    assert run(workshop)["state"] == "finished"
    assert bench.latest() == through.studies.benchmarks().latest()
    assert bench.file("md") == through.studies.benchmarks().file("md")
    for one in (through, workshop):
        one.studies.close()


@pytest.mark.parametrize(("trouble", "state"), [("fail_at", "failed"), ("taken_at", "stopped")])
def test_trouble_with_the_host_loses_nothing(workshop: Workshop, trouble: str, state: str) -> None:
    """The text is shown, what was measured counts, and the same benchmark goes on."""
    setattr(workshop.host, trouble, 5)
    told = run(workshop)
    assert told["state"] == state
    assert told["error"]
    if state == "failed":
        assert own_weights(workshop)
    drawn = workshop.host.batches
    assert run(workshop)["state"] == "finished"
    assert workshop.host.batches - drawn < 3 * drawn


def test_studies_and_benchmarks_take_turns(tmp_path: Path) -> None:
    """Neither starts while the other runs, and each says so; a mix can be tried in between."""
    workshop = open_workshop(tmp_path, GatedHost)
    host, studies = workshop.host, workshop.studies
    assert isinstance(host, GatedHost)
    study = played(workshop, budget=64, unseen=16)
    bench = studies.benchmarks()
    host.go.clear()
    host.drawn.clear()
    bench.start({"checkpoints": FILES, **SMALL})
    assert host.drawn.wait(60)
    for refused in (
        lambda: studies.start(workshop.settings),
        lambda: studies.resume(study),
        lambda: studies.freeze(study, ["mid"]),
        lambda: bench.start({"checkpoints": FILES, **SMALL}),
    ):
        with pytest.raises(StudyError, match="benchmark is running"):
            refused()
    request = PreviewRequest("red, wide", None, 1, 1)
    tried: list[Any] = []
    trial = threading.Thread(target=lambda: tried.append(studies.try_mix(study, Choice(), request)))
    trial.start()
    host.go.set()
    trial.join(60)
    studies.join_benchmark(60)
    assert tried[0]["files"]
    assert bench.standing()["state"] == "finished"
    host.go.clear()
    host.drawn.clear()
    studies.start(workshop.settings)
    assert host.drawn.wait(60)
    with pytest.raises(StudyError, match="study is running"):
        bench.start({"checkpoints": FILES, **SMALL})
    host.go.set()
    studies.close()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"checkpoints": []}, "checkpoints"),
        ({"checkpoints": "base.safetensors"}, "checkpoints"),
        ({"checkpoints": ["gone.safetensors"]}, "checkpoints"),
        ({"checkpoints": FILES[:1] * 2}, "checkpoints"),
        ({"per_tag": "many"}, "per_tag"),
        ({"per_tag": -1}, "per_tag"),
        ({"per_tag": 1000, "tags": 10_000}, "per_tag"),
        ({"per_tag": 0, "many": ""}, "per_tag"),
        ({"tags": 1.5}, "tags"),
        ({"many": "two"}, "many"),
        ({"many": "0:5"}, "many"),
        ({"per_prompt": 0}, "per_prompt"),
        ({"seed": "x"}, "seed"),
        ({"steps": "x"}, "steps"),
        ({"width": 1}, "width"),
    ],
)
def test_bad_input_starts_nothing(workshop: Workshop, changes: dict[str, Any], field: str) -> None:
    """The error names the field; nothing is drawn and nothing is kept."""
    with pytest.raises(SettingsError) as caught:
        workshop.studies.benchmarks().start({"checkpoints": FILES, **SMALL, **changes})
    assert caught.value.field == field
    assert workshop.studies.benchmarks().standing()["state"] == "idle"
    assert workshop.host.batches == 0
    assert not (workshop.folder / "studies" / "bench").exists()
    with pytest.raises(StudyError, match="no tables yet"):
        workshop.studies.benchmarks().latest()


def test_another_family_is_named(workshop: Workshop) -> None:
    """A checkpoint that cannot be swapped in ends the benchmark with the field before anything is drawn."""
    strange = load_file(str(workshop.folder / "models" / FILES[1]))
    strange[SKILL_KEYS[0]] = strange[SKILL_KEYS[0]][:4].contiguous()
    save_file(strange, str(workshop.folder / "models" / "strange.safetensors"))
    told = run(workshop, [FILES[0], "strange.safetensors"])
    assert (told["state"], told["field"]) == ("failed", "checkpoints")
    assert "strange.safetensors" in told["error"]
    assert workshop.host.batches == 0


def test_a_webui_s_selection_is_not_changed(make_workshop: Callable[..., Workshop]) -> None:
    """Where the loaded checkpoint is the user's choice, none is loaded for them."""
    workshop = make_workshop(may_load=False)
    told = run(workshop)
    assert told["state"] == "failed"
    assert "WebUI" in told["error"]
    assert workshop.host.loaded() is None
    workshop.host.load(workshop.folder / "models" / FILES[2])
    assert run(workshop)["state"] == "finished"
    assert workshop.host.loaded() == workshop.folder / "models" / FILES[2]
    assert own_weights(workshop)


def test_sizes_can_be_asked_for() -> None:
    """Every offered size is a request that ``BenchRequest`` takes, and survives being kept."""
    for size in SIZES.values():
        values = {"checkpoints": ["a"], "per_tag": size.per_tag, "tags": size.tags, "many": size.many}
        request = BenchRequest.of({**values, "per_prompt": size.per_prompt, "cfg": 7})
        assert request == BenchRequest.of(json.loads(json.dumps(request.to_json())))
    assert many_of("2:110, 4:100") == ((2, 110), (4, 100))
