"""How much each scorer counts in a search, as the user writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lib_rimo.benchmark.scorer import TAGS
from lib_rimo.benchmark.scoring import SCORERS
from lib_rimo.benchmark.tags import with_suggestions
from lib_rimo.errors import SettingsError
from lib_rimo.said import say
from lib_rimo.study.settings.numbers import shortest


class ScorerWeight(NamedTuple):
    """A scorer that the search looks at; at 0 it is measured and does not count."""

    name: str
    weight: float

    @classmethod
    def from_text(cls, text: str) -> ScorerWeight:
        """Reads ``scorer=weight``. Whether there is such a scorer is looked up later: a package may have gone.

        Raises:
            SettingsError: It is something else.
        """
        name, _, number = text.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not name.strip() or not 0.0 <= weight < float("inf"):
            raise SettingsError(
                "scorers",
                "The weight of a scorer cannot be read",
                found=repr(text),
                wanted="scorer=weight, with a weight of 0 or more",
            )
        return cls(name.strip(), weight)

    def to_text(self) -> str:
        """As ``from_text`` reads it."""
        return f"{self.name}={shortest(self.weight)}"


def scorer_weights(given: Sequence[ScorerWeight]) -> Mapping[str, float]:
    """The share of the whole that each scorer counts; of a name that comes twice the last one counts.

    Args:
        given: As chosen; empty means the tags alone.

    Returns:
        Scorer -> share; the shares add up to 1.

    Raises:
        SettingsError: There is no such scorer, or none would count.
    """
    out = dict(given) or {TAGS: 1.0}
    for name in out:
        if name not in SCORERS:
            raise SettingsError(
                "scorers",
                "There is no such scorer",
                found=with_suggestions([name], SCORERS.names()),
                wanted=", ".join(SCORERS.names()),
                fix=". ".join(str(problem) for problem in SCORERS.problems()),
            )
    whole = sum(out.values())
    if not whole:
        raise SettingsError(
            "scorers",
            "No scorer counts",
            found=say("weight 0 for all of them"),
            wanted="at least one above 0",
        )
    return {name: weight / whole for name, weight in out.items()}
