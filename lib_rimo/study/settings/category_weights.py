"""How much each tag category counts, as the user writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lib_rimo.benchmark.tags import with_suggestions
from lib_rimo.errors import SettingsError
from lib_rimo.said import say
from lib_rimo.study.settings.numbers import shortest


class CategoryWeight(NamedTuple):
    """A category that counts more or less; those that are not named weigh 1, and at 0 one does not count."""

    name: str
    weight: float

    @classmethod
    def from_text(cls, text: str) -> CategoryWeight:
        """Reads ``category=weight``.

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
                "category_weights",
                "The weight of a category cannot be read",
                found=repr(text),
                wanted="category=weight, with a weight of 0 or more",
            )
        return cls(name.strip(), weight)

    def to_text(self) -> str:
        """As ``from_text`` reads it."""
        return f"{self.name}={shortest(self.weight)}"


def category_weights(given: Sequence[CategoryWeight], known: Sequence[str]) -> Mapping[str, float]:
    """Weights by category, of those that are named; the last one counts.

    Args:
        given: As chosen.
        known: The catalogue's categories.

    Raises:
        SettingsError: There is no such category, or none would count.
    """
    for category in given:
        if category.name not in known:
            raise SettingsError(
                "category_weights",
                "The catalogue has no such category",
                found=with_suggestions([category.name], known),
                wanted=", ".join(known),
            )
    out = dict(given)
    if out and not any(out.get(name, 1.0) for name in known):
        raise SettingsError(
            "category_weights",
            "No category counts",
            found=say("weight 0 for all of them"),
            wanted="at least one above 0",
        )
    return out
