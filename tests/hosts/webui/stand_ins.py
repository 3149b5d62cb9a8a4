"""Modules of a WebUI as far as a test needs them: what the real ones have under these names, and nothing else."""

from __future__ import annotations

import importlib.machinery
import sys
import threading
import types
from collections.abc import Mapping
from typing import Any

import pytest

ABSENT = object()
"""In the place of a value: the WebUI has no such name."""


def stand_in(
    monkeypatch: pytest.MonkeyPatch, packages: Mapping[str, Mapping[str, Any]]
) -> dict[str, types.ModuleType]:
    """Puts modules in place for a test.

    Args:
        monkeypatch: Takes them away afterwards.
        packages: ``modules.sd_models`` -> its names. Packages above are made as needed.

    Returns:
        All of them by name.
    """
    made: dict[str, types.ModuleType] = {}
    for name, content in packages.items():
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            whole = ".".join(parts[:depth])
            if whole in made:
                continue
            module = types.ModuleType(whole)
            module.__spec__ = importlib.machinery.ModuleSpec(whole, None, is_package=True)
            module.__path__ = []
            made[whole] = module
            monkeypatch.setitem(sys.modules, whole, module)
            if depth > 1:
                setattr(made[".".join(parts[: depth - 1])], parts[depth - 1], module)
        vars(made[name]).update(content)
    return made


class Options:
    """A WebUI's options: values in ``data``, and as attributes."""

    def __init__(self, **data: Any) -> None:
        self.data = data

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["data"][name]
        except KeyError:
            raise AttributeError(name) from None


def a1111(**changes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What AUTOMATIC1111's WebUI has of what is asked for; ``changes`` by module, ``ABSENT`` takes a name away."""
    every: dict[str, dict[str, Any]] = {
        "call_queue": {"queue_lock": threading.Lock()},
        "devices": {"device": "cpu"},
        "processing": {"StableDiffusionProcessingTxt2Img": type("Job", (), {}), "process_images": print},
        "sd_models": {
            "checkpoints_list": {},
            "get_closet_checkpoint_match": lambda _name: None,
            "list_models": lambda: None,
            "model_data": types.SimpleNamespace(sd_model=None),
            "model_path": "/models/Stable-diffusion",
            "SkipWritingToConfig": type("Skip", (), {}),
            "reload_model_weights": lambda **_: None,
        },
        "sd_samplers": {"all_samplers": []},
        "sd_schedulers": {"schedulers": []},
        "sd_unet": {"current_unet": None},
        "sd_vae": {"loaded_vae_file": None},
        "shared": {"cmd_opts": types.SimpleNamespace(ckpt_dir=None), "opts": Options(), "state": object()},
    }
    for module, names in changes.items():
        every.setdefault(module, {}).update(names)
    return {
        f"modules.{module}": {name: value for name, value in names.items() if value is not ABSENT}
        for module, names in every.items()
    }


def forge(**changes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The same for Forge and its living forks."""
    own = {
        "forge_model_reload": lambda: (None, False),
        "SkipWritingToConfig": ABSENT,
        "reload_model_weights": ABSENT,
    }
    merged = {**changes, "sd_models": {**own, **changes.get("sd_models", {})}}
    merged["processing"] = {"need_global_unload": False, **changes.get("processing", {})}
    own_modules = {"main_entry": {}, "main_thread": {"run_and_wait_result": lambda work: work()}}
    more = {f"modules_forge.{name}": names for name, names in own_modules.items()}
    return {**a1111(**merged), **more, "backend.memory_management": {}}
