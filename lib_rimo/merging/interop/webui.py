"""Reading the recipes of SuperMerger, of Model Mixer and of the WebUI's own merger: what ``sd_merge_recipe`` means.

What each does with the tensors outside the chains of blocks differs, and was read from its source:

    part               SuperMerger                       Model Mixer by blocks         Model Mixer with one weight
    VAE                follows BASE, or is excluded      stays the first model's       takes it
    time embedding     follows the first input block     follows the last output block takes it
    last convolution   follows the last output block     follows the last output block takes it
    label embedding    follows the first input block     stays the first model's       takes it

Weights of single elements are understood where they name one of these parts as a whole, which is how our exports
(``foreign_write``) say what the blocks cannot.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from lib_rimo.errors import RecipeError
from lib_rimo.merging.interop.linear import (
    ALL,
    BASE,
    REST,
    SDXL_BLOCKS,
    TEXT2,
    VAE,
    LinearRecipe,
    Shares,
    Weights,
    alone,
    block_weights,
    combined,
    complement,
    input_blocks,
    numbers,
)
from lib_rimo.merging.interop.mecha import read_mecha

SUPERMERGER, MODEL_MIXER, WEBUI = "sd-webui-supermerger", "sd-webui-model-mixer", "webui"
"""How each names itself."""
SUPERMERGER_PARTS = {
    (REST, ""): ("time_embed", "label_emb", "diffusion_model.out."),
    (VAE, ""): ("first_stage_model",),
    (TEXT2, ""): ("conditioner.embedders.1.",),
}
"""Part and block -> the pieces of tensor names that mean the whole part in its elemental merges."""
MODEL_MIXER_PARTS = {
    (REST, ""): ("time_embed", "diffusion_model.out."),
    (TEXT2, BASE): ("conditioner.embedders.1.",),
}
"""The same there; an empty block means what belongs to no block."""


def read_metadata(metadata: Mapping[str, str]) -> LinearRecipe:
    """A recipe from a checkpoint's metadata.

    Raises:
        RecipeError: There is none, it is of an unknown program, or it cannot be taken over.
    """
    if "mecha_recipe" in metadata:
        return read_mecha(metadata["mecha_recipe"])
    recipe, models = (_json(metadata, key) for key in ("sd_merge_recipe", "sd_merge_models"))
    names = {
        str(sha): str(entry["name"])
        for sha, entry in (models or {}).items()
        if isinstance(entry, Mapping) and "name" in entry
    }
    return read_webui(recipe, names)


def read_webui(recipe: object, names: Mapping[str, str]) -> LinearRecipe:
    """A recipe in the form of ``sd_merge_recipe``.

    Args:
        recipe: The parsed text.
        names: SHA-256 -> file name.

    Raises:
        RecipeError: It is of an unknown program, or cannot be taken over.
    """
    if not isinstance(recipe, Mapping):
        raise RecipeError("There is no recipe of another program", wanted="sd_merge_recipe or mecha_recipe")
    kind = str(recipe.get("type", "?"))
    readers = {
        SUPERMERGER: _supermerger,
        MODEL_MIXER: _model_mixer,
        WEBUI: _checkpoint_merger,
    }
    if kind not in readers:
        raise RecipeError(
            "The recipe is of a program that is not known", found=kind, wanted=", ".join(readers)
        )
    try:
        return readers[kind](recipe, names).check()
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RecipeError(f"The recipe of {kind} is damaged", found=repr(error)) from error


def _supermerger(recipe: Mapping[str, Any], names: Mapping[str, str]) -> LinearRecipe:
    """Source: scripts/mergers/mergers.py; the modes are told by these words, as the program does itself."""
    _refuse(recipe, "calcmode", ("normal", "", None))
    if any(recipe.get("Include") or ()):
        raise _unsupported("blocks that were included", recipe["Include"])
    excluded = [name for name in recipe.get("Exclude") or () if name]
    if set(excluded) - {VAE}:
        raise _unsupported("blocks that were excluded", excluded)
    elements = _elements(recipe.get("elemental_merge"), SUPERMERGER_PARTS)
    without = dict.fromkeys(excluded, 0.0)
    blocks = bool(recipe.get("mbw"))
    alpha = (
        block_weights(recipe["weights_alpha"], recipe["base_alpha"])
        if blocks
        else _flat(recipe["base_alpha"])
    )
    alpha = {**alpha, **elements, **without}
    a, b = str(recipe["model_a"]), str(recipe["model_b"])
    mode = str(recipe["mode"])
    if "Weight" in mode:
        shares = combined((alone(a), complement(alpha)), (alone(b), alpha))
    else:
        c = str(recipe["model_c"])
        if "Add" in mode:
            shares = combined((alone(a), 1.0), (alone(b), alpha), (alone(c), _times(alpha, -1.0)))
        else:
            weights = recipe.get("weights_beta")
            beta = _flat(recipe["base_beta"])
            if blocks and weights:
                beta = block_weights(weights, recipe["base_beta"])
            beta = {**beta, **without}
            if "Triple" in mode:
                shares = combined((alone(a), 1.0), *(_moved(a, x, w) for x, w in ((b, alpha), (c, beta))))
            elif "Twice" in mode:
                first = combined((alone(a), complement(alpha)), (alone(b), alpha))
                shares = combined((first, complement(beta)), (alone(c), beta))
            else:
                raise _unsupported("the mode", mode)
    notes = () if REST in elements else _outside(shares, "IN00")
    return LinearRecipe(a, shares, names, "SuperMerger", notes)


def _model_mixer(recipe: Mapping[str, Any], names: Mapping[str, str]) -> LinearRecipe:
    """Source: scripts/model_mixer.py; model_b, model_c .. are mixed in one after the other."""
    if str(recipe.get("adjust") or "").replace(",", "").replace("0", "").strip():
        raise _unsupported("adjusted tensors", recipe["adjust"])
    a = str(recipe["model_a"])
    shares = alone(a)
    modes = list(recipe["mode"])
    notes: dict[str, None] = {}
    for n, mode in enumerate(modes):
        model = str(recipe[f"model_{chr(ord('b') + n)}"])
        _refuse_item(recipe, "calcmode", n, ("Normal", "normal", "", None))
        elements = {}
        if (recipe.get("use_elemental") or [False] * len(modes))[n]:
            elements = _elements((recipe.get("elemental") or [""])[n], MODEL_MIXER_PARTS)
        alpha: dict[str, float] = _flat(recipe["alpha"][n])
        if recipe["use_mbws"][n]:
            values = numbers(recipe["weights_alpha"][n])
            alpha = {**block_weights(values, None), VAE: 0.0, REST: values[-1], **elements}
            notes["The VAE stays the first model's."] = None
            if input_blocks(len(values)) == SDXL_BLOCKS and alpha[REST]:
                notes["The label embedding takes the weights of the last output block too."] = None
        elif elements:
            raise _unsupported("weights of single elements without blocks", recipe["elemental"][n])
        if mode == "Sum":
            shares = combined((shares, complement(alpha)), (alone(model), alpha))
        elif mode == "Add-Diff":
            base = str(recipe["base_model"])
            shares = combined((shares, 1.0), (alone(model), alpha), (alone(base), _times(alpha, -1.0)))
        else:
            raise _unsupported("the mode", mode)
    return LinearRecipe(a, shares, names, "Model Mixer", tuple(notes))


def _checkpoint_merger(recipe: Mapping[str, Any], names: Mapping[str, str]) -> LinearRecipe:
    """The WebUI's own tab "Checkpoint Merger"; source: modules/extras.py of AUTOMATIC1111's WebUI 1.10."""
    a, method = str(recipe["primary_model_hash"]), str(recipe["interp_method"])
    alpha = _flat(recipe["multiplier"])
    if method == "No interpolation":
        shares = alone(a)
    elif method == "Weighted sum":
        b = str(recipe["secondary_model_hash"])
        shares = combined((alone(a), complement(alpha)), (alone(b), alpha))
    elif method == "Add difference":
        b, c = str(recipe["secondary_model_hash"]), str(recipe["tertiary_model_hash"])
        shares = combined((alone(a), 1.0), (alone(b), alpha), (alone(c), _times(alpha, -1.0)))
    else:
        raise _unsupported("the method", method)
    return LinearRecipe(a, shares, names, "the WebUI's checkpoint merger")


def _elements(told: object, parts: Mapping[tuple[str, str], tuple[str, ...]]) -> dict[str, float]:
    """Part -> weight, from ``blocks:pieces of names:weight``, a text or a list of them."""
    meant = {(block, frozenset(words)): part for (part, block), words in parts.items()}
    out: dict[str, float] = {}
    lines = [told] if isinstance(told, str) else told or []
    if not isinstance(lines, list):
        raise TypeError(f"a text or a list was wanted, found {told!r}")
    for entry in ",".join(map(str, lines)).replace("\n", ",").split(","):
        if not entry.strip():
            continue
        block, _, rest = entry.partition(":")
        words, _, weight = rest.partition(":")
        part = meant.get((block.strip(), frozenset(words.split())))
        if part is None:
            raise _unsupported("weights of single elements", entry)
        out[part] = float(weight)
    return out


def _moved(base: str, model: str, weights: Weights) -> tuple[Shares, Weights]:
    """A model's difference from the base, and its weights."""
    return {ALL: {model: 1.0, base: -1.0}}, weights


def _flat(weight: object) -> dict[str, float]:
    return {ALL: float(str(weight))}


def _times(weights: Weights, factor: float) -> dict[str, float]:
    return {block: factor * weight for block, weight in weights.items()}


def _outside(shares: Shares, first: str) -> tuple[str, ...]:
    """Our partition has one group for what is outside the blocks; SuperMerger gives it to two of them."""
    if first in shares and shares[first] != shares.get(REST, shares[first]):
        return (f"The time embedding takes the weights of the last output block, not those of {first}.",)
    return ()


def _refuse(recipe: Mapping[str, Any], name: str, known: Iterable[object]) -> None:
    if recipe.get(name) not in known:
        raise _unsupported(name, recipe[name])


def _refuse_item(recipe: Mapping[str, Any], name: str, n: int, known: Iterable[object]) -> None:
    values = recipe.get(name) or []
    if n < len(values) and values[n] not in known:
        raise _unsupported(name, values[n])


def _unsupported(what: str, found: object) -> RecipeError:
    return RecipeError(
        f"The recipe cannot be taken over because of {what}",
        found=found,
        wanted="weighted sums and added differences, with one weight per block",
    )


def _json(metadata: Mapping[str, str], key: str) -> dict[str, Any] | None:
    try:
        data = json.loads(metadata[key]) if key in metadata else None
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{key} in the metadata is damaged", found=str(error)) from error
    return data if isinstance(data, dict) else None
