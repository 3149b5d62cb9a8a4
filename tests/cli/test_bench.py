"""``rimo bench`` and ``rimo contact --sweep`` on the tiny family: real pictures, few of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from lib_rimo.cli.program import BAD_INPUT, OK, main
from lib_rimo.toy.family import Family, unpack


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """The tiny family in a home of its own."""
    monkeypatch.setenv("RIMO_HOME", str(tmp_path / "home"))
    return unpack(tmp_path / "home" / "models")


def test_upstream_s_tables_are_written_and_kept(family: Family, tmp_path: Path) -> None:
    """Markdown, CSV and HTML of two checkpoints; the second run reads the kept results and writes the same."""
    files = [str(family.base), str(family.specialists[2])]
    sizes = ["--per-tag", "2", "--tag-count", "30", "--many", "2:2", "4:2", "64:2", "--per-prompt", "2"]
    for name in ("one", "two"):
        assert main(["bench", *files, *sizes, "--tables", str(tmp_path / name), "--device", "cpu"]) == OK
    names = ["bench.csv", "bench.html", "bench.md"]
    assert [p.name for p in sorted((tmp_path / "one").iterdir())] == names
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    text = (tmp_path / "one" / "bench.md").read_text()
    assert "| | toy-base.safetensors | toy-scenery.safetensors |" in text
    assert "64 tags" in text.split("Left out")[1]
    with (tmp_path / "one" / "bench.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["table"] for row in rows} == {"Single tags by category", "Many tags", "Diversity"}
    assert len(list((tmp_path / "home" / "bench").iterdir())) == 2


def test_a_sweep_measures_ranks_and_proposes_one_or_none(family: Family, tmp_path: Path) -> None:
    """Kept, donor and each rank on the same prompts; rank 0 with the kept vectors is the kept one, to the pixel."""
    out = tmp_path / "sweep.json"
    pair = [str(family.specialists[0]), str(family.base)]
    ranks = ["--sweep", "0", "8", "--vectors", "kept", "--images", "36"]
    assert main(["contact", *pair, *ranks, "--json", str(out), "--device", "cpu"]) == OK
    data = json.loads(out.read_text())
    arms = {arm["rank"]: arm for arm in data["arms"]}
    assert list(arms) == ["kept", "donor", "0", "8"]
    assert arms["0"]["minus_kept"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "images": 36}
    assert 0 == arms["0"]["captured"] < arms["8"]["captured"] < 1
    assert data["proposed"] in (None, "0", "8")


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (["--tables", "t", "--many", "eight"], "TAGS:PROMPTS"),
        (["--tables", "t", "--per-tag", "-1"], "per_tag"),
        (["--images", "0"], "nothing to measure"),
        (["--tables", "t", "--per-tag", "0", "--many", "99:1"], "too small"),
    ],
)
def test_impossible_measurements_are_refused(
    family: Family,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    extra: list[str],
    told: str,
) -> None:
    """In one line, before anything is drawn or written."""
    monkeypatch.chdir(tmp_path)
    assert main(["bench", str(family.base), *extra]) == BAD_INPUT
    assert told in capsys.readouterr().err
    assert not (tmp_path / "t").exists()
    assert not (tmp_path / "home" / "bench").exists()
