"""Two checkpoints whose best mix is known, made of a base and what became of it by further training.

With d the difference of the two, the one checkpoint has d in the first half of the network (text encoder, input and
middle blocks) and the opposite of some of it in the other half (output blocks); the other one the reverse. The first
half of the one with the other half of the other is the trained checkpoint itself. Weights of block groups reach that;
one weight per checkpoint does not: equal weights of w give the base plus ``w * (1 - harm) * d``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lib_rimo.merging.mix.partition import load_partition

HARM = 0.5
"""Share of the difference that is taken away where a checkpoint shall be bad."""
PARTITION = "theater"
FIRST = ("in0-6", "in7", "in8+", "mid", "text")
"""Groups of the partition in which the first checkpoint has the difference; the second has it in all others."""

Array = NDArray[np.generic]


def opposed(
    base: Mapping[str, Array], trained: Mapping[str, Array], harm: float = HARM
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The two checkpoints.

    Args:
        base: Tensors by their names in a checkpoint; only those in float16 are changed.
        trained: The same, trained on.
        harm: Share of the difference that each has with the other sign in its bad half.
    """
    partition = load_partition(PARTITION)
    pair: tuple[dict[str, Array], dict[str, Array]] = ({}, {})
    for name, old in base.items():
        new = trained[name]
        if old.dtype != np.float16 or np.array_equal(old, new):
            pair[0][name] = pair[1][name] = old
            continue
        difference = new.astype(np.float32) - old.astype(np.float32)
        spoiled = (old.astype(np.float32) - np.float32(harm) * difference).astype(np.float16)
        good = 0 if partition.group_of(name) in FIRST else 1
        pair[good][name], pair[1 - good][name] = new, spoiled
    return pair


def known_best(groups: tuple[str, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Weights of the two checkpoints, one for each group, whose mix is the trained checkpoint bit for bit."""
    first = tuple(1.0 if group in FIRST else 0.0 for group in groups)
    return first, tuple(1.0 - weight for weight in first)
