"""The host without a WebUI: diffusers pipelines."""

from __future__ import annotations

from typing import Any

__all__ = ["DiffusersHost"]


def __getattr__(name: str) -> Any:
    """The host is imported when it is asked for: those who only ask for a file of this room need no torch."""
    if name in __all__:
        from lib_rimo.hosts.diffusers.host import DiffusersHost

        return DiffusersHost
    raise AttributeError(name)
