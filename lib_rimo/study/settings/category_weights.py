"""How much each tag category counts, as the user writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lib_rimo.benchmark.tags import with_suggestions
from lib_rimo.errors import SettingsError


def category_weights(texts: Sequence[str], known: Sequence[str] | None = None) -> Mapping[str, float]:
    """Reads ``category=weight``.

    Args:
        texts: As typed. Categories that are not named weigh 1; at 0 a category does not count.
        known: The catalogue's categories; None where it is not open yet.

    Raises:
        SettingsError: See ``Objective``.
    """
    out: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        name = name.strip()
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not name or not 0.0 <= weight < float("inf"):
            raise SettingsError(
                "category_weights",
                "The weight of a category cannot be read",
                found=repr(text),
                wanted="category=weight, with a weight of 0 or more",
            )
        if known is not None and name not in known:
            raise SettingsError(
                "category_weights",
                "The catalogue has no such category",
                found=with_suggestions([name], known),
                wanted=", ".join(known),
            )
        out[name] = weight
    if out and known is not None and not any(out.get(name, 1.0) for name in known):
        raise SettingsError(
            "category_weights",
            "No category counts",
            found="weight 0 for all of them",
            wanted="at least one above 0",
        )
    return out
