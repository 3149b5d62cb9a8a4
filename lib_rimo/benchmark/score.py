"""A picture's score, as journals and caches keep it: the tags that were found, and what further scorers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lib_rimo.errors import JournalError


@dataclass(frozen=True, slots=True)
class ImageScore:
    """One picture's score.

    Attributes:
        prompt_id: Of the prompt in its pool.
        hits: Whether each of the prompt's tags was found, in the order of ``Prompt.tags``.
        probabilities: The tagger's probability of each, in the same order.
        values: Scorer -> its value in [0, 1], of the scorers beside ``tags``.
    """

    prompt_id: int
    hits: tuple[bool, ...]
    probabilities: tuple[float, ...]
    values: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.hits or len(self.hits) != len(self.probabilities):
            raise ValueError(f"{len(self.hits)} hits and {len(self.probabilities)} probabilities")

    @property
    def accuracy(self) -> float:
        """Share of the prompted tags that were found."""
        return sum(self.hits) / len(self.hits)

    @property
    def soft(self) -> float:
        """Mean probability of the prompted tags, the value of the scorer ``tags``."""
        return sum(self.probabilities) / len(self.probabilities)

    def to_json(self) -> dict[str, Any]:
        """A compact plain form for the journal; ``from_json`` gives the equal score back."""
        plain: dict[str, Any] = {
            "id": self.prompt_id,
            "hits": "".join("01"[hit] for hit in self.hits),
            "p": list(self.probabilities),
        }
        return {**plain, "values": dict(self.values)} if self.values else plain

    @classmethod
    def from_json(cls, data: object) -> ImageScore:
        """Reads what ``to_json`` wrote.

        Raises:
            JournalError: The data is not a score.
        """
        try:
            if not isinstance(data, Mapping) or set(data["hits"]) - {"0", "1"}:
                raise TypeError("not a score")
            return cls(
                int(data["id"]),
                tuple(hit == "1" for hit in data["hits"]),
                tuple(float(p) for p in data["p"]),
                {str(name): float(value) for name, value in dict(data.get("values", {})).items()},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError("An image's score is damaged", found=repr(data)[:200]) from error
