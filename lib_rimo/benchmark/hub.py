"""Known taggers, fetched from the Hugging Face hub when one is first used or asked for."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import json
import logging
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lib_rimo.errors import TaggerError
from lib_rimo.said import say

log = logging.getLogger("rimo")

HUB = "https://huggingface.co"
PARTIAL = ".download"
"""Inside a tagger's folder: what is not complete yet."""
LOOKS_S = 0.5
"""How often a download that is under way is looked at."""
_UNREACHABLE = {
    "ConnectionError",
    "ConnectError",
    "ConnectTimeout",
    "NewConnectionError",
    "NameResolutionError",
}
"""How the clients of the hub's versions call it when nobody answers."""
_SHA256, _GIT = 64, 40
_BLOCK_BYTES = 1 << 20

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes that there will be, 0 if the hub does not say."""


@dataclass(frozen=True, slots=True)
class KnownTagger:
    """A tagger on the hub.

    Attributes:
        name: That it is chosen by.
        repository: ``owner/name``.
        files: What ``open_tagger`` needs of it.
        size_bytes: Of all of them; None where it is only known once the download begins.
        licence: Its short name.
        good_for: A sentence for the user.
        threshold: That its makers publish, for general tags.
        character_threshold: For tags that name a character; None where it does not tell them apart.
        source: Of the two.
    """

    name: str
    repository: str
    files: tuple[str, ...]
    size_bytes: int | None
    licence: str
    good_for: str
    threshold: float
    character_threshold: float | None
    source: str


def _all() -> dict[str, KnownTagger]:
    text = resources.files("lib_rimo.benchmark").joinpath("data").joinpath("taggers.json").read_text("utf-8")
    listed = (KnownTagger(**{**row, "files": tuple(row["files"])}) for row in json.loads(text)["taggers"])
    return {tagger.name: tagger for tagger in listed}


KNOWN_TAGGERS: Mapping[str, KnownTagger] = MappingProxyType(_all())
"""Those that users may choose from, by name; the last is upstream's."""


def missing_files(name: str, folder: Path) -> list[str]:
    """Which files of a known tagger are not here yet."""
    return [file for file in KNOWN_TAGGERS[name].files if not (folder / name / file).is_file()]


def fetch_tagger(
    name: str, folder: Path, *, endpoint: str | None = None, progress: Progress | None = None
) -> Path:
    """Makes sure that a known tagger's files lie in a folder; downloads those that are missing.

    A file appears under its name only when it is complete and what the hub says that it is; an interrupted download is
    taken up again by the next call. In a terminal a bar shows each download.

    Args:
        name: One of ``KNOWN_TAGGERS``.
        folder: Where taggers live; the files go to ``folder / name``.
        endpoint: Another hub than the public one, for mirrors.
        progress: Told now and then how far it is.

    Returns:
        The folder to give to ``open_tagger``.

    Raises:
        TaggerError: The name is unknown, or a file is missing and cannot be fetched; the text says which files to
            put where by hand.
    """
    known = KNOWN_TAGGERS.get(name)
    if known is None:
        raise unknown_tagger(name, KNOWN_TAGGERS)
    target = Path(folder) / name
    missing = missing_files(name, Path(folder))
    if not missing:
        return target
    try:
        # Here and not above: the program works without the hub, and its import takes a second.
        hub = importlib.import_module("huggingface_hub")
        target.mkdir(parents=True, exist_ok=True)
        published = {file: _published(hub, known, file, endpoint) for file in missing}
        size = sum(size for size, _ in published.values())
        _check_room(target, size)
        with _watched([target / PARTIAL, *(target / file for file in missing)], size, progress):
            for file in missing:
                log.info("fetching %s of %s", file, known.repository)
                kept = hub.hf_hub_download(
                    known.repository, file, local_dir=str(target / PARTIAL), endpoint=endpoint
                )
                _check(Path(kept), *published[file])
                Path(kept).replace(target / file)
        shutil.rmtree(target / PARTIAL, ignore_errors=True)
    except Exception as error:  # the hub's errors differ between its versions and share no base class
        raise TaggerError(
            say("The tagger {1} could not be fetched", name),
            found=_reason(error),
            wanted=say("{1} in {2}", " and ".join(missing), target),
            fix=say(
                "Connect to the internet and try again, or download {1} from {2}/{3} and put them into {4}",
                " and ".join(missing),
                endpoint or HUB,
                known.repository,
                target,
            ),
        ) from error
    return target


def unknown_tagger(name: str, names: Collection[str]) -> TaggerError:
    """What to say of a name that none of these taggers has."""
    close = difflib.get_close_matches(name, names, n=1)
    return TaggerError(
        "There is no known tagger of that name",
        found=name,
        wanted=", ".join(names),
        fix=say("Did you mean {1}?", close[0]) if close else "Choose one of them, or name a folder",
    )


def _published(hub: Any, known: KnownTagger, file: str, endpoint: str | None) -> tuple[int, str]:
    """Size and digest of a file as the hub publishes them; 0 and empty where it does not, or has no such file."""
    try:
        found = hub.get_hf_file_metadata(hub.hf_hub_url(known.repository, file, endpoint=endpoint))
    except Exception as error:  # noqa: BLE001 - as above; if it matters, the download will say so
        log.info("%s of %s has no published size: %s", file, known.repository, error)
        return 0, ""
    return int(found.size or 0), str(found.etag or "")


def _check_room(target: Path, wanted: int) -> None:
    """Refuses a download that the disk has no room for.

    Raises:
        TaggerError: It has none.
    """
    free = shutil.disk_usage(target).free
    if free < wanted:
        told = "{1} GB are free in {2}, {3} GB are needed"
        raise TaggerError(say(told, f"{free / 1e9:.1f}", target, f"{wanted / 1e9:.1f}"))


def _check(path: Path, size: int, digest: str) -> None:
    """Throws a file away that is not what the hub published.

    Raises:
        TaggerError: It is not.
    """
    found = path.stat().st_size
    if (size and found != size) or (digest and _digest(path, len(digest)) not in ("", digest)):
        path.unlink()
        raise ValueError(
            f"{path.name} came with {found} bytes and is not the published file; it is thrown away"
        )


def _digest(path: Path, length: int) -> str:
    """The digest that the hub has for a file: SHA-256 of a large one, git's of a small one; empty for another kind."""
    if length == _SHA256:
        digest = hashlib.sha256()
    elif length == _GIT:
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    else:
        return ""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _watched(places: Sequence[Path], size: int, progress: Progress | None) -> Iterator[None]:
    """Tells how much is here, by what lies there: the hub's client has no way to ask in all its versions."""
    if progress is None:
        yield
        return
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOKS_S):
            progress(sum(map(_bytes_in, places)), size)

    progress(sum(map(_bytes_in, places)), size)
    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _bytes_in(place: Path) -> int:
    total = 0
    for path in (place, *place.rglob("*")):
        try:
            total += (
                path.stat().st_size if path.is_file() and path.suffix not in (".lock", ".metadata") else 0
            )
        except OSError:  # moved meanwhile
            continue
    return total


def _reason(error: Exception) -> str:
    """The innermost cause in a line: the hub's client wraps the one that tells something."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    if isinstance(error, TaggerError):
        return error.what
    kinds = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    if "OfflineModeIsEnabled" in kinds:
        return say("the setting HF_HUB_OFFLINE, which forbids downloads")
    if kinds & _UNREACHABLE:
        return say("no connection to the hub")
    told = next((cause for cause in causes if cause.__cause__ is None), error)
    return f"{type(told).__name__}: {str(told).strip().partition(chr(10))[0]}"[:300]
