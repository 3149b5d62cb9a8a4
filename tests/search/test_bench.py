"""The comparison of searches runs and says what it measured."""

from __future__ import annotations

import json

from tools.bench_search import METHODS, main


def test_a_small_comparison(tmp_path, capsys):
    """Every method gets a row with a share per seed, the default's difference to itself is none."""
    file = tmp_path / "out.json"
    arguments = [
        "--kinds",
        "small",
        "--partners",
        "1",
        "--groups",
        "2",
        "--budgets",
        "40",
        "--seeds",
        "2",
        "--methods",
    ]
    wanted = [m for m in METHODS if not m.startswith("upstream")]
    assert main([*arguments, *wanted, "--json", str(file)]) == 0
    rows = json.loads(file.read_text(encoding="utf-8"))
    assert [r["method"] for r in rows] == wanted
    assert all(len(r["shares"]) == 2 for r in rows)
    assert rows[0]["difference"] == 0.0
    assert len(capsys.readouterr().out.splitlines()) == len(wanted)
