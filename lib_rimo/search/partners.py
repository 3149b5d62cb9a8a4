"""Which partners an epoch meets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

import numpy as np

from lib_rimo.errors import SettingsError

T = TypeVar("T")


def draw_partners(
    candidates: Sequence[T], per_epoch: int, epoch: int, seed: int, *, exclude: Collection[T] = ()
) -> tuple[T, ...]:
    """The partners of an epoch, taken from a shuffled queue.

    The queue is one shuffle of all candidates after the other. Each epoch takes the next ones that are not excluded
    and that it does not have yet; what it skips over stays at the front for the next epoch. So every candidate comes
    about equally often, none twice in an epoch, and none that is the base itself.

    Args:
        candidates: What may be drawn; equal entries count once.
        per_epoch: How many are wanted.
        epoch: 1-based.
        seed: Of the shuffles.
        exclude: Candidates that no epoch may have: the base.

    Returns:
        ``per_epoch`` candidates, or all that there are in their own order.

    Raises:
        SettingsError: ``per_epoch`` or ``epoch`` is below 1.
    """
    for name, value in (("per_epoch", per_epoch), ("epoch", epoch)):
        if value < 1:
            raise SettingsError(name, f"{name} is out of range", found=value, wanted="at least 1")
    usable = [c for i, c in enumerate(candidates) if c not in exclude and c not in candidates[:i]]
    if len(usable) <= per_epoch:
        return tuple(usable)
    rng = np.random.default_rng([seed, 2])
    queue: list[T] = []
    drawn: list[T] = []
    for _ in range(epoch):
        drawn = []
        skipped: list[T] = []
        while len(drawn) < per_epoch:
            if not queue:
                queue = [usable[i] for i in rng.permutation(len(usable))]
            head = queue.pop(0)
            (skipped if head in drawn else drawn).append(head)
        queue = skipped + queue
    return tuple(drawn)
