"""Attributes of the host's modules that are others for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    """Another attribute inside; the one from before comes back, unless somebody else has put a third there."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if getattr(owner, name) is value:
            setattr(owner, name, before)


def only_here(mine: Callable[..., object], others: Callable[..., object]) -> Callable[..., object]:
    """A function that is one for the calling thread and another for all the rest."""
    here = threading.get_ident()

    def choose(*args: object, **kwargs: object) -> object:
        return mine(*args, **kwargs) if threading.get_ident() == here else others(*args, **kwargs)

    return choose
