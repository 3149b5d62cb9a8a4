"""Whether checkpoints can be mixed, and what of them cannot: asked by everything that mixes.

Names, shapes and number types are looked at, which costs nothing; numbers that are not finite show when they are mixed
(``save``), or are looked for before a long search.
"""

from __future__ import annotations

from collections.abc import Sequence

from lib_rimo.merging.architecture import check_same, recognise
from lib_rimo.merging.checkpoint import Checkpoint
from lib_rimo.merging.quantised import refuse_quantised
from lib_rimo.merging.recipe import Recipe
from lib_rimo.merging.sources import Sources


def check_mixable(
    base: Checkpoint, partners: Sequence[Checkpoint], *, mix_predictions: bool = False
) -> list[str]:
    """Checks that partners can be mixed into a base.

    Args:
        base: The one that everything else comes from.
        partners: The others.
        mix_predictions: Whether v-prediction and epsilon may be mixed; the user has to say so.

    Returns:
        Remarks for the user: what stays as in the base, and what kind of model the mix is drawn as.

    Raises:
        ArchitectureError: They are of different families or prediction types, or of no family that is known.
        CheckpointError: One of them is quantised.
    """
    recognise(base)
    refuse_quantised(base)
    return [note for p in partners for note in _compared(base, p, mix_predictions=mix_predictions)]


def check_recipe(recipe: Recipe, sources: Sources, *, mix_predictions: bool = False) -> list[str]:
    """The same for a recipe's files; partners without a weight do not matter.

    Raises:
        CheckpointError: A file is missing, or as ``check_mixable``.
    """
    base, *partners = sources.open_all(recipe)
    return check_mixable(base, partners, mix_predictions=mix_predictions)


def _compared(base: Checkpoint, partner: Checkpoint, *, mix_predictions: bool) -> list[str]:
    report = check_same(base, partner, mix_predictions=mix_predictions)
    reasons = {"lacks": report.missing, "has another shape of": report.reshaped}
    notes = [
        f"{partner.name} {what} {len(keys)} tensors; they stay as in the base (the first is {keys[0]})."
        for what, keys in reasons.items()
        if keys
    ]
    ours, theirs = recognise(base), recognise(partner)
    if (theirs.predicts, theirs.zero_snr) != (ours.predicts, ours.zero_snr) and None not in (
        theirs.predicts,
        ours.predicts,
    ):
        kinds = [
            f"{a.predicts}-prediction{' with zero terminal SNR' if a.zero_snr else ''}"
            for a in (theirs, ours)
        ]
        notes.append(f"{partner.name} is drawn by {kinds[0]}, {base.name} and the mix by {kinds[1]}.")
    return notes
