"""Guided search: bounds of their own for block groups and partners, and weights that are searched as one.

``limits`` says how they are written. Every limit holds weight zero: an epoch begins with it, and nothing else wins
unless it is better. So a part that shall keep another weight is not limited to that: begin with a recipe that has it,
and allow nothing but 0 on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib_rimo.benchmark.tags import with_suggestions
from lib_rimo.errors import SettingsError
from lib_rimo.said import say
from lib_rimo.search.history import Floats, Ints
from lib_rimo.search.strategy import find_strategy
from lib_rimo.study.settings.limits import Tie
from lib_rimo.study.settings.search import SearchOptions


class Constraints(NamedTuple):
    """What guides a search.

    Attributes:
        bounds: Lowest and highest weights, shape ``(n_partners, n_groups, 2)``.
        ties: Weights of one label are equal, shape ``(n_partners, n_groups)``.
    """

    bounds: Floats
    ties: Ints


def guide(search: SearchOptions, partners: Sequence[str], groups: Sequence[str]) -> Constraints:
    """The guide of some partners; names of others, and of groups that are not searched, do not concern it.

    Args:
        search: A study's.
        partners: File names, one for each row of weights.
        groups: The searched block groups, one for each column.
    """
    shape = (len(partners), len(groups))
    bounds = np.tile(np.asarray(search.bounds, dtype=np.float64), (*shape, 1))
    for limit in search.limits:
        bounds[_meant(limit.name, partners, groups)] = limit.low, limit.high
    ties = np.arange(len(partners) * len(groups), dtype=np.intp).reshape(shape)
    for tie in search.ties:
        for labels, tied in zip(ties, _tied(tie, partners, groups), strict=True):
            if tied.any():  # what a member was tied to before comes along
                labels[np.isin(labels, labels[tied])] = labels[tied].min()
    return Constraints(bounds, ties)


def check_constraints(
    search: SearchOptions, partners: Sequence[str], known: Sequence[str], searched: Sequence[str]
) -> None:
    """Says which limits and ties could not work.

    Args:
        search: A study's.
        partners: File names of all partners.
        known: All block groups, frozen ones included.
        searched: Those that are searched.

    Raises:
        SettingsError: One names nothing or two things, a tie has one member, or an epoch could have no weight to
            search. It carries the field.
    """
    if search.limits and not find_strategy(search.strategy).keeps_bounds:
        raise SettingsError(
            "limits",
            "This strategy tries mixes outside the limits",
            found=search.strategy,
            wanted="another strategy, or no limits",
        )
    for limit in search.limits:
        _check_name("limits", limit.name, partners, known)
    for tie in search.ties:
        for name in tie.names:
            _check_name("ties", name, partners, known)
        if _tied(tie, partners, known).sum(axis=1).max() < 2:
            raise SettingsError(
                "ties", "Nothing is tied to it", found=tie.to_text(), wanted="two or more block groups"
            )
    guided = guide(search, partners, searched)
    shut = [p for p, *of in zip(partners, guided.bounds, guided.ties, strict=True) if not _moves(*of)]
    if len(shut) >= min(search.partners_per_epoch, len(partners)):
        raise SettingsError(
            "limits",
            "An epoch could have no weight to search",
            found=say("nothing but 0 for {1}", ", ".join(shut)),
            wanted="room for a weight",
            fix="Widen a limit, or leave these partners out",
        )


def _check_name(field: str, name: str, partners: Sequence[str], known: Sequence[str]) -> None:
    names = [*known, *partners]
    if not _meant(name, partners, known).any():
        raise SettingsError(
            field,
            "No block group and no partner has this name",
            found=with_suggestions([name], names),
            wanted=say("one of {1}", ", ".join(names)),
        )
    if name in known and _called(name, partners).any():
        raise SettingsError(
            field,
            "A block group and a partner have this name",
            found=name,
            fix="Write the partner's file name with its ending",
        )


def _tied(tie: Tie, partners: Sequence[str], groups: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which weights a tie names, shape ``(n_partners, n_groups)``."""
    out: npt.NDArray[np.bool_] = np.any([_meant(name, partners, groups) for name in tie.names], axis=0)
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
