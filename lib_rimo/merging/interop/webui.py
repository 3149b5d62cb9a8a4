"""Reading the recipes of SuperMerger, of Model Mixer and of the WebUI's own merger: what ``sd_merge_recipe`` means.

What each does with the tensors outside the chains of blocks differs, and was read from its source:

    part               SuperMerger                       Model Mixer by blocks         Model Mixer with one weight
    VAE                follows BASE, or is excluded      stays the first model's       takes it
    time embedding     SD1: the last output block's;     follows the last output block takes it
                       SDXL: as the label embedding
    last convolution   follows the last output block     follows the last output block takes it
    label embedding    stays the first model's until     stays the first model's       takes it
                       November 2025, then as IN00

Weights of single elements are understood where they name one of these parts as a whole, which is how our exports
(``foreign_write``) say what the blocks cannot.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from string import ascii_lowercase
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
_FIELDS = {
    SUPERMERGER: "type weights_alpha weights_beta weights_alpha_orig weights_beta_orig model_a model_b model_c "
    "base_alpha base_beta mode mbw elemental_merge calcmode Off Include Exclude",
    MODEL_MIXER: "type blocks mbw weights_alpha weights_alpha_orig alpha base_model mode calcmode elemental "
    "use_elemental adjust uses use_mbws use_mbw recipe "
    + " ".join(f"model_{letter}" for letter in ascii_lowercase),
    WEBUI: "type primary_model_hash secondary_model_hash tertiary_model_hash interp_method multiplier save_as_half "
    "custom_name config_source bake_in_vae discard_weights is_inpainting is_instruct_pix2pix",
}
"""What each writes; any other field with something in it is refused by name."""
_NOTHING: tuple[object, ...] = (None, "", "None", False, 0, [], {})
_NO_VAE = ("", "None", "Automatic")
_TEXT_ENCODER = "stay the first model's there, and are mixed like their text encoder here"
_EMBEDDINGS = (
    "stay the first model's there, as does the time embedding (since November 2025 both take the weight of IN00), and "
    "take that of the last output block here"
)
_SUPERMERGER_KEEPS = {
    "conditioner.embedders.1.model.positional_embedding": _TEXT_ENCODER,
    "conditioner.embedders.1.model.text_projection": _TEXT_ENCODER,
    "conditioner.embedders.1.model.logit_scale": _TEXT_ENCODER,
    "cond_stage_model.model.positional_embedding": _TEXT_ENCODER,
    "cond_stage_model.model.text_projection": _TEXT_ENCODER,
    "cond_stage_model.model.logit_scale": _TEXT_ENCODER,
    "model.diffusion_model.label_emb.": _EMBEDDINGS,
}
"""What it does not mix: names with neither ``weight`` nor ``bias``, and for SDXL what belongs to no block."""
_MODEL_MIXER_KEEPS = {
    "conditioner.embedders.1.model.text_projection": _TEXT_ENCODER,
    "conditioner.embedders.1.model.logit_scale": _TEXT_ENCODER,
}
_UNTOLD = (
    "SuperMerger does not write down whether it baked in a VAE or adjusted colours; here neither is done."
)


def read_metadata(metadata: Mapping[str, str]) -> LinearRecipe:
    """A recipe from a checkpoint's metadata.

    Raises:
        RecipeError: There is none, it is of an unknown program, or it cannot be taken over.
    """
    if "mecha_recipe" in metadata:
        return read_mecha(metadata["mecha_recipe"])
    recipe, models = (_json(metadata, key) for key in ("sd_merge_recipe", "sd_merge_models"))
    told = {str(sha): entry for sha, entry in (models or {}).items() if isinstance(entry, Mapping)}
    names = {sha: str(entry["name"]) for sha, entry in told.items() if entry.get("name")}
    legacy = {sha: str(entry["legacy_hash"]) for sha, entry in told.items() if entry.get("legacy_hash")}
    return replace(read_webui(recipe, names), legacy=legacy)


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
        _refuse_unknown(recipe, kind)
        return readers[kind](recipe, names).check()
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RecipeError(f"The recipe of {kind} is damaged", found=repr(error)) from error


def _supermerger(recipe: Mapping[str, Any], names: Mapping[str, str]) -> LinearRecipe:
    """Source: scripts/mergers/mergers.py; the modes are told by these words, as the program does itself."""
    _refuse(recipe, "calcmode", ("normal", "", None))
    if any(recipe.get("Include") or ()):
        raise _unsupported("blocks that were included", recipe["Include"])
    excluded = [name for name in recipe.get("Exclude") or () if name not in {"", "print"}]
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
    return LinearRecipe(a, shares, names, "SuperMerger", (_UNTOLD,), kept=_SUPERMERGER_KEEPS)


def _model_mixer(recipe: Mapping[str, Any], names: Mapping[str, str]) -> LinearRecipe:
    """Source: scripts/model_mixer.py from August 2023 on; model_b, model_c .. are mixed in one after the other."""
    if adjusted := _adjusted(recipe):
        raise _unsupported("adjusted tensors", adjusted)
    a = str(recipe["model_a"])
    shares = alone(a)
    modes = list(recipe["mode"])
    notes: dict[str, None] = {}
    calculations = recipe.get("calcmode") or []
    for n, mode in enumerate(modes):
        model = str(recipe[f"model_{ascii_lowercase[n + 1]}"])
        calculation = calculations if isinstance(calculations, str) else (*calculations, *modes)[n]
        if calculations and calculation not in {"Normal", "normal", ""}:
            raise _unsupported("calcmode", calculation)
        elements = {}
        if (recipe.get("use_elemental") or [False] * len(modes))[n]:
            elements = _elements((recipe.get("elemental") or [""])[n], MODEL_MIXER_PARTS)
        values = recipe["weights_alpha"][n]
        if _by_blocks(recipe, n, values):
            values = numbers(values)
            alpha = {**block_weights(values, None), VAE: 0.0, REST: values[-1], **elements}
            notes["The VAE stays the first model's."] = None
            if input_blocks(len(values)) == SDXL_BLOCKS and alpha[REST]:
                notes["The label embedding takes the weights of the last output block too."] = None
        elif elements:
            raise _unsupported("weights of single elements without blocks", recipe["elemental"][n])
        else:
            alpha = _flat(recipe["alpha"][n])
        if mode == "Sum":
            shares = combined((shares, complement(alpha)), (alone(model), alpha))
        elif mode == "Add-Diff":
            if not recipe.get("base_model"):
                raise _unsupported(
                    "base_model, which it does not name", "a difference from a model without a name"
                )
            base = str(recipe["base_model"])
            shares = combined((shares, 1.0), (alone(model), alpha), (alone(base), _times(alpha, -1.0)))
        else:
            raise _unsupported("the mode", mode)
    if "use_elemental" not in recipe:
        notes[
            "This version of Model Mixer did not write down weights of single elements; here there are none."
        ] = None
    notes["Model Mixer does not write down whether it baked in a VAE when it saved; here none is."] = None
    return LinearRecipe(a, shares, names, "Model Mixer", tuple(notes), kept=_MODEL_MIXER_KEEPS)


def _adjusted(recipe: Mapping[str, Any]) -> str:
    """What was done to contrast and colours; before 2024 it stood only behind the formula."""
    told = str(recipe.get("adjust") or "")
    if "adjust" not in recipe:
        told = str(recipe.get("recipe") or "").rpartition("@")[2]
    try:
        return told if any(number.strip() and float(number) for number in told.split(",")) else ""
    except ValueError:  # the end of a formula, or of a name that has the sign in it
        return told if "adjust" in recipe else ""


def _by_blocks(recipe: Mapping[str, Any], n: int, values: object) -> bool:
    """Whether a model has weights by block. Before 2024 that is told only where all have; else by their form."""
    if told := recipe.get("use_mbws") or recipe.get("use_mbw"):
        return bool(told[n])
    if recipe.get("mbw"):
        return True
    alpha = float(str(recipe["alpha"][n]))
    return isinstance(values, list) and any(value != alpha for value in numbers(values))


def _checkpoint_merger(recipe: Mapping[str, Any], names: Mapping[str, str]) -> LinearRecipe:
    """The WebUI's own tab "Checkpoint Merger"; source: modules/extras.py of AUTOMATIC1111's WebUI 1.10."""
    a, method = _hash(recipe, "primary_model_hash"), str(recipe["interp_method"])
    for kind in ("is_inpainting", "is_instruct_pix2pix"):
        if recipe.get(kind):
            raise _unsupported("channels that only one of its models has", f"{kind} = true")
    models = {0: None, 1: "secondary_model_hash", 2: "tertiary_model_hash", 3: ""}
    if (source := recipe.get("config_source", 0)) not in models:
        raise _unsupported("config_source", source)
    vae, discarded = (str(recipe.get(name) or "").strip() for name in ("bake_in_vae", "discard_weights"))
    notes = []
    if vae not in _NO_VAE:
        notes.append(f"The VAE {vae} was baked in there; here it is left out: the VAE is that of the models.")
    if discarded:
        notes.append(f"Tensors whose names match {discarded} were discarded there; here all of them stay.")
    alpha = _flat(recipe["multiplier"])
    if method == "No interpolation":
        shares = alone(a)
        if notes:
            raise RecipeError(
                "The recipe mixes nothing, and what else it does cannot be taken over",
                found=f"bake_in_vae = {vae or 'None'}, discard_weights = {discarded or 'none'}",
                wanted="a weighted sum or an added difference",
            )
    elif method == "Weighted sum":
        b = _hash(recipe, "secondary_model_hash")
        shares = combined((alone(a), complement(alpha)), (alone(b), alpha))
    elif method == "Add difference":
        b, c = _hash(recipe, "secondary_model_hash"), _hash(recipe, "tertiary_model_hash")
        shares = combined((alone(a), 1.0), (alone(b), alpha), (alone(c), _times(alpha, -1.0)))
    else:
        raise _unsupported("the method", method)
    sidecar = models[source]
    return LinearRecipe(
        a,
        shares,
        names,
        "the WebUI's checkpoint merger",
        tuple(notes),
        is_half=recipe.get("save_as_half") is True,
        sidecar=str(recipe.get(sidecar) or "") if sidecar else sidecar,
    )


def _hash(recipe: Mapping[str, Any], field: str) -> str:
    """A model of the WebUI's own merger, which names it by its hash alone."""
    if not recipe[field]:
        raise RecipeError(
            "The recipe does not say which models it mixes",
            found=f"{field} is empty",
            wanted="the SHA-256 of the model",
            fix="The WebUI ran without hashing (--no-hashing): mix these models anew",
        )
    return str(recipe[field])


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


def _refuse_unknown(recipe: Mapping[str, Any], kind: str) -> None:
    """What a version or a copy of a program has added may change the result."""
    for name, value in recipe.items():
        if name not in _FIELDS[kind].split() and value not in _NOTHING:
            raise _unsupported("a field that is not known", f"{name} = {value}")


def _refuse(recipe: Mapping[str, Any], name: str, known: Iterable[object]) -> None:
    if recipe.get(name) not in known:
        raise _unsupported(name, recipe[name])


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
