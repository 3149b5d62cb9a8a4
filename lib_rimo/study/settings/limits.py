"""Limits and ties as the user writes them, read once.

Notation
    name   a block group, a partner's file with or without its ending, or ``PARTNER/GROUP``
    limit  ``NAME=LOW:HIGH``, or ``NAME=0``; of several for a weight the last one counts
    tie    ``NAME,NAME`` and so on; what a partner has in all of them is one weight. A partner alone: all its groups
"""

from __future__ import annotations

import math
from typing import NamedTuple

from lib_rimo.errors import SettingsError
from lib_rimo.study.settings.numbers import shortest


class Limit(NamedTuple):
    """Lowest and highest weight of whatever has the name."""

    name: str
    low: float
    high: float

    @classmethod
    def from_text(cls, text: str) -> Limit:
        """Reads a limit.

        Raises:
            SettingsError: It is none, or leaves out zero.
        """
        name, _, ends = text.rpartition("=")
        try:
            low, high = [float(end) for end in ends.split(":")] * (1 if ":" in ends else 2)
        except ValueError:
            low = high = math.nan
        if not name.strip() or not -math.inf < low <= high < math.inf:
            raise SettingsError(
                "limits",
                "The limit cannot be read",
                found=repr(text),
                wanted="name=lowest:highest, or name=0",
            )
        if not low <= 0 <= high:
            raise SettingsError(
                "limits",
                "The limit leaves out weight zero, which is the base itself",
                found=repr(text),
                wanted="zero between the two",
                fix="To keep another weight, begin with a mix that has it and allow only 0 on top",
            )
        return cls(name.strip(), low, high)

    def to_text(self) -> str:
        """As ``from_text`` reads it."""
        ends = {self.low: shortest(self.low), self.high: shortest(self.high)}
        return f"{self.name}={':'.join(ends.values())}"


class Tie(NamedTuple):
    """Names of what has one weight."""

    names: tuple[str, ...]

    @classmethod
    def from_text(cls, text: str) -> Tie:
        """Reads a tie."""
        return cls(tuple(name.strip() for name in text.split(",")))

    def to_text(self) -> str:
        """As ``from_text`` reads it."""
        return ",".join(self.names)
