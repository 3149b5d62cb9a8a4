"""What mattered: decisions and ranges, held against functions whose groups are known."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.errors import StudyError
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.search.history import Observation
from lib_rimo.search.landscape import Landscape
from lib_rimo.search.posterior import Posterior
from lib_rimo.search.strategy import make_strategy
from lib_rimo.study.analysis import sensitivity
from lib_rimo.study.analysis.block_labels import parts_of
from lib_rimo.study.record.record import StudyRecord
from tests.study.conftest import Workshop, played

PARTNERS, REAL, IDLE, POOL = 2, 7, 2, 200


@functools.cache
def searched(kind: str, seed: int, images: int) -> tuple[Posterior, Landscape]:
    """A search in which the last groups are weights that nothing depends on."""
    land = Landscape(kind, PARTNERS, REAL, seed, POOL)
    search = make_strategy(
        "random",
        n_partners=PARTNERS,
        n_groups=REAL + IDLE,
        bounds=(land.kind.low, land.kind.high),
        budget_images=images,
        pool_size=POOL,
        seed=seed,
    )
    history: list[Observation] = []
    while (proposal := search.ask(history)) is not None:
        weights = np.array(proposal.weights)[:, :REAL]
        history.append(proposal.answered(land.score(weights, np.array(proposal.prompt_ids)).tolist()))
    return sensitivity.model_of(history, REAL + IDLE, (land.kind.low, land.kind.high)), land


def true_shares(known: Posterior, land: Landscape) -> np.ndarray:
    """Shares of effect by brute force, in the region that the sensitivity looks at."""
    rng = np.random.default_rng(1)
    best = known.table.weights[int(np.argmax(known.mean))].reshape(PARTNERS, -1)
    low = np.maximum(best - sensitivity.HALF_WIDTH, land.kind.low)
    high = np.minimum(best + sensitivity.HALF_WIDTH, land.kind.high)
    first, second = (rng.uniform(low, high, size=(3000, *best.shape)) for _ in range(2))
    effects = []
    for g in range(REAL + IDLE):
        turned = first.copy()
        turned[:, :, g] = second[:, :, g]
        gap = land.truth(turned[:, :, :REAL]) - land.truth(first[:, :, :REAL])
        effects.append(float((gap**2).mean()))
    return np.array(effects) / sum(effects)


@pytest.mark.parametrize(("kind", "seed"), [("small", 0), ("mixed", 1), ("sparse", 2)])
def test_decisions_are_right_where_they_are_made(kind: str, seed: int) -> None:
    """After 1,500 pictures no group that carries the gain is called dead, and none without any is said to matter."""
    known, land = searched(kind, seed, 1500)
    truth = true_shares(known, land)
    said = [sensitivity.verdict(e) for e in sensitivity.group_evidence(known)]
    assert said[int(np.argmax(truth))] == "matters"
    assert "dead" not in [said[g] for g in range(REAL) if truth[g] > 0.15]
    assert "matters" not in said[REAL:]


def test_ranges_hold_the_truth_about_as_often_as_they_say() -> None:
    """Of the true shares of three searches at least four in five lie within their 95 % ranges."""
    inside = []
    for kind, seed in (("small", 0), ("mixed", 1), ("sparse", 2)):
        known, land = searched(kind, seed, 1500)
        effects = sensitivity.total_effects(known, (land.kind.low, land.kind.high))
        shares = sensitivity.effect_shares(effects, sensitivity.group_evidence(known))
        low, high = np.quantile(shares, (0.025, 0.975), axis=0)
        truth = true_shares(known, land)
        inside += [bool(a <= t <= b) for a, t, b in zip(low, truth, high, strict=True)]
    assert np.mean(inside) >= 0.8


def test_little_evidence_claims_little() -> None:
    """After a few trials no group is called dead, and the ranges are wide."""
    known, land = searched("small", 3, 200)
    evidence = sensitivity.group_evidence(known)
    assert "dead" not in [sensitivity.verdict(e) for e in evidence]
    shares = sensitivity.effect_shares(
        sensitivity.total_effects(known, (land.kind.low, land.kind.high)), evidence
    )
    low, high = np.quantile(shares, (0.025, 0.975), axis=0)
    assert np.mean(high - low) > 0.2


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.lists(st.floats(-2000, 2000), min_size=12, max_size=12))
def test_shares_are_shares(groups: int, evidence: list[float]) -> None:
    """Whatever the evidence, shares are from 0 to 1 and add up to 1, or to 0 where no group has an effect."""
    effects = np.random.default_rng(0).uniform(1e-9, 1.0, size=(sensitivity.DRAWS, groups))
    shares = sensitivity.effect_shares(effects, np.array(evidence[:groups]))
    total = shares.sum(axis=1)
    assert ((shares >= 0) & (shares <= 1 + 1e-9)).all()
    assert (np.isclose(total, 1.0) | (total == 0)).all()


def test_too_few_trials_are_told(workshop: Workshop) -> None:
    """Before there is evidence nothing is said, in a sentence."""
    study = played(workshop, budget=64, unseen=8, epochs=1)
    record = workshop.studies.record(study)
    short = StudyRecord.begin(record.opened)
    with pytest.raises(StudyError, match="too few trials"):
        sensitivity.Sensitivity().of(short)


@pytest.mark.parametrize("name", ["theater", "ro", "mbw", "coarse"])
def test_every_group_has_a_place(name: str) -> None:
    """The blocks of all groups together are each block once, and every group has words."""
    partition = load_partition(name)
    parts = parts_of(partition.groups, partition)
    for family in ("input", "output"):
        assert sorted(b for part in parts.values() for b in part[family]) == list(range(12))
    assert sum(part["middle"] for part in parts.values()) == 1
    assert all(part["part"] and part["label"][0].isupper() for part in parts.values())
