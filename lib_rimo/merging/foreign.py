"""Recipes of other programs as linear combinations: what they mean, in blocks and shares.

SuperMerger, Model Mixer and sd-mecha each write recipes of their own. What is linear in the models' tensors, with one
weight per block, can be taken over; the rest is refused by name.

Notation
    block    BASE (text encoders), IN00 .. IN11, M00, OUT00 .. OUT11, VAE, REST (what is outside the chains of blocks);
             ``ALL`` stands for every block that is not named
    share    of a model in a block; the shares of a block add up to 1, those of a difference to 0
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib_rimo.errors import RecipeError

ALL, BASE, MIDDLE, VAE, REST = "ALL", "BASE", "M00", "VAE", "REST"
SD1_BLOCKS, SDXL_BLOCKS = 12, 9
"""Input blocks, and as many output blocks."""
MOST_APPENDED = 3
"""Weights that may follow those of the blocks."""
TOLERANCE = 1e-6
"""How far shares may add up to something other than 1."""

Weights = Mapping[str, float]
"""Block -> weight."""
Shares = dict[str, dict[str, float]]
"""Block -> model -> share."""


@dataclass(frozen=True, slots=True)
class ForeignRecipe:
    """What another program's recipe means.

    Attributes:
        base: The model that everything starts from, as the recipe names it: a file name or a SHA-256.
        shares: Of every model in every block.
        names: SHA-256 -> file name, where the recipe came with a list.
        maker: The program.
        notes: What was taken over differently, for the user.
    """

    base: str
    shares: Shares
    names: Mapping[str, str] = field(default_factory=dict)
    maker: str = ""
    notes: tuple[str, ...] = ()

    def models(self) -> tuple[str, ...]:
        """Base first, then the others in the order in which they are met."""
        met = dict.fromkeys(model for row in self.shares.values() for model in row)
        return (self.base, *(model for model in met if model != self.base))

    def share(self, block: str, model: str) -> float:
        """Of a model in a block."""
        return self.shares.get(block, self.shares.get(ALL, {})).get(model, 0.0)

    def check(self) -> ForeignRecipe:
        """Makes sure that the shares of every block add up to 1.

        Raises:
            RecipeError: They do not.
        """
        for block, row in self.shares.items():
            if abs(math.fsum(row.values()) - 1.0) > TOLERANCE:
                raise RecipeError(
                    f"The recipe is no mix: its shares do not add up to 1 in {block}",
                    found=", ".join(f"{name} {share:.3f}" for name, share in row.items()),
                )
        return self


def block_names(count: int) -> tuple[str, ...]:
    """BASE, the input blocks, the middle, the output blocks: the order of all block-weighted merges."""
    inputs = tuple(f"IN{i:02}" for i in range(count))
    return (BASE, *inputs, MIDDLE, *(f"OUT{i:02}" for i in range(count)))


def combined(*terms: tuple[Shares, Weights | float]) -> Shares:
    """A sum of shares, each times a weight or times one weight per block."""
    blocks = dict.fromkeys(
        [block for shares, _ in terms for block in shares]
        + [block for _, weight in terms if isinstance(weight, Mapping) for block in weight]
    )
    by_block = [weight for _, weight in terms if isinstance(weight, Mapping)]
    out: Shares = {}
    for block in blocks:
        if any(block not in named and ALL not in named for named in (*by_block, *(s for s, _ in terms))):
            continue  # "every other block" means none where all are named
        row: dict[str, float] = {}
        for shares, weight in terms:
            by = weight.get(block, weight.get(ALL, 0.0)) if isinstance(weight, Mapping) else weight
            for model, share in shares.get(block, shares.get(ALL, {})).items():
                row[model] = row.get(model, 0.0) + by * share
        out[block] = {model: share for model, share in row.items() if share}
    return out


def complement(weights: Weights) -> dict[str, float]:
    """One minus each weight."""
    return {block: 1.0 - weight for block, weight in weights.items()}


def alone(model: str) -> Shares:
    """A model by itself."""
    return {ALL: {model: 1.0}}


def read_metadata(metadata: Mapping[str, str]) -> ForeignRecipe:
    """A recipe from a checkpoint's metadata.

    Raises:
        RecipeError: There is none, it is of an unknown program, or it cannot be taken over.
    """
    from lib_rimo.merging.foreign_mecha import read_mecha  # both read through this module

    if "mecha_recipe" in metadata:
        return read_mecha(metadata["mecha_recipe"])
    recipe, models = (_json(metadata, key) for key in ("sd_merge_recipe", "sd_merge_models"))
    names = {
        str(sha): str(entry["name"])
        for sha, entry in (models or {}).items()
        if isinstance(entry, Mapping) and "name" in entry
    }
    return read_webui(recipe, names)


def read_webui(recipe: object, names: Mapping[str, str]) -> ForeignRecipe:
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
        "sd-webui-supermerger": _supermerger,
        "sd-webui-model-mixer": _model_mixer,
        "webui": _checkpoint_merger,
    }
    if kind not in readers:
        raise RecipeError(
            "The recipe is of a program that is not known", found=kind, wanted=", ".join(readers)
        )
    try:
        return readers[kind](recipe, names).check()
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RecipeError(f"The recipe of {kind} is damaged", found=repr(error)) from error


def _supermerger(recipe: Mapping[str, Any], names: Mapping[str, str]) -> ForeignRecipe:
    """Source: scripts/mergers/mergers.py; the modes are told by these words, as the program does itself."""
    _refuse(recipe, "calcmode", ("normal", "", None))
    _refuse(recipe, "elemental_merge", ("", None, []))
    for kept in ("Include", "Exclude"):
        if any(recipe.get(kept) or ()):
            raise _unsupported("blocks that were included or excluded", recipe[kept])
    blocks = bool(recipe.get("mbw"))
    alpha = _weights(recipe["weights_alpha"], recipe["base_alpha"]) if blocks else _flat(recipe["base_alpha"])
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
            beta = (
                _weights(weights, recipe["base_beta"]) if blocks and weights else _flat(recipe["base_beta"])
            )
            if "Triple" in mode:
                rest = {block: 1.0 - alpha[block] - beta.get(block, beta.get(ALL, 0.0)) for block in alpha}
                shares = combined((alone(a), rest), (alone(b), alpha), (alone(c), beta))
            elif "Twice" in mode:
                first = combined((alone(a), complement(alpha)), (alone(b), alpha))
                shares = combined((first, complement(beta)), (alone(c), beta))
            else:
                raise _unsupported("the mode", mode)
    return ForeignRecipe(a, shares, names, "SuperMerger", _outside(shares, "IN00"))


def _model_mixer(recipe: Mapping[str, Any], names: Mapping[str, str]) -> ForeignRecipe:
    """Source: scripts/model_mixer.py; model_b, model_c .. are mixed in one after the other."""
    if str(recipe.get("adjust") or "").replace(",", "").replace("0", "").strip():
        raise _unsupported("adjusted tensors", recipe["adjust"])
    a = str(recipe["model_a"])
    shares = alone(a)
    modes = list(recipe["mode"])
    for n, mode in enumerate(modes):
        model = str(recipe[f"model_{chr(ord('b') + n)}"])
        _refuse_item(recipe, "calcmode", n, ("Normal", "normal", "", None))
        if (recipe.get("use_elemental") or [False] * len(modes))[n] and (recipe.get("elemental") or [""])[n]:
            raise _unsupported("weights of single elements", recipe["elemental"][n])
        if recipe["use_mbws"][n]:
            values = recipe["weights_alpha"][n]
            alpha: dict[str, float] = {**_weights(values, None), VAE: 0.0, REST: 0.0}
        else:
            alpha = {**_flat(recipe["alpha"][n]), VAE: 0.0}
        if mode == "Sum":
            shares = combined((shares, complement(alpha)), (alone(model), alpha))
        elif mode == "Add-Diff":
            base = str(recipe["base_model"])
            shares = combined((shares, 1.0), (alone(model), alpha), (alone(base), _times(alpha, -1.0)))
        else:
            raise _unsupported("the mode", mode)
    return ForeignRecipe(a, shares, names, "Model Mixer", ("The VAE stays the first model's.",))


def _checkpoint_merger(recipe: Mapping[str, Any], names: Mapping[str, str]) -> ForeignRecipe:
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
    return ForeignRecipe(a, shares, names, "the WebUI's checkpoint merger")


def _weights(values: str | Sequence[Any], base: object) -> dict[str, float]:
    """One weight per block.

    Args:
        values: Of SD1 or of SDXL, as a list or a text. More may follow at the end: Model Mixer appends what is
            outside the blocks, SuperMerger a VAE's.
        base: The weight of BASE where a list leaves it out; None where it has it. A text has it always.
    """
    is_text = isinstance(values, str)
    numbers = [float(value) for value in (values.split(",") if isinstance(values, str) else values)]
    whole = numbers if is_text or base is None else [float(str(base)), *numbers]
    sizes = {len(block_names(count)): count for count in (SD1_BLOCKS, SDXL_BLOCKS)}
    for more in range(MOST_APPENDED + 1):
        count = sizes.get(len(whole) - more)
        if count is not None:
            names = block_names(count)
            found = dict(zip(names, whole, strict=False))
            return {**found, VAE: found[BASE], REST: found[names[-1]]}
    raise RecipeError(
        "The list of block weights has an unknown length", found=len(whole), wanted="26 (SD1) or 20 (SDXL)"
    )


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
