"""Going on from a study's best mix with fewer block groups, so that the images go where something can be gained."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from lib_rimo.errors import SettingsError
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.settings.settings import StudySettings


def frozen_from(record: StudyRecord, groups: Sequence[str]) -> StudySettings:
    """The settings of a study that begins with this one's best mix and does not search some groups.

    The frozen groups keep the weights that they have in that mix. The seed is the next one: on the same prompts, what
    was luck in the first study would count a second time.

    Args:
        record: The study so far.
        groups: To freeze, of those that it searched.

    Raises:
        SettingsError: A group was not searched, or none would be left.
    """
    searched = record.opened.groups
    if not groups:
        raise SettingsError("groups", "No block group is chosen", wanted=", ".join(searched))
    for group in groups:
        if group not in searched:
            raise SettingsError(
                "groups", "This block group was not searched", found=group, wanted=", ".join(searched)
            )
    if set(groups) == set(searched):
        raise SettingsError(
            "groups",
            "All block groups would be frozen",
            found=", ".join(groups),
            fix="Leave at least one free",
        )
    best, search = record.best(), record.settings.search
    return dataclasses.replace(
        record.settings,
        search=dataclasses.replace(
            search, frozen=(*search.frozen, *groups), start=best if best.groups() else None
        ),
        seed=record.settings.seed + 1,
    )
