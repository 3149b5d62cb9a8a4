"""File names that the user may give to a new checkpoint."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from lib_rimo.errors import SaveError
from lib_rimo.said import say

SUFFIX = ".safetensors"
MAX_NAME_BYTES = 200
"""Below the 255 bytes of every file system, with room for the ending of a temporary file."""
_FORBIDDEN = '<>:"/\\|?*'
"""What Windows or a path cannot hold; refused everywhere, so that a study can move between machines."""
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{p}{n}" for p in ("com", "lpt") for n in "0123456789¹²³"}
"""Device names of Windows, whatever follows their first dot."""


def checkpoint_file(folder: Path, name: str) -> Path:
    """The path that a new checkpoint of this name gets.

    Args:
        folder: The folder it belongs into.
        name: What the user typed, with or without ``.safetensors``.

    Raises:
        SaveError: The name has path parts, is not a name on every system, or is taken.
    """
    name = unicodedata.normalize("NFC", name)
    stem = name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else name
    bad = _complaint(stem)
    if bad:
        raise SaveError(
            "This is no name for a checkpoint",
            found=say("{1}, which {2}", repr(name), say(bad)),
            wanted="a plain file name without folders",
            fix="Choose another name",
        )
    file = folder / f"{stem}{SUFFIX}"
    # Compared without case: on Windows and macOS a name in other letters is the same file.
    taken = {entry.name.casefold() for entry in folder.iterdir()} if folder.is_dir() else set()
    for path in (file, file.with_suffix(".yaml")):
        if path.name.casefold() in taken:
            raise SaveError(
                "There is a file of this name already",
                found=path,
                wanted="a new name",
                fix="Choose another name",
            )
    return file


def _complaint(stem: str) -> str:
    checks = (
        (not stem.strip(), "is empty"),
        (any(c in _FORBIDDEN for c in stem), f"has one of {_FORBIDDEN}"),
        (any(unicodedata.category(c).startswith("C") for c in stem), "has invisible characters"),
        (stem.startswith((".", " ")) or stem.endswith((".", " ")), "begins or ends with a dot or a space"),
        (stem.partition(".")[0].strip().lower() in _RESERVED, "is reserved by Windows"),
        (
            stem.lower().endswith((".ckpt", ".pt", ".pth", ".bin", ".yaml")),
            "has the ending of another kind of file",
        ),
        (len(stem.encode("utf-8", "replace")) > MAX_NAME_BYTES, f"is longer than {MAX_NAME_BYTES} bytes"),
    )
    return next((why for wrong, why in checks if wrong), "")
