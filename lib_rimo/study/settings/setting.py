"""What everybody who asks for a setting needs to know of it: command line, form, checks, saved files, README.

A setting is a field of ``ScoringOptions``, ``ImageOptions``, ``SearchOptions`` or ``StudySettings``, made by
``setting``. That entry, and two translations of its texts, is all there is to adding one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Concatenate, Literal, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ABOUT = "about"
"""Where a field's metadata holds its ``Setting``."""

Kind = Literal["number", "text", "lines", "long", "flag", "groups", "choice", "tagger", "own"]
"""How the form asks: a number, a line, lines that are one value each, a text of several lines, a yes or no, block
groups, one of several names, a tagger's name or folder, or an input that the form lays out by itself."""

Choices = Mapping[str, str] | Callable[[], Mapping[str, str]]
"""Labels by value, or what gives those that can be chosen now."""


class Row(IntEnum):
    """Rows of the form, from top to bottom; a setting that names none stands in the last."""

    READS = 0  # in sight; all others are folded away
    SEED = 1
    SIZE = 2
    EPOCHS = 3
    TAGS = 4
    BOUNDS = 5
    CONSTRAINTS = 6
    PICTURE = 7
    PROMPT = 8
    TAG_LIST = 9
    SCORE = 10
    GRID = 11
    SEARCH = 12
    READING = 13
    START = 14
    MORE = 15


class Recorded(Enum):
    """Where a saved file says a setting."""

    SEARCH = "search"
    BENCHMARK = "benchmark"
    NAME = "benchmark, as the name of a file without its folder"


@dataclass(frozen=True, slots=True)
class End:
    """One of the two numbers of a setting that is a pair; each has an input of its own.

    Attributes:
        name: Of the input.
        label: What stands above it.
        reason: Why one would leave it, beside it.
    """

    name: str
    label: str
    reason: str


@dataclass(frozen=True, slots=True)
class Setting:
    """All that is said of a setting but its name, its type and its default, which its field has.

    Attributes:
        label: What stands above its input.
        reason: Why one would leave it, beside the input.
        help: What it does, for command line and README: less than a sentence.
        unset: What holds where the default is that nothing is given.
        ends: The two inputs of a pair.
        row: Of the form.
        kind: How the form asks; None follows from the type.
        no_field: Why the form does not ask for it; empty if it does.
        option: Of the command line; empty for the setting's name.
        metavar: What its value is called there, both for a pair.
        repeat: Whether the option is given once for each value.
        no_option: Why it is no option; empty if it is.
        least: Lowest number.
        most: Highest number: above, it is a slip of the finger rather than a request.
        between: Whether ``least`` and ``most`` themselves are out.
        step: What a number is a multiple of.
        choices: What can be chosen; None where that is not one of several names.
        recorded: Where a saved file says it, or why it does not.
    """

    label: str = ""
    reason: str = ""
    help: str = ""
    unset: str = "none"
    ends: tuple[End, ...] = ()
    row: Row = Row.MORE
    kind: Kind | None = None
    no_field: str = ""
    option: str = ""
    metavar: str | tuple[str, str] | None = None
    repeat: bool = False
    no_option: str = ""
    least: float | None = None
    most: float | None = None
    between: bool = False
    step: int = 1
    choices: Choices | None = None
    recorded: Recorded | str = Recorded.SEARCH

    @property
    def labels(self) -> Mapping[str, str]:
        """What can be chosen now: labels by value; empty where that is not one of several names."""
        if self.choices is None:
            return {}
        return self.choices if isinstance(self.choices, Mapping) else self.choices()


def _field(make: Callable[P, Setting]) -> Callable[Concatenate[T, P], T]:
    def made(default: T, /, *args: P.args, **kwargs: P.kwargs) -> T:
        out: T = dataclasses.field(default=default, metadata={ABOUT: make(*args, **kwargs)})
        return out

    return made


setting = _field(Setting)
"""A field with its default, then what ``Setting`` takes."""
