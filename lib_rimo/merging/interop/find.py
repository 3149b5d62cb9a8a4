"""Finding the files of another program's models: by name, by hash, or by both.

A model is named as the programs name it: ``name``, ``folder/name.safetensors``, ``folder_name`` (the WebUI's
``model_name``), each with or without ``[31e35c80fc]`` behind it, or by its SHA-256 alone. Where a hash is told, the
name is a hint which file to look at first. No file is read twice, none whose hash is known, and none that another
cheap hash rules out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from lib_rimo.merging.checkpoints.checkpoint import SUFFIXES
from lib_rimo.merging.checkpoints.digest import legacy_hash
from lib_rimo.merging.checkpoints.hashes import Hashes
from lib_rimo.merging.interop.linear import LinearRecipe

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TITLE = re.compile(r"(?P<name>.*?)\s*\[(?P<hash>[0-9a-f]{6,64})\]", re.DOTALL)
"""The WebUI writes a model as ``folder/name.safetensors [31e35c80fc]``."""
_LEGACY_DIGITS = 8


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A model of the recipe.

    Attributes:
        told: What it is called, for messages.
        named: Files of its name, the most alike first.
        sha256: Its hash; empty where the recipe tells none.
        start: The first digits of it, which stood behind the name.
        legacy: Its hash of the WebUI's first kind, if that is told.
    """

    told: str
    named: tuple[Path, ...]
    sha256: str
    start: str
    legacy: str

    @property
    def digits(self) -> str:
        """By what its file is looked for among all; empty where a name has to do."""
        return self.sha256 or ("" if self.named or len(self.start) <= _LEGACY_DIGITS else self.start)

    def by_name(self, hashes: Hashes) -> Path | None:
        """The file where the recipe tells no whole hash; one of several is chosen by the digits behind its name."""
        if len(self.named) > 1 and self.start:
            for path in self.named:
                if self._starts(path, hashes):
                    return path
        return next(iter(self.named), None)

    def _starts(self, path: Path, hashes: Hashes) -> bool:
        if len(self.start) == _LEGACY_DIGITS and legacy_hash(path) == self.start:
            return True
        return hashes.sha256(path).startswith(self.start)


def find_models(foreign: LinearRecipe, paths: Sequence[Path], hashes: Hashes) -> dict[str, Path | str]:
    """The file of every model of a recipe, or what to say about one that is not there.

    Args:
        foreign: The recipe.
        paths: Checkpoint files to choose from.
        hashes: Tells their content.
    """
    wanted = {model: _wanted(model, foreign, paths) for model in foreign.models()}
    found: dict[str, Path | str] = {}
    _by_hash({model: one for model, one in wanted.items() if one.digits}, paths, hashes, found)
    for model, one in wanted.items():
        path = found.get(model) or (None if one.sha256 else one.by_name(hashes))
        found[model] = path or (
            f"{one.told} (only a file of this name with another content)" if one.named else one.told
        )
    return {model: found[model] for model in wanted}


def _by_hash(
    wanted: dict[str, _Wanted], paths: Sequence[Path], hashes: Hashes, found: dict[str, Path | str]
) -> None:
    """Puts what is found into ``found``: first what is known, then those of a likely name, then the others."""
    by_sha: dict[str, list[str]] = {}
    for model, one in wanted.items():
        by_sha.setdefault(one.digits, []).append(model)
    likely = list(dict.fromkeys([*(path for one in wanted.values() for path in one.named), *paths]))

    def take(path: Path, sha256: str) -> None:
        for digits in [digits for digits in by_sha if sha256.startswith(digits)]:
            found.update(dict.fromkeys(by_sha.pop(digits), path))

    for path in likely:
        take(path, hashes.known(path))
    named = {path: [m for m, one in wanted.items() if path in one.named] for path in likely}
    told = {
        path: any(sha.startswith(digits) for sha in hashes.likely(path) for digits in by_sha)
        for path in likely
    }
    for path in sorted(likely, key=lambda path: (not told[path], not named[path])):
        if not by_sha:
            return
        left = [model for models in by_sha.values() for model in models]
        if any(model in left for model in named[path]) or not hashes.known(path):
            short = [wanted[model].legacy for model in left]
            take(path, hashes.sha256(path, frozenset(short) if all(short) else None))


def _wanted(model: str, foreign: LinearRecipe, paths: Sequence[Path]) -> _Wanted:
    sha256 = model if _SHA256.fullmatch(model) else ""
    whole = foreign.names.get(model, "" if sha256 else model)
    title = _TITLE.fullmatch(whole)
    name, start = (title["name"], title["hash"]) if title else (whole, "")
    known = sha256 or next((sha for sha, other in foreign.names.items() if other in (whole, name)), "")
    if not known and _SHA256.fullmatch(start):
        known = start
    told = whole or f"SHA-256 {sha256[:12]}"
    named = _named(name, paths, is_exact=foreign.is_exact)
    return _Wanted(told, named, known, start, foreign.legacy.get(known, ""))


def _named(name: str, paths: Sequence[Path], *, is_exact: bool) -> tuple[Path, ...]:
    """Files of a name, with or without its ending or the folders that it names; the most alike first."""
    *folders, plain = name.replace("\\", "/").split("/")
    if not plain:
        return ()
    wanted = {plain, *(f"{plain}{suffix}" for suffix in SUFFIXES)}
    if is_exact:
        wanted.add(name.rpartition("/")[2])  # outside Windows a name may hold a backslash
    named = [path for path in paths if path.name in wanted]
    if not named and not is_exact:
        named = [path for path in paths if wanted & _flat(path)]
    return tuple(sorted(named, key=lambda path: -_shared_end(folders, path.parent.parts)))


def _flat(path: Path) -> set[str]:
    """The names that the WebUI gives a file in folders: their names and its own in one."""
    parts = path.parts[1:] if path.is_absolute() else path.parts
    return {"_".join(parts[start:]) for start in range(len(parts))}


def _shared_end(one: Sequence[str], other: Sequence[str]) -> int:
    """How many folders next to the file have the same names."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
