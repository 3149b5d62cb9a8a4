"""What crosses to a drawer in another process, as plain values: an order there, and an error back.

The side of the study sends ``order_to_json(recipe, requests, files)``. The other one draws what ``order_of`` reads and
sends the pictures, or ``error_to_json(error)``, which is raised here as ``error_of`` reads it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from lib_rimo import errors
from lib_rimo.errors import HostError, RimoError
from lib_rimo.hosts.drawers.drawer import Files
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.merging.mix.partition import Partition, partition_from_json
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.said import say

Order = tuple[Recipe, list[ImageRequest], Partition]


def order_to_json(recipe: Recipe, requests: Sequence[ImageRequest], files: Files) -> dict[str, Any]:
    """Everything that a batch needs: a recipe that names its files by path, requests, block groups.

    Raises:
        HostError: The recipe is over a checkpoint without a file, such as a repair that is not saved.
        CheckpointError: A file is missing.
    """
    placed = _placed(recipe, files)
    return {
        "recipe": placed.to_json(with_paths=True),
        "partition": files.partition.to_json(),
        "requests": [dataclasses.asdict(request) for request in requests],
    }


def order_of(data: Mapping[str, Any]) -> Order:
    """Reads what ``order_to_json`` wrote.

    Raises:
        RecipeError: It is of another version.
    """
    recipe = Recipe.from_json(data["recipe"])
    requests = [ImageRequest(**request) for request in data["requests"]]
    return recipe, requests, partition_from_json(data["partition"], recipe.partition)


def error_to_json(error: BaseException) -> dict[str, Any]:
    """An error with everything that its text says."""
    if not isinstance(error, RimoError):
        return {"kind": HostError.__name__, "what": f"Unexpected {type(error).__name__}", "found": str(error)}
    plain = {"found": error.found, "wanted": error.wanted}
    told = {name: value if value is None else str(value) for name, value in plain.items()}
    return {"kind": type(error).__name__, "what": error.what, **told, "fix": error.fix}


def error_of(data: Mapping[str, Any]) -> RimoError:
    """The error again; one of a kind that takes more than its text is a ``HostError``."""
    kind = getattr(errors, str(data["kind"]), HostError)
    if not issubclass(kind, RimoError) or kind is errors.SettingsError:
        kind = HostError
    made: RimoError = kind(
        str(data["what"]), found=data.get("found"), wanted=data.get("wanted"), fix=str(data.get("fix") or "")
    )
    return made


def _placed(recipe: Recipe, files: Files) -> Recipe:
    """A recipe whose checkpoints say where their files are, the recipe before it included."""
    files.sources.open_all(recipe)
    used = recipe.used_partners()
    return dataclasses.replace(
        recipe,
        base=_file_of(recipe.base, files),
        partners=tuple(_file_of(p, files) if p in used else p for p in recipe.partners),
        before=None if recipe.before is None else _placed(recipe.before, files),
    )


def _file_of(source: Source, files: Files) -> Source:
    """A checkpoint with the place of its file."""
    path = files.sources.path_of(source.fingerprint)
    if path is None:
        raise HostError(
            "Only mixes of files can be drawn in another process",
            found=say("{1}, which has no file", source.name),
            fix="Save it first",
        )
    return dataclasses.replace(source, path=path.resolve())
