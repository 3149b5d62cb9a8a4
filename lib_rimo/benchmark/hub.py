"""Known taggers, fetched from the Hugging Face hub when one is first used."""

from __future__ import annotations

import difflib
import importlib
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from lib_rimo.errors import TaggerError
from lib_rimo.said import say

log = logging.getLogger("rimo")

HUB = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class KnownTagger:
    """A tagger on the hub.

    Attributes:
        repository: ``owner/name``.
        files: What ``open_tagger`` needs of it.
    """

    repository: str
    files: tuple[str, ...]


def _wd14(name: str) -> KnownTagger:
    return KnownTagger(f"SmilingWolf/{name}", ("selected_tags.csv", "model.onnx"))


KNOWN_TAGGERS: Mapping[str, KnownTagger] = MappingProxyType(
    {
        "wd-vit-tagger-v3": _wd14("wd-vit-tagger-v3"),
        "wd-swinv2-tagger-v3": _wd14("wd-swinv2-tagger-v3"),
        "wd-convnext-tagger-v3": _wd14("wd-convnext-tagger-v3"),
        "wd-vit-large-tagger-v3": _wd14("wd-vit-large-tagger-v3"),
        "wd-eva02-large-tagger-v3": _wd14("wd-eva02-large-tagger-v3"),
        "ml-danbooru-caformer": KnownTagger(
            "deepghs/ml-danbooru-onnx", ("classes.json", "ml_caformer_m36_dec-5-97527.onnx")
        ),
    }
)
"""Names that users may choose from; the last is upstream's."""


def fetch_tagger(name: str, folder: Path, *, endpoint: str | None = None) -> Path:
    """Makes sure that a known tagger's files lie in a folder; downloads those that are missing.

    A progress bar shows each download. A file appears under its name only when it is complete; an interrupted
    download is taken up again by the next call.

    Args:
        name: One of ``KNOWN_TAGGERS``.
        folder: Where taggers live; the files go to ``folder / name``.
        endpoint: Another hub than the public one, for mirrors.

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
    missing = [file for file in known.files if not (target / file).is_file()]
    if not missing:
        return target
    try:
        # Here and not above: the program works without the hub, and its import takes a second.
        hub = importlib.import_module("huggingface_hub")
        target.mkdir(parents=True, exist_ok=True)
        for file in missing:
            log.info("fetching %s of %s", file, known.repository)
            hub.hf_hub_download(known.repository, file, local_dir=str(target), endpoint=endpoint)
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


def _reason(error: Exception) -> str:
    """The innermost cause in a line: the hub wraps the one that tells something."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{type(cause).__name__}: {str(cause).strip().partition(chr(10))[0]}"[:300]
