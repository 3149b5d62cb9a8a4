"""The tree of a checkpoint's ancestors, as saved checkpoints carry it in their metadata.

Every ancestor stands in it once, by fingerprint, with the recipe that made it if it is a mix itself. So the tree is
small (a recipe has one weight per block group and partner), and from it and the files at its ends everything above
can be computed again (``rebuild``).

Notation
    s[c, p]  share of ancestor c in the tensors of place p (a block of the UNet, a text encoder, the VAE)
    n[p]     number of elements of those tensors

    s[., p] of a mix = sum over its base and partners of their weight in p times their own s[., p]
    share of c       = sum_p n[p] s[c, p] / sum_p n[p]

A share can be negative (a partner that is subtracted); all shares of a checkpoint together are 1. Where a partner
lacked tensors its weight went to the base; shares are those that the recipe asks for.

Only what is linear in the models has shares: a recipe of another method has none, and an ancestor made by one counts
as an end of the tree.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lib_rimo.errors import RecipeError, RimoError
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.digest import DATA_HASH_KEY, NO_DATA_HASH
from lib_rimo.merging.checkpoints.keys import Place, place_of
from lib_rimo.merging.mix.method import MergeMethod, Spec, SpecKind
from lib_rimo.merging.mix.methods import METHODS
from lib_rimo.merging.mix.partition import Partition, partition_from_json
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.saving.options import SaveOptions

ANCESTRY_KEY = "rimo_ancestry"
RECIPE_KEY = "rimo_recipe"
ACCURACY_KEY = "rimo_accuracy"
FORMAT = 1
DIGITS = 6
"""Decimals of a share: below what anybody reads, and equal on every machine."""

_log = logging.getLogger("rimo")


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A checkpoint in the tree.

    Attributes:
        name: File name.
        sha256: Of its whole file, empty where there was none.
        recipe: What it is mixed from; None for a checkpoint of another origin.
        partition: The block groups of ``recipe``.
        form: How it was written.
        data_hash: SHA-256 of its tensors alone, empty where unknown.
        spec: What it is, if a method computed it without a recipe and it was never a file; ``partition`` is then the
            spec's.
        method: That computes ``spec``.
        accuracy: Its measurement, if it was measured.
    """

    name: str
    sha256: str = ""
    recipe: Recipe | None = None
    partition: Partition | None = None
    form: SaveOptions = field(default_factory=SaveOptions)
    data_hash: str = ""
    spec: Spec | None = None
    accuracy: Mapping[str, Any] | None = None
    method: MergeMethod | None = None

    def parents(self) -> tuple[Source, ...]:
        """What it is made from."""
        if self.spec is not None:
            return self.spec.parents()
        return () if self.recipe is None else (self.recipe.base, *self.recipe.used_partners())

    def to_json(self) -> dict[str, Any]:
        """A plain form; what is empty is left out."""
        out: dict[str, Any] = {"name": self.name, "sha256": self.sha256, "data_hash": self.data_hash}
        if self.recipe is not None:
            out |= {"recipe": self.recipe.to_json(), "form": self.form.to_json()}
        if self.spec is not None and self.method is not None and self.method.spec is not None:
            out[self.method.spec.node] = self.spec.to_json()
        if self.partition is not None:
            out["partition"] = self.partition.to_json()
        if self.accuracy is not None:
            out["accuracy"] = dict(self.accuracy)
        return {key: value for key, value in out.items() if value != ""}

    @classmethod
    def from_json(cls, data: object) -> Ancestor:
        """Reads what ``to_json`` wrote.

        Raises:
            RecipeError: The data is damaged.
        """
        if not isinstance(data, Mapping):
            raise RecipeError("An ancestor is damaged", found=repr(data)[:200])
        partition, accuracy = data.get("partition"), data.get("accuracy")
        method, kind = next(((m, k) for m, k in _spec_kinds() if k.node in data), (None, None))
        return cls(
            str(data.get("name", "?")),
            str(data.get("sha256", "")),
            Recipe.from_json(data["recipe"]) if "recipe" in data else None,
            None if partition is None else partition_from_json(partition, "in the metadata"),
            SaveOptions.from_json(data.get("form", {})),
            str(data.get("data_hash", "")),
            None if kind is None else kind.read(data[kind.node]),
            accuracy if isinstance(accuracy, Mapping) else None,
            method,
        )


def _spec_kinds() -> list[tuple[MergeMethod, SpecKind]]:
    """The methods that compute checkpoints without a recipe, and how these are written."""
    methods = [METHODS[name] for name in METHODS.names()]
    return [(method, method.spec) for method in methods if method.spec is not None]


Tree = Mapping[str, Ancestor]
"""Fingerprint -> ancestor."""


def read_tree(texts: Mapping[str, str]) -> tuple[Ancestor | None, dict[str, Ancestor]]:
    """What a checkpoint's metadata says about its origin.

    Args:
        texts: The metadata.

    Returns:
        The checkpoint itself as an ancestor (None if it was not made by this program), and its ancestors.

    Raises:
        RecipeError: The texts are damaged or of a newer format.
    """
    is_recipe = RECIPE_KEY in texts
    method, kind = next(((m, k) for m, k in _spec_kinds() if k.text in texts and not is_recipe), (None, None))
    if not is_recipe and kind is None:
        return None, {}
    data = parsed(texts.get(ANCESTRY_KEY, "{}"))
    if data.get("format", FORMAT) != FORMAT:
        raise RecipeError("The ancestry has another format", found=data["format"], wanted=FORMAT)
    nodes = data.get("checkpoints", {})
    if not isinstance(nodes, Mapping):
        raise RecipeError("The ancestry is damaged", found=repr(nodes)[:200])
    tree = {str(fingerprint): Ancestor.from_json(node) for fingerprint, node in nodes.items()}
    partition, data_hash = data.get("partition"), texts.get(DATA_HASH_KEY, NO_DATA_HASH)
    own = Ancestor(
        str(data.get("name", texts.get("modelspec.title", "?"))),
        recipe=Recipe.from_text(texts[RECIPE_KEY]) if is_recipe else None,
        partition=None if partition is None else partition_from_json(partition, "in the metadata"),
        form=SaveOptions.from_json(data.get("form", {})),
        data_hash="" if data_hash == NO_DATA_HASH else data_hash.removeprefix("0x"),
        spec=None if kind is None else kind.read(parsed(texts[kind.text])),
        accuracy=parsed(texts[ACCURACY_KEY]) if ACCURACY_KEY in texts else None,
        method=method,
    )
    return own, tree


def tree_of(checkpoints: Iterable[Checkpoint]) -> dict[str, Ancestor]:
    """The ancestors of a mix of these checkpoints: they themselves, and those that they bring along.

    A checkpoint whose metadata cannot be read counts as one of unknown origin.
    """
    out: dict[str, Ancestor] = {}
    for checkpoint in checkpoints:
        own: Ancestor | None = None
        tree: dict[str, Ancestor] = {}
        try:
            own, tree = read_tree(checkpoint.metadata)
        except RimoError as error:
            _log.warning("The metadata of %s cannot be read: %s", checkpoint.name, error)
        out = {**tree, **out}
        out[checkpoint.fingerprint] = replace(own or Ancestor(""), name=checkpoint.name)
    return out


def ancestry_json(
    recipe: Recipe, partition: Partition, form: SaveOptions, tree: Tree, base: Checkpoint, name: str
) -> dict[str, Any]:
    """What a new checkpoint's metadata says about its ancestors.

    Args:
        recipe: What it is mixed from.
        partition: The block groups of it.
        form: How it is written.
        tree: Its ancestors.
        base: Tells the sizes of the tensors.
        name: Of the new checkpoint.
    """
    return {
        "format": FORMAT,
        "name": name,
        "shares": [
            {"name": tree[f].name if f in tree else "?", "fingerprint": f, **found}
            for f, found in shares(recipe, partition, tree, base).items()
        ],
        "partition": partition.to_json(),
        "form": form.to_json(),
        "checkpoints": {fingerprint: node.to_json() for fingerprint, node in sorted(tree.items())},
    }


def shares(recipe: Recipe, partition: Partition, tree: Tree, base: Checkpoint) -> dict[str, dict[str, Any]]:
    """How much of each end of the tree is in a mix.

    Returns:
        Fingerprint -> ``{"share": of all merged numbers, "groups": {block group: share in it}}``, largest first. Empty
        for a recipe that is not linear.
    """
    mix = recipe.as_sum()
    if mix is None:
        return {}
    numel: dict[Place, int] = {}
    for key in base:
        place = place_of(key)
        if place is not None and partition.group_of(key) is not None:
            numel[place] = numel.get(place, 0) + base.spec(key).numel
    keys = {place: key for key in base if (place := place_of(key)) in numel and place is not None}
    found: dict[str, dict[str, list[tuple[float, int]]]] = {}
    for place, count in numel.items():
        group = partition.group_of(keys[place])
        for leaf, share in _leaf_shares(mix, partition, tree, keys[place], {}).items():
            found.setdefault(leaf, {}).setdefault(str(group), []).append((share, count))
    totals: dict[str, int] = {}
    for place, count in numel.items():
        group = str(partition.group_of(keys[place]))
        totals[group] = totals.get(group, 0) + count
    whole = sum(totals.values())
    out: dict[str, dict[str, Any]] = {
        leaf: {
            "share": round(math.fsum(s * n for part in groups.values() for s, n in part) / whole, DIGITS),
            "groups": {
                group: round(math.fsum(s * n for s, n in part) / totals[group], DIGITS)
                for group, part in groups.items()
            },
        }
        for leaf, groups in found.items()
    }
    return dict(sorted(out.items(), key=lambda item: (-item[1]["share"], item[0])))


def _leaf_shares(
    mix: Recipe, partition: Partition, tree: Tree, key: str, known: dict[str, dict[str, float] | None]
) -> dict[str, float]:
    """``s[., p]`` of a weighted sum at the place of ``key``; ``known`` holds that of ancestors met already."""
    group = partition.group_of(key)
    row = mix.row(group) if group is not None else (0.0,) * len(mix.partners)
    out: dict[str, float] = {}
    for source, weight in zip((mix.base, *mix.partners), (1.0 - math.fsum(row), *row), strict=True):
        if weight == 0.0:
            continue
        fingerprint = source.fingerprint
        if fingerprint not in known:
            known[fingerprint] = (
                None  # a forged tree may go in circles: an ancestor of itself counts as an end
            )
            node = tree.get(fingerprint)
            made = None if node is None or node.recipe is None else node.recipe.as_sum()
            if node is not None and made is not None and node.partition is not None:
                known[fingerprint] = _leaf_shares(made, node.partition, tree, key, known)
        for leaf, share in (known[fingerprint] or {fingerprint: 1.0}).items():
            out[leaf] = out.get(leaf, 0.0) + weight * share
    return out


def parsed(text: str) -> dict[str, Any]:
    """A text of the metadata that holds a JSON object.

    Raises:
        RecipeError: It does not.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError("A text in the metadata is damaged", found=str(error)) from error
    if not isinstance(data, dict):
        raise RecipeError("A text in the metadata is damaged", found=text[:200])
    return data
