"""Our recipes as SuperMerger and Model Mixer keep theirs, where these programs can express them.

Both have one weight per block of the network. Parts outside the blocks follow one of them (``foreign_webui`` says
which); where a recipe gives such a part another weight, weights of single elements or an excluded VAE say so. Weights
are written in full, so reading a recipe again gives the same mix bit for bit. What a program cannot express is refused
by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lib_rimo.errors import CheckpointError, RecipeError
from lib_rimo.merging.checkpoints.digest import file_sha256
from lib_rimo.merging.interop.blocks import by_block, cannot_express, sum_of
from lib_rimo.merging.interop.linear import BASE, REST, TEXT2, VAE
from lib_rimo.merging.interop.webui import (
    MODEL_MIXER,
    MODEL_MIXER_PARTS,
    SUPERMERGER,
    SUPERMERGER_PARTS,
)
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sources import Sources

SUPERMERGER_PARTNERS = 2
MODEL_MIXER_PARTNERS = 14
"""The most that its setting for the number of models allows; it offers 3 until that is raised."""
MODEL_MIXER_USUAL = 3
SLIDER = (-1.0, 2.0)
"""Range of the weight of a whole model in both; weights of blocks are typed as text and have no range."""
_TOLD = {
    VAE: "the VAE",
    REST: "the time embedding and the last convolution",
    TEXT2: "the second text encoder",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A recipe for another program.

    Attributes:
        text: The file: ``sd_merge_recipe`` and ``sd_merge_models`` as a checkpoint's metadata holds them.
        steps: What to enter in the program.
    """

    text: str
    steps: tuple[str, ...]


def write_supermerger(recipe: Recipe, sources: Sources, partition: Partition) -> Written:
    """A recipe for SuperMerger: a weighted sum of two models, or a triple sum.

    Args:
        recipe: Ours.
        sources: The base must be at hand; of the partners, hashes are written where they are.
        partition: The block groups of the recipe.

    Raises:
        RecipeError: SuperMerger cannot express it.
        CheckpointError: The base is missing.
    """
    recipe = sum_of(recipe, "SuperMerger")
    blocks = by_block(recipe, sources, partition, "SuperMerger")
    partners = recipe.used_partners()
    if len(partners) > SUPERMERGER_PARTNERS:
        raise cannot_express("SuperMerger", f"{len(partners)} partners", "one or two")
    used = range(len(partners))
    first, last = blocks.names[1], blocks.names[-1]
    left_out = any(blocks.weights[i].get(BASE) for i in used) and not any(
        blocks.weights[i].get(VAE) for i in used
    )
    other = {
        VAE: not left_out and any(blocks.other(i, VAE, BASE) for i in used),
        REST: any(blocks.other(i, REST, first, last) for i in used),
        TEXT2: any(blocks.other(i, TEXT2, BASE) for i in used),
    }
    if len(partners) > 1 and any(other.values()):
        raise cannot_express(
            "SuperMerger",
            "weights of their own for "
            + ", ".join(_TOLD[part] for part, is_other in other.items() if is_other),
            "with two partners: the weights of the blocks that they belong to there",
        )
    elements = _elements(SUPERMERGER_PARTS, blocks.weights[0], [part for part in other if other[part]])
    flat = [blocks.flat(i, *SLIDER) for i in used]
    by_blocks = any(weight is None for weight in flat)
    lists = [blocks.listed(i) for i in used]
    names, models = _models(recipe, sources, by_hash=True)
    alphas = [weights[0] if by_blocks else weight for weights, weight in zip(lists, flat, strict=True)]
    data: dict[str, Any] = {
        "type": SUPERMERGER,
        "model_a": names[0],
        "model_b": names[1],
        "model_c": names[-1] if len(partners) > 1 else None,
        "mode": "Triple sum" if len(partners) > 1 else "Weight sum",
        "mbw": by_blocks,
        "base_alpha": alphas[0],
        "base_beta": alphas[-1] if len(partners) > 1 else 0.0,
        "weights_alpha": lists[0][1:] if by_blocks else None,
        "weights_beta": lists[-1][1:] if by_blocks and len(partners) > 1 else None,
        "calcmode": "normal",
        "elemental_merge": elements,
        "Exclude" if left_out else "Off": [VAE] if left_out else [],
    }
    steps = [
        f"Model {letter}: {source.name}"
        for letter, source in zip("ABC", (recipe.base, *partners), strict=False)
    ]
    steps.append(f"Merge mode: {data['mode']}, calculation mode: normal")
    for name, weights, alpha in zip(("alpha", "beta"), lists, alphas, strict=False):
        steps.append(f"{name}, by blocks: {_typed(weights)}" if by_blocks else f"{name}: {alpha!r}")
    steps += [f"Elemental merge: {entry}" for entry in elements]
    steps += [f"Exclude: {VAE}"] if left_out else []
    return Written(_dump(data, models), tuple(steps))


def write_model_mixer(recipe: Recipe, sources: Sources, partition: Partition) -> Written:
    """A recipe for Model Mixer: one weighted sum, or differences from the base added one after the other.

    Args:
        recipe: Ours.
        sources: The base must be at hand; of the partners, hashes are written where they are.
        partition: The block groups of the recipe.

    Raises:
        RecipeError: Model Mixer cannot express it.
        CheckpointError: The base is missing.
    """
    recipe = sum_of(recipe, "Model Mixer")
    blocks = by_block(recipe, sources, partition, "Model Mixer")
    partners = recipe.used_partners()
    count = len(partners)
    if count > MODEL_MIXER_PARTNERS:
        raise cannot_express("Model Mixer", f"{count} partners", f"up to {MODEL_MIXER_PARTNERS}")
    flat = [blocks.flat(i, *SLIDER) for i in range(count)]
    elements = [""] * count
    for i in (i for i in range(count) if flat[i] is None):
        weights = blocks.weights[i]
        if weights.get(VAE):
            raise cannot_express("Model Mixer", f"a weight of {weights[VAE]:g} for {_TOLD[VAE]}", "0 there")
        if blocks.is_sdxl and weights.get(REST):
            raise cannot_express(
                "Model Mixer", f"a weight of {weights[REST]:g} for the label embedding", "0 there"
            )
        own = [
            part for part, block in ((REST, blocks.names[-1]), (TEXT2, BASE)) if blocks.other(i, part, block)
        ]
        elements[i] = ",".join(_elements(MODEL_MIXER_PARTS, weights, own))
    names, models = _models(recipe, sources, by_hash=False)
    data: dict[str, Any] = {
        "type": MODEL_MIXER,
        "blocks": ",".join(blocks.names),
        "model_a": names[0],
        **{f"model_{chr(ord('b') + i)}": name for i, name in enumerate(names[1:])},
        "base_model": names[0] if count > 1 else None,
        "mode": ["Add-Diff" if count > 1 else "Sum"] * count,
        "calcmode": ["Normal"] * count,
        "alpha": [0.5 if weight is None else weight for weight in flat],
        "uses": [True] * count,
        # Model Mixer writes the one name and reads the other.
        "use_mbws": [weight is None for weight in flat],
        "use_mbw": [weight is None for weight in flat],
        "weights_alpha": [blocks.listed(i) for i in range(count)],
        "use_elemental": [bool(told) for told in elements],
        "elemental": elements,
        "adjust": "",
    }
    steps = [f"Model A: {recipe.base.name}"]
    steps += [f"Base model: {recipe.base.name}"] if count > 1 else []
    for i, partner in enumerate(partners):
        weight = f"by blocks: {_typed(blocks.listed(i))}" if flat[i] is None else repr(flat[i])
        steps.append(f"Model {chr(ord('B') + i)}: {partner.name}, {data['mode'][i]}, {weight}")
        steps += [f"Its elemental merge: {elements[i]}"] if elements[i] else []
    steps += [f"Its setting for the number of models: {count} or more"] if count > MODEL_MIXER_USUAL else []
    return Written(_dump(data, models), tuple(steps))


def _elements(
    named: Mapping[tuple[str, str], tuple[str, ...]], weights: Mapping[str, float], parts: Sequence[str]
) -> list[str]:
    return [
        f"{block}:{' '.join(words)}:{weights[part]!r}"
        for (part, block), words in named.items()
        if part in parts
    ]


def _models(recipe: Recipe, sources: Sources, *, by_hash: bool) -> tuple[list[str], dict[str, Any]]:
    """What the recipe calls its models, and the list of those whose files are at hand."""
    used = (recipe.base, *recipe.used_partners())
    stems = [source.name.rpartition(".")[0] or source.name for source in used]
    if len(set(stems)) != len(stems):
        raise RecipeError(
            "Two models of the recipe have one name", found=", ".join(s.name for s in used), fix="Rename one"
        )
    hashes = [_sha256(source, sources) for source in used]
    models = {
        sha256: {"name": stem, "legacy_hash": None, "sd_merge_recipe": None}
        for sha256, stem in zip(hashes, stems, strict=True)
        if sha256
    }
    names = [sha256 if by_hash and sha256 else stem for sha256, stem in zip(hashes, stems, strict=True)]
    return names, models


def _sha256(source: Source, sources: Sources) -> str:
    try:
        sources.open(source)
    except CheckpointError:  # a name is enough to export; the file is needed where it is mixed
        return ""
    path = sources.path_of(source.fingerprint)
    return file_sha256(path) if path is not None else ""


def _typed(weights: Sequence[float]) -> str:
    return ",".join(repr(weight) for weight in weights)


def _dump(recipe: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    return json.dumps({"sd_merge_recipe": recipe, "sd_merge_models": models}, indent=2) + "\n"
