"""sd-mecha's recipes: reading those that are linear, writing any of ours.

Source: the format of sd-mecha 1.1, a text of one node per line; ``&3`` is the result of the third line, from 0.
Written recipes name a weight for every single tensor, so they hold any partition, and sd-mecha's result is ours but for
its own rounding.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import Any

from lib_rimo.errors import RecipeError
from lib_rimo.merging.architecture import SD1, SDXL_BASE, recognise
from lib_rimo.merging.checkpoint import Checkpoint
from lib_rimo.merging.foreign import (
    ALL,
    BASE,
    REST,
    TEXT2,
    VAE,
    ForeignRecipe,
    Shares,
    Weights,
    alone,
    combined,
    complement,
)
from lib_rimo.merging.partition import Partition
from lib_rimo.merging.recipe import Recipe

VERSION = "version 0.1.0"
CONFIGS = {SD1: "sd1-ldm", SDXL_BASE: "sdxl-sgm"}
"""sd-mecha's names of the families that both know."""
_LAST = ("OUT11", "OUT08")


def read_mecha(text: str) -> ForeignRecipe:
    """Reads a ``.mecha`` recipe.

    Raises:
        RecipeError: The text is no such recipe, or it holds a method that is not linear.
    """
    lines = [line.strip() for line in text.strip().splitlines()]
    if not lines or lines[0] != VERSION:
        raise RecipeError(
            "This is no recipe of sd-mecha that is understood",
            found=lines[0][:80] if lines else "an empty text",
            wanted=VERSION,
        )
    nodes: list[Any] = []
    first: list[str] = []
    for number, line in enumerate(lines[1:], 2):
        if not line or line.startswith("#"):
            continue
        try:
            nodes.append(_node(line, nodes, first))
        except (ValueError, IndexError, KeyError, TypeError) as error:
            raise RecipeError("A line of the recipe is damaged", found=f"line {number}: {error}") from error
    if not nodes or not _is_shares(nodes[-1]):
        raise RecipeError("The recipe does not end in a model", found=lines[-1][:80])
    return ForeignRecipe(first[0], nodes[-1], maker="sd-mecha").check()


def _node(line: str, nodes: list[Any], first: list[str]) -> Any:
    command, *words = shlex.split(line)
    plain: list[Any] = []
    named: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            named[name] = _value(value, nodes)
        else:
            plain.append(_value(word, nodes))
    if command == "model":
        name = str(plain[0]).replace("\\", "/").rpartition("/")[2]
        first.append(name)
        return alone(name)
    if command == "dict":
        return {str(key): float(value) for key, value in named.items()}
    if command == "literal":
        return plain[0]
    if command == "merge":
        return _merge(str(plain[0]), plain[1:], named)
    raise ValueError(f"unknown command {command}")


def _merge(method: str, models: list[Any], named: Mapping[str, Any]) -> Any:
    if method.startswith("convert_") and len(models) == 1:
        return models[0]
    known = {"weighted_sum": 2, "add_difference": 2, "subtract": 2, "scale": 1}
    count = len(models) if method == "n_average" else known.get(method, -1)
    if count < 0:
        raise RecipeError(
            "The recipe cannot be taken over because of a method",
            found=method,
            wanted="n_average, " + ", ".join(known),
        )
    parts = [*models[:count]]
    for name in ("a", "b"):
        if len(parts) < count and name in named:
            parts.append(named[name])
    if len(parts) != count or not all(_is_shares(part) for part in parts):
        raise ValueError(f"{method} wants {count} models")
    usual = 0.5 if method == "weighted_sum" else 1.0
    alpha = _blocks(named.get("alpha", models[count] if len(models) > count else usual))
    if method == "weighted_sum":
        return combined((parts[0], complement(alpha)), (parts[1], alpha))
    if method == "add_difference":
        return combined((parts[0], 1.0), (parts[1], alpha))
    if method == "subtract":
        return combined((parts[0], 1.0), (parts[1], -1.0))
    if method == "scale":
        return combined((parts[0], alpha))
    return combined(*((part, 1.0 / count) for part in parts))


def _blocks(alpha: object) -> Weights:
    """One weight for all, or one per block with those that ours needs beside sd-mecha's."""
    if isinstance(alpha, (int, float)):
        return {ALL: float(alpha)}
    if not isinstance(alpha, dict) or BASE not in alpha:
        raise RecipeError(
            "The recipe cannot be taken over because of its weights",
            found="weights of single tensors" if isinstance(alpha, dict) else repr(alpha)[:80],
            wanted="one number, or one per block (BASE, IN00 ..)",
        )
    weights = {str(block): float(weight) for block, weight in alpha.items()}
    last = next((weights[block] for block in _LAST if block in weights), weights[BASE])
    return {VAE: weights[BASE], TEXT2: weights[BASE], **weights, REST: last}


def _is_shares(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(row, dict) for row in value.values())


def _value(word: str, nodes: list[Any]) -> Any:
    if word.startswith("&"):
        number = int(word[1:])
        if not 0 <= number < len(nodes):
            raise ValueError(f"{word} stands before what it names")
        return nodes[number]
    if word in ("null", "true", "false"):
        return {"null": None, "true": True, "false": False}[word]
    try:
        number_ = float(word)
    except ValueError:
        return word
    if not math.isfinite(number_):
        raise ValueError(f"the number {word}")
    return number_


def write_mecha(recipe: Recipe, base: Checkpoint, partition: Partition) -> str:
    """A recipe as sd-mecha's text.

    Args:
        recipe: Ours.
        base: Tells the tensors and the family.
        partition: The block groups of the recipe.

    Raises:
        RecipeError: sd-mecha does not know the family.
    """
    family = recognise(base).name
    if family not in CONFIGS:
        raise RecipeError("sd-mecha has no name for this family", found=family, wanted=", ".join(CONFIGS))
    config = CONFIGS[family]
    lines = [VERSION]

    def add(line: str) -> str:
        lines.append(line)
        return f"&{len(lines) - 2}"

    def model(name: str) -> str:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return add(f'model "{quoted}" model_config="{config}" merge_space="weight"')

    result = start = model(recipe.base.name)
    for number, partner in enumerate(recipe.partners):
        weights = {
            key: recipe.row(group)[number] if (group := partition.group_of(key)) is not None else 0.0
            for key in base
            if base.dtype(key).is_floating_point and not key.startswith("model_ema.")
        }
        if not any(weights.values()):
            continue
        difference = add(f'merge "subtract" {model(partner.name)} {start}')
        listed = add("dict " + " ".join(f"{key}={weight!r}" for key, weight in weights.items()))
        alpha = add(f'literal {listed} model_config="{config}" merge_space="param"')
        result = add(f'merge "add_difference" {result} {difference} alpha={alpha}')
    return "\n".join(lines)  # sd-mecha takes an empty last line for an error


__all__ = ["CONFIGS", "Shares", "read_mecha", "write_mecha"]
