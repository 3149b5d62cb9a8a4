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
from lib_rimo.merging.mix.contact_spec import ContactSpec
from lib_rimo.merging.mix.partition import Partition, partition_from_json
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.saving.options import SaveOptions

ANCESTRY_KEY = "rimo_ancestry"
RECIPE_KEY = "rimo_recipe"
CONTACT_KEY = "rimo_contact"
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
        contact: What it is, if it is a contact fusion that was never a file; ``partition`` is then that of its ranks.
        accuracy: Its measurement, if it was measured.
    """

    name: str
    sha256: str = ""
    recipe: Recipe | None = None
    partition: Partition | None = None
    form: SaveOptions = field(default_factory=SaveOptions)
    data_hash: str = ""
    contact: ContactSpec | None = None
    accuracy: Mapping[str, Any] | None = None

    def parents(self) -> tuple[str, ...]:
        """Fingerprints of what it is made from."""
        if self.contact is not None:
            return (self.contact.kept.fingerprint, self.contact.donor.fingerprint)
        if self.recipe is None:
            return ()
        return tuple(source.fingerprint for source in (self.recipe.base, *self.recipe.used_partners()))

    def to_json(self) -> dict[str, Any]:
        """A plain form; what is empty is left out."""
        out: dict[str, Any] = {"name": self.name, "sha256": self.sha256, "data_hash": self.data_hash}
        if self.recipe is not None:
            out |= {"recipe": self.recipe.to_json(), "form": self.form.to_json()}
        if self.contact is not None:
            out["contact"] = self.contact.to_json()
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
        return cls(
            str(data.get("name", "?")),
            str(data.get("sha256", "")),
            Recipe.from_json(data["recipe"]) if "recipe" in data else None,
            None if partition is None else partition_from_json(partition, "in the metadata"),
            SaveOptions.from_json(data.get("form", {})),
            str(data.get("data_hash", "")),
            ContactSpec.from_json(data["contact"]) if "contact" in data else None,
            accuracy if isinstance(accuracy, Mapping) else None,
        )


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
    if RECIPE_KEY not in texts and CONTACT_KEY not in texts:
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
        recipe=Recipe.from_text(texts[RECIPE_KEY]) if RECIPE_KEY in texts else None,
        partition=None if partition is None else partition_from_json(partition, "in the metadata"),
        form=SaveOptions.from_json(data.get("form", {})),
        data_hash="" if data_hash == NO_DATA_HASH else data_hash.removeprefix("0x"),
        contact=ContactSpec.from_json(parsed(texts[CONTACT_KEY])) if RECIPE_KEY not in texts else None,
        accuracy=parsed(texts[ACCURACY_KEY]) if ACCURACY_KEY in texts else None,
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
        Fingerprint -> ``{"share": of all merged numbers, "groups": {block group: share in it}}``, largest first.
    """
    numel: dict[Place, int] = {}
    for key in base:
        place = place_of(key)
        if place is not None and partition.group_of(key) is not None:
            numel[place] = numel.get(place, 0) + base.spec(key).numel
    keys = {place: key for key in base if (place := place_of(key)) in numel and place is not None}
    found: dict[str, dict[str, list[tuple[float, int]]]] = {}
    for place, count in numel.items():
        group = partition.group_of(keys[place])
        for leaf, share in _leaf_shares(recipe, partition, tree, keys[place], {}).items():
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
    recipe: Recipe, partition: Partition, tree: Tree, key: str, known: dict[str, dict[str, float] | None]
) -> dict[str, float]:
    """``s[., p]`` of a recipe at the place of ``key``; ``known`` holds that of ancestors met already."""
    group = partition.group_of(key)
    row = recipe.row(group) if group is not None else (0.0,) * len(recipe.partners)
    out: dict[str, float] = {}
    for source, weight in zip(recipe.sources(), (1.0 - math.fsum(row), *row), strict=True):
        if weight == 0.0:
            continue
        fingerprint = source.fingerprint
        if fingerprint not in known:
            known[fingerprint] = (
                None  # a forged tree may go in circles: an ancestor of itself counts as an end
            )
            node = tree.get(fingerprint)
            if node is not None and node.recipe is not None and node.partition is not None:
                known[fingerprint] = _leaf_shares(node.recipe, node.partition, tree, key, known)
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
