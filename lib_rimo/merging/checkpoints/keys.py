"""What a checkpoint key belongs to: a text encoder, the VAE, a block of the network, or nothing that is merged.

The facts stand in the families' files; this module only asks them.
"""

from __future__ import annotations

from collections.abc import Iterable

from lib_rimo.merging.checkpoints.families import families, is_weight, place_of
from lib_rimo.merging.checkpoints.family import UNET, Place


def canonical_names(names: Iterable[str]) -> dict[str, str]:
    """Today's spelling of tensor names -> the spelling in the file.

    A name is only rewritten if that takes no other tensor's place.
    """
    renamed = tuple(dict.fromkeys(pair for family in families() for pair in family.renamed))
    olds = tuple(old for old, _ in renamed)
    stored = list(names)
    taken = set(stored)
    out: dict[str, str] = {}
    for name in stored:
        new = name
        for old_prefix, new_prefix in renamed if name.startswith(olds) else ():
            if name.startswith(old_prefix):
                new = new_prefix + name[len(old_prefix) :]
        out[name if new in taken else new] = name
    return out


__all__ = ["UNET", "Place", "canonical_names", "is_weight", "place_of"]
