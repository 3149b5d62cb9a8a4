"""Where the default search looks is where it looked through ``skopt.Optimizer``, and it does without skopt."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np

from lib_rimo.search.acquisition import Box, UpperBound
from lib_rimo.search.history import tabulate
from lib_rimo.search.landscape import Landscape
from lib_rimo.search.posterior import condition, prior
from lib_rimo.search.problem import Problem
from tests.house.source import ROOT
from tests.search.test_replay import PROBLEM, play
from tools import bench_ask


def test_proposals_are_those_of_recorded_searches() -> None:
    """Both ways answer every question of a search alike."""
    landscape = Landscape("mixed", 2, bench_ask.GROUPS, 3, bench_ask.POOL)
    asked = bench_ask.both_ways(partial(bench_ask.play, landscape, 3, 320))
    assert len(asked) > 10
    assert max(one.difference for one in asked) < 1e-9
    assert "answered alike" in bench_ask.report(asked)


def test_the_gradient_is_that_of_the_bound() -> None:
    """Finite differences of the bound agree with the gradient that the search follows."""
    problem = Problem.create(**PROBLEM, budget_images=160)
    known = condition(
        tabulate(play(160), problem.size), prior(problem.size, (0.3, 0.3, 0.4)), problem.n_groups
    )
    box = Box.of(problem)
    bound = UpperBound.of(
        known, box.offset + box.low @ box.lift, (box.high - box.low)[:, None] * box.lift, 2.0
    )
    here, step = np.full(problem.size, 0.4), 1e-5
    slope = [
        (bound.losses((here + step * way)[None]) - bound.losses((here - step * way)[None]))[0] / (2 * step)
        for way in np.eye(problem.size)
    ]
    np.testing.assert_allclose(bound.loss(here)[1], slope, rtol=1e-4, atol=1e-7)
    assert bound.loss(here)[0] == bound.losses(here[None])[0]


def test_the_default_does_not_need_skopt() -> None:
    """Where neither scikit-optimize nor scikit-learn is installed, the default searches, and skopt is named."""
    program = """
import sys
sys.modules["skopt"] = sys.modules["sklearn"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in ("skopt", "sklearn") else find(name)
import numpy as np
from lib_rimo.errors import SettingsError
from lib_rimo.search import run_search
problem = dict(n_partners=1, n_groups=2, bounds=(0, 1), budget_images=64, pool_size=16, seed=0)
found = run_search(lambda w, ids: 0.5 + 0.1 * w.mean() + 0 * ids, **problem)
assert found.images > 50
try:
    run_search(lambda w, ids: 0 * ids, **problem, strategy="skopt")
except SettingsError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    assert "not installed. Found: skopt. Wanted: skopt" in ran.stdout
