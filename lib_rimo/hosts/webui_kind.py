"""Which WebUI this process is, told by what it has rather than by its version."""

from __future__ import annotations

import importlib.util
from typing import Any

from lib_rimo.errors import HostError
from lib_rimo.hosts.webui import WebuiHost


def open_webui_host() -> WebuiHost:
    """The adapter for the WebUI that this process is.

    Raises:
        HostError: It is none, or one whose way of keeping weights is not known.
    """
    if importlib.util.find_spec("modules") is None or importlib.util.find_spec("modules.sd_models") is None:
        raise HostError("This is no WebUI", wanted="a process of AUTOMATIC1111's WebUI or of Forge")
    from modules import sd_models

    if hasattr(sd_models, "forge_model_reload"):
        from lib_rimo.hosts.forge import ForgeHost

        return ForgeHost()
    if importlib.util.find_spec("modules_forge") is not None:
        raise HostError(
            "This fork of Forge keeps its weights in a way that is not known",
            found="modules_forge without sd_models.forge_model_reload",
            wanted="Forge, or AUTOMATIC1111's WebUI",
        )
    from lib_rimo.hosts.a1111 import A1111Host

    return A1111Host()


def option(name: str, default: Any) -> Any:
    """A value of the WebUI's settings page; the default where it has none."""
    from modules import shared

    value = shared.opts.data.get(name, default)
    return default if value is None else value
