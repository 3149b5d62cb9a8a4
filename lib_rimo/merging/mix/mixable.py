"""Whether checkpoints can be mixed, and what of them cannot: asked by everything that mixes.

Names, shapes and number types are looked at, which costs nothing; numbers that are not finite show when they are mixed
(``save``), or are looked for before a long search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from lib_rimo.errors import CheckpointError
from lib_rimo.merging.checkpoints.architecture import EDM_V, Architecture, check_same, recognise
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint, largest, not_finite
from lib_rimo.merging.checkpoints.quantised import refuse_quantised
from lib_rimo.merging.mix.merge import KeyPlan, Plan
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.said import say

LACKS = "{1} lacks {2} tensors; they stay as in the base (the first is {3})."
DIFFERS = "{1} has another shape of {2} tensors; they stay as in the base (the first is {3})."
LEFT_OUT_KEY = "rimo_left_out"
"""Says in a saved file's metadata what partners lacked; not there where they lacked nothing."""


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
    notes = []
    for partner in partners:
        report = check_same(base, partner, mix_predictions=mix_predictions)
        notes += lacking_notes({partner.name: (*report.missing, *report.reshaped)}, [partner])
        notes += kind_notes(base, partner)
    return notes


def check_recipe(
    recipe: Recipe, sources: Sources, partition: Partition, *, mix_predictions: bool = False
) -> list[str]:
    """The same for a recipe's files; partners without a weight do not matter, nor what has none in its block group.

    Raises:
        CheckpointError: A file is missing, or as ``check_mixable``.
        RecipeError: Recipe and partition do not fit together.
    """
    base, *partners = sources.open_all(recipe)
    recognise(base)
    refuse_quantised(base)
    for partner in partners:
        check_same(base, partner, mix_predictions=mix_predictions)
    notes = lacking_notes(left_out(recipe, sources, partition), partners)
    return [*notes, *(note for partner in partners for note in kind_notes(base, partner))]


def left_out(recipe: Recipe, sources: Sources, partition: Partition) -> dict[str, tuple[str, ...]]:
    """What partners should give to a mix but lack, or have in another shape; their share of it stays the base's.

    Args:
        recipe: What is mixed.
        sources: Its files.
        partition: The partition that the recipe's groups are of.

    Returns:
        Partner's name -> tensors.
    """
    plan = Plan(recipe, sources, partition)
    for _ in plan.plans():
        pass
    return lacking_of(plan)


def lacking_of(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The same for a plan of which every tensor was planned."""
    found = {name: tuple(keys) for name, keys in plan.lacking.items()}
    for source in plan.partners():
        for name, keys in source.left_out.items():
            found[name] = tuple(dict.fromkeys((*found.get(name, ()), *keys)))
    return found


def lacking_json(lacking: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """A plain form: partner's name -> how many tensors, and the first."""
    return {name: {"tensors": len(keys), "first": keys[0]} for name, keys in lacking.items() if keys}


def lacking_notes(lacking: Mapping[str, Sequence[str]], partners: Iterable[Checkpoint]) -> list[str]:
    """The same in sentences."""
    here = {partner.name: partner for partner in partners}
    notes: list[str] = []
    for name, keys in lacking.items():
        there = [key for key in keys if name in here and key in here[name]]
        for told, some in ((LACKS, [key for key in keys if key not in there]), (DIFFERS, there)):
            if some:
                notes.append(say(told, name, len(some), some[0]))
    return notes


def refuse_damaged(
    checkpoint: Checkpoint,
    keys: Iterable[str],
    check: Callable[[], None] = lambda: None,
    *,
    base: Checkpoint | None = None,
) -> list[str]:
    """Reads tensors and makes sure that all their numbers are finite.

    Args:
        checkpoint: Whose.
        keys: Their names.
        check: Called before each tensor; what it raises ends the reading.
        base: Into whose number types the numbers should fit.

    Returns:
        Tensors whose numbers do not fit there.

    Raises:
        CheckpointError: Some are not finite; the text says how many and which is the first.
    """
    bad = []
    large: list[str] = []
    for key in keys:
        check()
        most = largest(checkpoint.tensor(key))
        if not math.isfinite(most):
            bad.append(key)
        elif base is not None and most > _limit(base, key):
            large.append(key)
    if bad:
        raise CheckpointError(
            say("{1} holds numbers that are not finite", checkpoint.name),
            found=say("NaN or infinity in {1} tensors, the first is {2}", len(bad), bad[0]),
            wanted="a healthy checkpoint",
            fix="Leave it out, or repair it",
        )
    return large


def refuse_too_large(checkpoint: Checkpoint, base: Checkpoint, large: Sequence[str]) -> None:
    """Raises where a partner's numbers do not fit into the number types of a base that is live.

    Raises:
        CheckpointError: There are such tensors; the text says how many and which is the first.
    """
    if large:
        raise CheckpointError(
            say("{1} holds numbers that are too large for {2}", checkpoint.name, _type(base, large[0])),
            found=say(
                "{1} tensors beyond {2}, the first is {3}", len(large), _limit(base, large[0]), large[0]
            ),
            wanted=say("numbers that the tensors of {1} can hold", base.name),
            fix="Leave it out, or take a base in bf16 or fp32",
        )


def check_numbers(recipe: Recipe, sources: Sources, partition: Partition) -> list[str]:
    """Reads every tensor that a recipe mixes; what stays the base's is not looked at.

    Returns:
        Remarks on numbers that the number types of the base cannot hold.

    Raises:
        CheckpointError: Some numbers are not finite, or a file is missing.
    """
    wanted: dict[str, tuple[Checkpoint, list[str]]] = {}
    for item in Plan(recipe, sources, partition).plans():
        for source in item.sources() if item.steps else ():
            wanted.setdefault(source.fingerprint, (source, []))[1].append(item.key)
    base = sources.open(recipe.base)
    notes: list[str] = []
    for source, keys in wanted.values():
        large = refuse_damaged(source, keys, base=base)
        if large:
            told = "{1} holds numbers that are too large for {2} in {3} tensors (the first is {4})."
            notes.append(say(told, source.name, _type(base, large[0]), len(large), large[0]))
    return notes


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
    if damaged and plan.is_base:
        return  # as it was: nothing was mixed
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
        fix="Choose another number type; nothing was saved",
        setting="number_type",
    )


def kind_notes(base: Checkpoint, partner: Checkpoint) -> list[str]:
    """What is told where the two are drawn in different ways."""
    ours, theirs = recognise(base), recognise(partner)
    if None in (ours.predicts, theirs.predicts) or _drawn_by(ours) == _drawn_by(theirs):
        return []
    told = "{1} is drawn by {2}, {3} and the mix by {4}."
    return [say(told, partner.name, _drawn_by(theirs), base.name, _drawn_by(ours))]


def _limit(base: Checkpoint, key: str) -> float:
    """The largest number that a tensor of the base can hold."""
    dtype = base.dtype(key) if key in base else torch.float32
    return torch.finfo(dtype).max if dtype.is_floating_point else math.inf


def _type(base: Checkpoint, key: str) -> str:
    return str(base.dtype(key)).removeprefix("torch.")


def _drawn_by(kind: Architecture) -> str:
    """What a model of this kind is drawn by, in words."""
    names = {"v": "v-prediction", EDM_V: "v-prediction on another scale of noise (EDM)"}
    name = say(names.get(str(kind.predicts), "epsilon-prediction"))
    return say("{1} with zero terminal SNR", name) if kind.zero_snr else name
