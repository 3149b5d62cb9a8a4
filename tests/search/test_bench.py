"""The comparison of searches runs, keeps what it made, and says what it measured."""

from __future__ import annotations

import csv

import pytest

from tools.bench_search import figures, report
from tools.bench_search.__main__ import main
from tools.bench_search.methods import METHODS
from tools.bench_search.runs import Run, load

CHEAP = [m for m in METHODS if not m.startswith("upstream")]


def test_a_small_comparison(tmp_path, capsys):
    """Every method gets its cell, the table, the CSV file and the plot are there, and nothing is made twice."""
    shape = ["--kinds", "small", "--partners", "1", "--groups", "2", "--budgets", "40", "--seeds", "2"]
    arguments = [*shape, "--methods", *CHEAP, "--out", str(tmp_path)]
    assert main(arguments) == 0
    made = load(tmp_path / "runs.jsonl")
    assert {(r.method, r.seed) for r in made} == {(m, s) for m in CHEAP for s in range(2)}
    printed = capsys.readouterr().out
    assert all(m in printed for m in CHEAP)
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        assert [row["method"] for row in csv.DictReader(file)] == CHEAP
    assert (tmp_path / "shares-2.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "runs.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind": "cut o')
    assert main(arguments) == 0
    assert load(tmp_path / "runs.jsonl") == made


def test_factor_is_read_off_the_medians():
    """The factor is upstream's 5,100 pictures over those at which the default's median reaches upstream's."""
    shares = {500: 0.4, 1000: 0.6}
    made = [Run("small", 18, "default", 0, budget, share) for budget, share in shares.items()]
    made.append(Run("small", 18, "upstream-ro", 0, 5100, 0.5))
    assert report.factor(made, "upstream-ro", "small", 18) == pytest.approx(5100 / 750)
    made[-1] = Run("small", 18, "upstream-ro", 0, 5100, 0.3)
    assert report.factor(made, "upstream-ro", "small", 18) == pytest.approx(5100 / 500)
    made[-1] = Run("small", 18, "upstream-ro", 0, 5100, 0.9)
    assert report.factor(made, "upstream-ro", "small", 18) == 0.0
    ahead = report.against_upstream(made, "upstream-ro", 1000)
    assert ahead["small", 18][0] == pytest.approx(-0.3)


def test_coverage_counts_held_intervals():
    """Coverage is the share of the default's runs whose interval holds the truth."""
    made = [
        Run("small", 18, "default", s, 640, 0.5, gain_z=z, held=s < 3) for s, z in enumerate((0, 1, 3, -1))
    ]
    text = report.coverage(made)
    assert "accuracy held 75.0%" in text
    assert "gain over the base 75.0%" in text


def test_rows_are_put_into_the_documents():
    """A method's row comes below the others of as many pictures, says its seeds, and replaces an older one."""
    table = (
        "Before\n\n| 18 weights | pictures | small | mixed |\n| --- | --- | --- | --- |\n"
        "| **default** | 500 | 0.4 | 0.4 |\n| **default** | 640 | 0.6 | 0.6 |\n| other | 640 | 0.1 | 0.1 |\n\nAfter\n"
    )
    made = [
        Run(kind, 18, method, seed, 640, share + 0.1 * seed)
        for kind in ("small", "mixed")
        for method, share in (("default", 0.7), ("skopt", 0.2))
        for seed in range(2)
    ]
    found = figures.insert(table, made, "skopt")
    row = "| skopt (2 seeds) | 640 | 0.25 (+0.50 ± 0.00) | 0.25 (+0.50 ± 0.00) |\n"
    assert found == table.replace("\n\nAfter", f"\n{row}\nAfter")
    assert figures.insert(found, made, "skopt") == found
