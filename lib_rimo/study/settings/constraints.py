"""Guided search: bounds of their own for block groups and partners, and weights that are searched as one.

Notation
    name   a block group, a partner's file with or without its ending, or ``PARTNER/GROUP``
    limit  ``NAME=LOW:HIGH``, or ``NAME=0``; of several for a weight the last one counts
    tie    ``NAME,NAME`` and so on; what a partner has in all of them is one weight. A partner alone: all its groups

Every limit holds weight zero: an epoch begins with it, and nothing else wins unless it is better. So a part that shall
keep another weight is not limited to that: begin with a recipe that has it, and allow nothing but 0 on top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib_rimo.benchmark.tags import with_suggestions
from lib_rimo.errors import SettingsError
from lib_rimo.search.history import Floats, Ints
from lib_rimo.search.strategy import find_strategy
from lib_rimo.study.settings.settings import StudySettings


class Limit(NamedTuple):
    """Lowest and highest weight of whatever has the name."""

    name: str
    low: float
    high: float


class Constraints(NamedTuple):
    """What guides a search.

    Attributes:
        bounds: Lowest and highest weights, shape ``(n_partners, n_groups, 2)``.
        ties: Weights of one label are equal, shape ``(n_partners, n_groups)``.
    """

    bounds: Floats
    ties: Ints


def guide(settings: StudySettings, partners: Sequence[str], groups: Sequence[str]) -> Constraints:
    """The guide of some partners; names of others, and of groups that are not searched, do not concern it.

    Args:
        settings: A study's.
        partners: File names, one for each row of weights.
        groups: The searched block groups, one for each column.

    Raises:
        SettingsError: A limit cannot be read.
    """
    shape = (len(partners), len(groups))
    bounds = np.tile(np.asarray(settings.bounds, dtype=np.float64), (*shape, 1))
    for limit in limits(settings.limits):
        bounds[_meant(limit.name, partners, groups)] = limit.low, limit.high
    ties = np.arange(len(partners) * len(groups), dtype=np.intp).reshape(shape)
    for tie in settings.ties:
        for labels, tied in zip(ties, _tied(tie, partners, groups), strict=True):
            if tied.any():  # what a member was tied to before comes along
                labels[np.isin(labels, labels[tied])] = labels[tied].min()
    return Constraints(bounds, ties)


def check_constraints(
    settings: StudySettings, partners: Sequence[str], known: Sequence[str], searched: Sequence[str]
) -> None:
    """Says which limits and ties could not work.

    Args:
        settings: A study's.
        partners: File names of all partners.
        known: All block groups, frozen ones included.
        searched: Those that are searched.

    Raises:
        SettingsError: One cannot be read, names nothing or two things, or leaves out zero; a tie has one member; or an
            epoch could have no weight to search. It carries the field.
    """
    if settings.limits and not find_strategy(settings.strategy).keeps_bounds:
        raise SettingsError(
            "limits",
            "This strategy tries mixes outside the limits",
            found=settings.strategy,
            wanted="another strategy, or no limits",
        )
    for limit in limits(settings.limits):
        _check_name("limits", limit.name, partners, known)
    for tie in settings.ties:
        for name in _names(tie):
            _check_name("ties", name, partners, known)
        if _tied(tie, partners, known).sum(axis=1).max() < 2:
            raise SettingsError("ties", "Nothing is tied to it", found=tie, wanted="two or more block groups")
    guided = guide(settings, partners, searched)
    shut = [p for p, *of in zip(partners, guided.bounds, guided.ties, strict=True) if not _moves(*of)]
    if len(shut) >= min(settings.partners_per_epoch, len(partners)):
        raise SettingsError(
            "limits",
            "An epoch could have no weight to search",
            found=f"nothing but 0 for {', '.join(shut)}",
            wanted="room for a weight",
            fix="Widen a limit, or leave these partners out",
        )


def limits(texts: Sequence[str]) -> list[Limit]:
    """Reads limits.

    Raises:
        SettingsError: One is no limit, or leaves out zero.
    """
    out = []
    for text in texts:
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
        out.append(Limit(name.strip(), low, high))
    return out


def _check_name(field: str, name: str, partners: Sequence[str], known: Sequence[str]) -> None:
    names = [*known, *partners]
    if not _meant(name, partners, known).any():
        raise SettingsError(
            field,
            "No block group and no partner has this name",
            found=with_suggestions([name], names),
            wanted=f"one of {', '.join(names)}",
        )
    if name in known and _called(name, partners).any():
        raise SettingsError(
            field,
            "A block group and a partner have this name",
            found=name,
            fix="Write the partner's file name with its ending",
        )


def _names(tie: str) -> list[str]:
    return [name.strip() for name in tie.split(",")]


def _tied(tie: str, partners: Sequence[str], groups: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which weights a tie names, shape ``(n_partners, n_groups)``."""
    out: npt.NDArray[np.bool_] = np.any([_meant(name, partners, groups) for name in _names(tie)], axis=0)
    return out


def _meant(name: str, partners: Sequence[str], groups: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which weights have a name, shape ``(n_partners, n_groups)``."""
    partner, _, group = name.rpartition("/")
    own = _called(partner, partners) & (np.array(groups) == group)
    out: npt.NDArray[np.bool_] = own | _called(name, partners) | (np.array(groups) == name)
    return out


def _called(name: str, partners: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which partners have a name, shape ``(n_partners, 1)``."""
    return np.array([[name in (partner, PurePath(partner).stem)] for partner in partners])


def _moves(bounds: Floats, labels: Ints) -> bool:
    """Whether a partner has a weight that is not frozen; tied ones have their narrowest bounds, with zero in all."""
    tied = [bounds[labels == label] for label in np.unique(labels)]
    return any(of[:, 0].max() < of[:, 1].min() for of in tied)
