"""What a merged checkpoint says about itself. Every value is a text, as the file format asks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib_rimo.errors import ArchitectureError
from lib_rimo.merging.architecture import recognise
from lib_rimo.merging.checkpoint import Checkpoint
from lib_rimo.merging.recipe import Recipe
from lib_rimo.merging.sources import Sources

RECIPE_KEY = "rimo_recipe"
MERGE_TYPE = "rimo-random-mix"

_ARCHITECTURES = {
    "sd1": "stable-diffusion-v1",
    "sd2": "stable-diffusion-v2",
    "sdxl-base": "stable-diffusion-xl-v1-base",
    "sdxl-refiner": "stable-diffusion-xl-v1-refiner",
}
"""Names of the modelspec standard, https://github.com/Stability-AI/ModelSpec."""
_INHERITED = ("modelspec.prediction_type", "modelspec.resolution", "modelspec.license")
"""True of a merge as of its base."""
_LEGACY_START, _LEGACY_BYTES, _LEGACY_DIGITS = 0x100000, 0x10000, 8
"""The WebUI's first way to name a model: a hash over 64 KiB at 1 MiB."""
_READ_BYTES = 1 << 20


def merge_metadata(recipe: Recipe, sources: Sources, title: str) -> dict[str, str]:
    """The texts for a merged checkpoint's header; equal for equal recipes and titles.

    Args:
        recipe: What was mixed. Its text goes in without the paths of the user's machine.
        sources: Open files.
        title: Name of the new model.
    """
    checkpoints = sources.open_all(recipe)
    names = [c.name for c in checkpoints]
    out = {
        "format": "pt",
        RECIPE_KEY: recipe.to_text(),
        "sd_merge_recipe": _dump({"type": MERGE_TYPE, "custom_name": title, "recipe": recipe.to_json()}),
        "sd_merge_models": _dump(_merge_models(checkpoints)),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "modelspec.title": title,
        "modelspec.merged_from": ", ".join(names),
    }
    base = checkpoints[0]
    try:
        found = recognise(base)
    except ArchitectureError:  # the engine also merges what is no Stable Diffusion model
        pass
    else:
        out["modelspec.architecture"] = _ARCHITECTURES[found.name] + (
            "/inpainting" if found.inpainting else ""
        )
    out.update({key: base.metadata[key] for key in _INHERITED if key in base.metadata})
    return out


def _merge_models(checkpoints: tuple[Checkpoint, ...]) -> dict[str, Any]:
    """The WebUI's family tree: SHA-256 of each file -> its name, and the trees that the files bring along."""
    out: dict[str, Any] = {}
    for checkpoint in checkpoints:
        out.update(_parsed(checkpoint.metadata, "sd_merge_models"))
        out[_hash_of(checkpoint.path) or checkpoint.fingerprint] = {
            "name": checkpoint.name,
            "legacy_hash": _legacy_hash(checkpoint.path),
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
    return json.dumps(data, sort_keys=True, ensure_ascii=False)


def _hash_of(path: Path) -> str:
    """SHA-256 of a whole file, empty if it is gone by now (an open study survives that)."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
    except OSError:
        return ""
    return digest.hexdigest()


def _legacy_hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(_LEGACY_START)
            return hashlib.sha256(file.read(_LEGACY_BYTES)).hexdigest()[:_LEGACY_DIGITS]
    except OSError:
        return ""
