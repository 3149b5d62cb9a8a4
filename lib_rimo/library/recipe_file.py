"""Where a recipe is found: a checkpoint's metadata, a recipe file, a result that holds one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lib_rimo.errors import RecipeError
from lib_rimo.files import read_text
from lib_rimo.merging.checkpoints.checkpoint import SUFFIXES, open_checkpoint
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.saving.ancestry import RECIPE_KEY


def read_json(path: Path) -> Any:
    """A file's JSON.

    Raises:
        RecipeError: There is no such file, or it is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError("The recipe cannot be read", found=f"{path}: {error}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise RecipeError("The recipe is not valid JSON", found=f"{path}: {error}") from error


def read_recipe(path: str | Path) -> Recipe:
    """Reads a recipe from its own file, from a result that holds one, or from a checkpoint that was saved from one.

    Raises:
        RecipeError: There is no such file, or no recipe in it.
        CheckpointError: The checkpoint is missing or damaged.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() in SUFFIXES:
        texts = read_texts(path)
        if RECIPE_KEY not in texts:
            raise RecipeError("The checkpoint was not saved from a recipe", found=path)
        return Recipe.from_text(texts[RECIPE_KEY])
    data = read_json(path)
    if isinstance(data, dict) and isinstance(data.get("recipe"), dict):
        data = data["recipe"]
    return Recipe.from_json(data)


def read_texts(path: Path) -> dict[str, str]:
    """The metadata of a saved checkpoint.

    It comes from the checkpoint, from what ``rimo history --json`` wrote, or is as much of it as a recipe file has.

    Raises:
        RecipeError: There is no such file, or no recipe in it.
        CheckpointError: The checkpoint is missing or damaged.
    """
    if path.suffix.lower() in SUFFIXES:
        with open_checkpoint(path) as checkpoint:
            return dict(checkpoint.metadata)
    data = read_json(path)
    texts = data.get("metadata") if isinstance(data, dict) else None
    if texts is None:
        return {RECIPE_KEY: read_recipe(path).to_text()}
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise RecipeError("The metadata is damaged", found=path, wanted="texts")
    return texts
