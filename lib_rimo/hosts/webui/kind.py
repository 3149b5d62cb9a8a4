"""Which WebUI this process is, told by what it has rather than by its name or version."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from lib_rimo.errors import HostError
from lib_rimo.hosts.webui.host import WebuiHost
from lib_rimo.said import say

_EVERYWHERE: Mapping[str, Sequence[str]] = {
    "call_queue": ("queue_lock",),
    "devices": ("device",),
    "processing": ("StableDiffusionProcessingTxt2Img", "process_images"),
    "sd_models": ("checkpoints_list", "get_closet_checkpoint_match", "list_models", "model_data"),
    "sd_samplers": ("all_samplers",),
    "sd_schedulers": ("schedulers",),
    "shared": ("cmd_opts", "opts", "state"),
}
"""What both adapters use of the WebUI: module -> names."""
_A1111: Mapping[str, Sequence[str]] = {
    "sd_models": ("SkipWritingToConfig", "reload_model_weights"),
    "sd_unet": ("current_unet",),
    "sd_vae": ("loaded_vae_file",),
}
_FORGE: Mapping[str, Sequence[str]] = {
    "sd_models": ("forge_model_reload",),
    "processing": ("need_global_unload",),
}
SERVED = "AUTOMATIC1111's WebUI 1.10, Forge, ersatzForge or Forge Neo"


def open_webui_host() -> WebuiHost:
    """The adapter for the WebUI that this process is.

    Raises:
        HostError: It is none, or one that lacks what an adapter needs; the text names program and lack.
    """
    if importlib.util.find_spec("modules") is None or importlib.util.find_spec("modules.sd_models") is None:
        raise HostError("This is no WebUI", wanted=say("a process of {1}", SERVED))
    from modules import sd_models

    is_forge = hasattr(sd_models, "forge_model_reload")
    if not is_forge and importlib.util.find_spec("modules_forge") is not None:
        raise _refusal("modules_forge without sd_models.forge_model_reload")
    if lacking := [
        *_lacking(_EVERYWHERE),
        *_lacking(_FORGE if is_forge else _A1111),
    ]:
        raise _refusal(f"no {', '.join(lacking)}")
    if is_forge:
        from lib_rimo.hosts.webui.forge import ForgeHost

        return ForgeHost()
    from lib_rimo.hosts.webui.a1111 import A1111Host

    return A1111Host()


def has_deepdanbooru() -> bool:
    """Whether the WebUI brings DeepDanbooru's network along; Forge Neo has removed it."""
    return importlib.util.find_spec("modules.deepbooru_model") is not None


def program() -> str:
    """Name and version of the WebUI, as far as it tells."""
    try:
        launch = importlib.import_module("modules.launch_utils")
        version = str(launch.git_tag())
    except Exception:  # noqa: BLE001 - programs differ in all of it, and it is only told
        version = ""
    known = {"modules_forge": "a fork of Forge", "backend": "a fork of Forge"}
    kind = next(
        (n for module, n in known.items() if importlib.util.find_spec(module) is not None), "this WebUI"
    )
    return f"{kind} ({version})" if version and version != "<none>" else kind


def option(name: str, default: Any) -> Any:
    """A value of the WebUI's settings page; the default where it has none."""
    from modules import shared

    value = shared.opts.data.get(name, default)
    return default if value is None else value


def _lacking(needed: Mapping[str, Sequence[str]]) -> list[str]:
    """The names that the WebUI does not have."""
    out = []
    for module, names in needed.items():
        try:
            found = importlib.import_module(f"modules.{module}")
        except ImportError:
            out.append(f"modules.{module}")
            continue
        out += [f"modules.{module}.{name}" for name in names if not hasattr(found, name)]
    return out


def _refusal(found: str) -> HostError:
    return HostError(
        "This program keeps and draws its models in a way that is not known here, so nothing can be mixed in it",
        found=say("{1}, {2}", program(), found),
        wanted=SERVED,
        fix="Use one of these, or the program without a WebUI (python start.py), on the same checkpoints",
    )
