"""What a merged checkpoint says about itself. Every value is a text, as the file format asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lib_rimo.errors import ArchitectureError
from lib_rimo.files import json_text
from lib_rimo.merging.checkpoints.architecture import recognise
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint
from lib_rimo.merging.checkpoints.digest import DATA_HASH_KEY, NO_DATA_HASH, file_sha256, legacy_hash
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.ancestry import ANCESTRY_KEY, RECIPE_KEY, Ancestor, ancestry_json, tree_of
from lib_rimo.merging.saving.options import SaveOptions

MERGE_TYPE = "rimo-random-mix"

_INHERITED = ("modelspec.prediction_type", "modelspec.resolution", "modelspec.license")
"""True of a merge as of its base."""


def merge_metadata(
    recipe: Recipe, sources: Sources, partition: Partition, title: str, form: SaveOptions
) -> dict[str, str]:
    """The texts for a merged checkpoint's header; equal for equal recipes, forms and titles.

    Args:
        recipe: What was mixed. Its text goes in without the paths of the user's machine.
        sources: Open files.
        partition: The block groups of the recipe.
        title: Name of the new model.
        form: How it is written.
    """
    checkpoints = sources.open_all(recipe)
    tree = _hashed(tree_of(checkpoints), sources)
    out = {
        "format": "pt",
        RECIPE_KEY: recipe.to_text(),
        ANCESTRY_KEY: _dump(ancestry_json(recipe, partition, form, tree, checkpoints[0], title)),
        "sd_merge_recipe": _dump({"type": MERGE_TYPE, "custom_name": title, "recipe": recipe.to_json()}),
        "sd_merge_models": _dump(_merge_models(checkpoints, tree)),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.title": title,
        "modelspec.merged_from": ", ".join(c.name for c in checkpoints),
        DATA_HASH_KEY: NO_DATA_HASH,
    }
    base = checkpoints[0]
    try:
        found = recognise(base)
    except ArchitectureError:  # the engine also merges what is no Stable Diffusion model
        pass
    else:
        # Names of the modelspec standard, https://github.com/Stability-AI/ModelSpec.
        kind = found.family.names.get("modelspec", found.name)
        out["modelspec.architecture"] = kind + ("/inpainting" if found.inpainting else "")
    out.update({key: base.metadata[key] for key in _INHERITED if key in base.metadata})
    return out


def _hashed(tree: Mapping[str, Ancestor], sources: Sources) -> dict[str, Ancestor]:
    """The tree with the SHA-256 of every file that is at hand."""
    out = {}
    for fingerprint, node in tree.items():
        path = sources.path_of(fingerprint)
        out[fingerprint] = replace(node, sha256=file_sha256(path)) if path is not None else node
    return out


def _merge_models(checkpoints: tuple[Checkpoint, ...], tree: Mapping[str, Ancestor]) -> dict[str, Any]:
    """The WebUI's family tree: SHA-256 of each file -> its name, and the trees that the files bring along."""
    out: dict[str, Any] = {}
    for checkpoint in checkpoints:
        out.update(_parsed(checkpoint.metadata, "sd_merge_models"))
        out[tree[checkpoint.fingerprint].sha256 or checkpoint.fingerprint] = {
            "name": checkpoint.name,
            "legacy_hash": legacy_hash(checkpoint.path),
            "sd_merge_recipe": _parsed(checkpoint.metadata, "sd_merge_recipe") or None,
        }
    return out


def _parsed(metadata: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        data = json.loads(metadata.get(key, "{}"))
    except (ValueError, RecursionError):  # another program's text; without it only the tree is shorter
        return {}
    return data if isinstance(data, dict) else {}


def _dump(data: Mapping[str, Any]) -> str:
    return json_text(data, sort_keys=True)
