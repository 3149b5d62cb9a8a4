"""Contact fusions of one pair of checkpoints: made, measured at several ranks, and one of them proposed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib_rimo.benchmark.accuracy import micro, paired_difference
from lib_rimo.benchmark.image_statistics import LEAST_REFERENCE, Usual
from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.suite import MIXED, Suite, SuiteSettings
from lib_rimo.benchmark.suite_run import Candidate, Results
from lib_rimo.errors import SettingsError
from lib_rimo.said import say
from lib_rimo.study.measure.measurement import Measuring
from lib_rimo.study.mixes.contact_fusion import Fusion

COST = 0.02
"""Accuracy that a better shape may cost: about what an interval of a few hundred pictures can tell."""
IMAGES = 400
"""Prompts of a sweep unless others are asked for: that cost can just be told with them."""
KEPT, DONOR = "kept", "donor"
"""The arms that every sweep has besides its ranks."""


@dataclass(frozen=True, slots=True)
class RankResult:
    """What was measured of one rank, or of one of the two checkpoints.

    Attributes:
        rank: As text; ``KEPT`` and ``DONOR`` for the checkpoints themselves.
        accuracy: Share of prompted tags found.
        gain: Over the kept checkpoint.
        unusual: Share of pictures that are unusual among the donor's.
        captured: Share of the difference that was taken over.
    """

    rank: str
    accuracy: Interval
    gain: Interval
    unusual: Interval
    captured: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def sweep(
    measuring: Measuring,
    fusion: Fusion,
    pair: tuple[Candidate, Candidate],
    ranks: Sequence[str],
    images: int,
    run: Callable[[Sequence[Candidate], Suite], Results],
    *,
    seed: int = 0,
) -> dict[str, RankResult]:
    """Measures the kept checkpoint, the donor and each rank on the same prompts and noise.

    Args:
        measuring: What is set up.
        fusion: Of the two.
        pair: Kept and donor as candidates.
        ranks: As ``Fusion.ranks`` reads them.
        images: Prompts, one picture each.
        run: Measures candidates.
        seed: Of prompts and noise.

    Returns:
        By rank, kept and donor first.

    Raises:
        SettingsError: A rank is none, or there are too few images; it carries the field.
    """
    *_, arms = arms_as_known(
        measuring,
        fusion,
        pair,
        ranks,
        images,
        lambda candidates, suite: iter([run(candidates, suite)]),
        seed=seed,
    )
    return arms


def arms_as_known(
    measuring: Measuring,
    fusion: Fusion,
    pair: tuple[Candidate, Candidate],
    ranks: Sequence[str],
    images: int,
    run: Callable[[Sequence[Candidate], Suite], Iterator[Results]],
    *,
    seed: int = 0,
) -> Iterator[dict[str, RankResult]]:
    """As ``sweep``, step by step.

    Args:
        measuring: What is set up.
        fusion: Of the two.
        pair: Kept and donor as candidates.
        ranks: As ``Fusion.ranks`` reads them.
        images: Prompts, one picture each.
        run: Measures candidates in their order; gives all that is known again and again.
        seed: Of prompts and noise.

    Yields:
        The arms that are known, by rank, as soon as the kept checkpoint and the donor are among them.
    """
    if images < LEAST_REFERENCE:
        raise SettingsError(
            "images",
            "With so few images nobody can tell what is usual",
            found=images,
            wanted=say("at least {1}", LEAST_REFERENCE),
        )
    recipes = {rank: fusion.recipe(fusion.ranks([rank])) for rank in dict.fromkeys(ranks)}
    look = SuiteSettings(measuring.look, per_tag=0, many=(), mixed=images, seed=seed)
    suite = Suite(look, measuring.catalogue)
    # Decomposed before anything is drawn: nobody shall wait for that in the host's queue.
    captured = [0.0, 1.0, *(fusion.captured(recipe) for recipe in recipes.values())]
    candidates = [
        *pair,
        *(
            measuring.recipe(f"rank {r}", made, fusion.sources, fusion.partition)
            for r, made in recipes.items()
        ),
    ]
    prompts = suite.parts[0].prompts
    for results in run(candidates, suite):
        found = [parts[MIXED] for parts in results.values()]
        if len(found) < len(pair):
            continue
        usual = Usual.of(found[1].statistics)
        yield {
            rank: RankResult(
                rank,
                micro(prompts, of.scores),
                paired_difference(prompts, of.scores, found[0].scores),
                usual.unusual(of.statistics),
                share,
            )
            for rank, of, share in zip([KEPT, DONOR, *recipes], found, captured, strict=False)
        }


def proposed(arms: Mapping[str, RankResult], cost: float = COST) -> str | None:
    """The rank with the fewest unusual pictures among those that cost little; None if none beats the kept one."""
    better = [arm for arm in _of_fewer_unusual(arms) if arm.gain.mean >= -cost]
    best = min(better, key=lambda arm: (arm.unusual.mean, -arm.accuracy.mean), default=None)
    return None if best is None else best.rank


def reasons(arms: Mapping[str, RankResult], cost: float = COST) -> list[str]:
    """Why ``proposed`` says what it says, in sentences."""
    points = f"{100 * cost:g}"
    if (best := proposed(arms, cost)) is not None:
        told: list[str] = [
            say(
                "Rank {1} draws the fewest unusual pictures at no more than {2} points of accuracy.",
                best,
                points,
            )
        ]
        if arms[best].unusual.high >= arms[KEPT].unusual.low:
            told.append("Yet the intervals overlap, so it may be chance: more images would tell.")
        return told
    if _of_fewer_unusual(arms):
        return [say("Every rank with fewer unusual pictures costs more than {1} points of accuracy.", points)]
    return ["No rank draws fewer unusual pictures than there are without a repair."]


def _of_fewer_unusual(arms: Mapping[str, RankResult]) -> list[RankResult]:
    ranks = [arm for rank, arm in arms.items() if rank not in (KEPT, DONOR)]
    return [arm for arm in ranks if arm.unusual.mean < arms[KEPT].unusual.mean]
