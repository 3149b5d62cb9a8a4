"""Whether checkpoints can be mixed, and what of them cannot: asked by everything that mixes.

Names, shapes and number types are looked at, which costs nothing; numbers that are not finite show when they are mixed
(``save``), or are looked for before a long search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch

from lib_rimo.errors import CheckpointError
from lib_rimo.merging.checkpoints.architecture import EDM_V, Architecture, check_same, recognise
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint, not_finite
from lib_rimo.merging.checkpoints.quantised import refuse_quantised
from lib_rimo.merging.mix.merge import KeyPlan
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.said import say


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


def refuse_damaged(
    checkpoint: Checkpoint, keys: Iterable[str], check: Callable[[], None] = lambda: None
) -> None:
    """Reads tensors and makes sure that all their numbers are finite.

    Args:
        checkpoint: Whose.
        keys: Their names.
        check: Called before each tensor; what it raises ends the reading.

    Raises:
        CheckpointError: Some are not; the text says how many and which is the first.
    """
    bad = []
    for key in keys:
        check()
        if checkpoint.nonfinite(key):
            bad.append(key)
    if bad:
        raise CheckpointError(
            say("{1} holds numbers that are not finite", checkpoint.name),
            found=say("NaN or infinity in {1} tensors, the first is {2}", len(bad), bad[0]),
            wanted="a healthy checkpoint",
            fix="Leave it out, or repair it",
        )


def refuse_damaged_recipe(recipe: Recipe, sources: Sources, partition: Partition) -> None:
    """The same for every tensor that a recipe mixes; what stays the base's is not looked at.

    Raises:
        CheckpointError: Some numbers are not finite, or a file is missing.
    """
    for checkpoint in sources.open_all(recipe):
        refuse_damaged(checkpoint, (k for k in checkpoint if partition.group_of(k) in recipe.groups()))


def refuse_overflow(plan: KeyPlan, merged: torch.Tensor) -> None:
    """Makes sure that a tensor that was mixed, or rounded to another number type, came out in finite numbers.

    Args:
        plan: How it came about.
        merged: Its numbers, as they are written.

    Raises:
        CheckpointError: It did not; the text says whose fault it is.
    """
    if (plan.is_base and plan.spec.dtype == plan.base.dtype(plan.key)) or not not_finite(merged):
        return
    damaged = [checkpoint.name for checkpoint in plan.sources() if checkpoint.nonfinite(plan.key)]
    if damaged:
        raise CheckpointError(
            say("{1} holds numbers that are not finite", damaged[0]),
            found=say("NaN or infinity in {1}", plan.key),
            wanted="a healthy checkpoint",
            fix="Leave it out, or repair it; nothing was saved",
        )
    raise CheckpointError(
        say("The mix holds numbers that are too large for {1}", str(plan.spec.dtype).removeprefix("torch.")),
        found=say("infinity in {1}", plan.key),
        wanted="a number type that holds them, such as bf16 or fp32",
        fix="Choose another number type (--number-type); nothing was saved",
    )


def _compared(base: Checkpoint, partner: Checkpoint, *, mix_predictions: bool) -> list[str]:
    report = check_same(base, partner, mix_predictions=mix_predictions)
    lacks = "{1} lacks {2} tensors; they stay as in the base (the first is {3})."
    differs = "{1} has another shape of {2} tensors; they stay as in the base (the first is {3})."
    notes: list[str] = [
        say(told, partner.name, len(keys), keys[0])
        for told, keys in ((lacks, report.missing), (differs, report.reshaped))
        if keys
    ]
    ours, theirs = recognise(base), recognise(partner)
    if None not in (ours.predicts, theirs.predicts) and _drawn_by(ours) != _drawn_by(theirs):
        notes.append(
            say(
                "{1} is drawn by {2}, {3} and the mix by {4}.",
                partner.name,
                _drawn_by(theirs),
                base.name,
                _drawn_by(ours),
            )
        )
    return notes


def _drawn_by(kind: Architecture) -> str:
    """What a model of this kind is drawn by, in words."""
    names = {"v": "v-prediction", EDM_V: "v-prediction on another scale of noise (EDM)"}
    name = say(names.get(str(kind.predicts), "epsilon-prediction"))
    return say("{1} with zero terminal SNR", name) if kind.zero_snr else name
