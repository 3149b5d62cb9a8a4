"""What a mix is worth to the search: accuracy and further scorers, and what the user adds to it.

Only the search looks at it. Every accuracy that is shown is the plain share of prompted tags that were found.
"""

from __future__ import annotations

import numpy as np

from lib_rimo.benchmark.catalogue import Catalogue
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.benchmark.scorer import TAGS
from lib_rimo.benchmark.tags import tag_key
from lib_rimo.search.history import Observation, Weights
from lib_rimo.study.record.record import Trial
from lib_rimo.study.run.image_settings import PromptPools
from lib_rimo.study.settings.category_weights import category_weights
from lib_rimo.study.settings.scorer_weights import scorer_weights
from lib_rimo.study.settings.scoring import ScoringOptions

PER_PARTNER_WEIGHT = 0.005
MEAN_OF_EVERYONE = 0.05


class Objective:
    """Turns a study's trials into what its search sees.

    Args:
        scoring: What counts, the weights of scorers and categories, and the penalty.
        catalogue: Which category a tag is of.
        pools: Which tags a prompt asks for.

    Raises:
        SettingsError: A category or a scorer is unknown, or its weight is no number or below zero.
    """

    def __init__(self, scoring: ScoringOptions, catalogue: Catalogue, pools: PromptPools) -> None:
        self._scoring = scoring
        self._pools = pools
        self._scorers = scorer_weights(scoring.scorers)
        given = category_weights(scoring.category_weights, catalogue.categories)
        self._weights = {tag_key(t.name): given.get(t.category, 1.0) for t in catalogue} if given else {}

    def observation(self, trial: Trial) -> Observation:
        """A trial with one score in [0, 1] per picture."""
        less = penalty(trial.weights, self._scoring.penalty)
        scores = (min(1.0, max(0.0, self._worth(score, trial.epoch) - less)) for score in trial.scores)
        return Observation(trial.weights, trial.prompt_ids, tuple(scores), trial.stage)

    def _worth(self, score: ImageScore, epoch: int) -> float:
        """Mean over the scorers, each as it weighs."""
        return sum(
            weight * (self._tags(score, epoch) if name == TAGS else score.values[name])
            for name, weight in self._scorers.items()
        )

    def _tags(self, score: ImageScore, epoch: int) -> float:
        """Mean of a picture's tags, each as its category weighs; a prompt of which nothing weighs counts plainly."""
        found = score.probabilities if self._scoring.objective == "soft" else score.hits
        if not self._weights:
            return sum(found) / len(found)
        tags = self._pools.epoch(epoch)[score.prompt_id].tags
        weights = [self._weights.get(tag_key(tag), 1.0) for tag in tags]
        if not any(weights):
            return sum(found) / len(found)
        return sum(w * f for w, f in zip(weights, found, strict=True)) / sum(weights)


def penalty(weights: Weights, kind: str) -> float:
    """What is taken off the score of every picture of a recipe, at least 0.

    Args:
        weights: Shape ``(n_partners, n_groups)``.
        kind: ``partners`` takes half a percent off for each whole weight below zero. ``everyone`` takes 5 % off
            for a mean of -1 over base and partners, with negative weights alone counted. Empty: nothing.

    Source: upstream's Theater and RO scripts; the latter also weighs blocks by size, which is left out here, since
    groups are searched as equals.
    """
    if not kind:
        return 0.0
    partners = np.array(weights)
    if kind == "partners":
        return -PER_PARTNER_WEIGHT * float(np.minimum(partners, 0.0).sum())
    everyone = np.vstack([1.0 - partners.sum(axis=0), partners])
    return -MEAN_OF_EVERYONE * float(np.minimum(everyone, 0.0).mean())
