"""What the WebUI hosts check of files and names before they act."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lib_rimo.errors import CheckpointError, HostError
from lib_rimo.merging.checkpoints.checkpoint import open_checkpoint
from lib_rimo.said import say


def keys_of(checkpoint: Path) -> tuple[str, ...]:
    """The names of a checkpoint's tensors.

    Raises:
        HostError: The file is missing or damaged.
    """
    if not checkpoint.is_file():
        raise HostError("The checkpoint is missing", found=str(checkpoint), wanted="a file that exists")
    try:
        with open_checkpoint(checkpoint) as opened:
            return opened.keys()
    except CheckpointError as error:
        raise HostError("The checkpoint cannot be loaded", found=str(error)) from error


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file."""
    return one.resolve() == other.resolve()


def require_known(what: str, name: str, names: Sequence[str]) -> None:
    """Refuses a name that is not on a list.

    Raises:
        HostError: It is not.
    """
    if name not in names:
        raise HostError(
            say("The {1} is unknown", say(what)), found=repr(name), wanted=say("one of {1}", ", ".join(names))
        )


def refuse_vae(vae: Path | None) -> None:
    """Refuses a VAE of one's choice: a WebUI has a choice of its own, which is the user's.

    Raises:
        HostError: There is one.
    """
    if vae is not None:
        raise HostError(
            "The WebUI draws with the VAE that is selected in it",
            found=vae.name,
            fix="Leave VAE empty and select it in the WebUI",
        )
