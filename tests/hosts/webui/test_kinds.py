"""Which WebUIs are served, and that all others get a tab with the reason."""

from __future__ import annotations

import runpy
import types
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lib_rimo.errors import HostError
from lib_rimo.hosts.webui.a1111 import A1111Host
from lib_rimo.hosts.webui.forge import ForgeHost, take_off_loras
from lib_rimo.hosts.webui.info import ui_defaults
from lib_rimo.hosts.webui.kind import open_webui_host
from tests.hosts.webui.stand_ins import ABSENT, Options, a1111, forge, stand_in
from tests.house.source import ROOT

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # both generations of gradio warn of their own imports
    import gradio  # noqa: F401 -- here and not first in a callback

    from lib_rimo import extension

OTHERS: dict[str, tuple[dict[str, Mapping[str, Any]], str]] = {
    "reForge": (
        {**a1111(launch_utils={"git_tag": lambda: "f1.0.5v1-v1.10.1RC"}), "modules_forge": {}},
        r"a fork of Forge \(f1\.0\.5v1-v1\.10\.1RC\), modules_forge without sd_models\.forge_model_reload",
    ),
    "SD.Next": (
        a1111(
            sd_models={"get_closet_checkpoint_match": ABSENT, "SkipWritingToConfig": ABSENT},
            sd_unet={"current_unet": ABSENT},
        ),
        r"no modules\.sd_models\.get_closet_checkpoint_match, .*SkipWritingToConfig, modules\.sd_unet\.current_unet",
    ),
    "one without schedules": (
        {k: v for k, v in a1111().items() if k != "modules.sd_schedulers"},
        r"no modules\.sd_schedulers\.",
    ),
    "a Forge that changed": (
        forge(processing={"need_global_unload": ABSENT}),
        r"no modules\.processing\.need_global_unload",
    ),
}
"""Programs that cannot be served, by what they have, and what is said of them."""


@pytest.mark.parametrize("name", OTHERS)
def test_a_webui_that_cannot_be_served_is_refused_by_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The text names program, version and lack, the programs that are served, and the way without any."""
    packages, told = OTHERS[name]
    stand_in(monkeypatch, packages)
    with pytest.raises(HostError, match=f"{told}.*Forge Neo.*start.py"):
        open_webui_host()


@pytest.mark.parametrize(
    ("packages", "kind"), [(a1111(), A1111Host), (forge(), ForgeHost)], ids=["a1111", "forge"]
)
def test_those_that_have_everything_are_served(
    monkeypatch: pytest.MonkeyPatch, packages: Mapping[str, Mapping[str, Any]], kind: type
) -> None:
    """Told apart by what they have."""
    stand_in(monkeypatch, packages)
    assert type(open_webui_host()) is kind


class Callbacks:
    """Keeps what an extension's script registers."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def names(self) -> dict[str, Any]:
        """For ``modules.script_callbacks``."""
        return {
            f"on_{n}": lambda work, n=n: self.kept.update({n: work})
            for n in ("ui_settings", "ui_tabs", "app_started")
        }


class OptionInfo:
    """A line of the settings page."""

    def __init__(self, default: object, label: str, section: tuple[str, str]) -> None:
        self.label = label

    def info(self, _text: str) -> OptionInfo:
        """A remark beside it."""
        return self


def script_in(monkeypatch: pytest.MonkeyPatch, packages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The extension's script executed as a WebUI executes it; its callbacks."""
    callbacks = Callbacks()
    shared = {**packages["modules.shared"], "OptionInfo": OptionInfo}
    shared["opts"] = Options()
    shared["opts"].add_option = lambda *_: None
    more = {
        "modules.script_callbacks": callbacks.names(),
        "modules.scripts": {"basedir": lambda: str(ROOT), "Script": object, "AlwaysVisible": object()},
        "modules.shared": shared,
    }
    stand_in(monkeypatch, {**packages, **more})
    monkeypatch.setattr(extension, "_made", [])
    monkeypatch.setattr(extension, "_hosts", [])
    runpy.run_path(str(ROOT / "scripts" / "rimo_random_mix.py"))
    return callbacks.kept


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # gradio's own, of fastapi and pydantic
def test_no_callback_raises_and_the_tab_says_why(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The user finds the reason where they look for the program; no routes are added, nothing else happens."""
    callbacks = script_in(monkeypatch, OTHERS[name][0])
    callbacks["ui_settings"]()
    ((blocks, title, element),) = callbacks["ui_tabs"]()
    assert (title, element) == ("Random mix", "rimo")
    (shown,) = (b for b in blocks.blocks.values() if type(b).__name__ == "HTML")
    assert "nothing can be mixed in it" in shown.value
    assert "Forge Neo" in shown.value
    app = types.SimpleNamespace(routes=[])
    callbacks["app_started"](blocks, app)
    assert app.routes == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_missing_package_is_told_in_the_tab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the installer could not run, the tab names the package and the way."""
    import builtins

    whole = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "lib_rimo" and rest[2] == ("extension",):
            raise ModuleNotFoundError("No module named 'skopt'")
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    callbacks = script_in(monkeypatch, a1111())
    monkeypatch.setattr(builtins, "__import__", whole)
    callbacks["ui_settings"]()
    ((blocks, _, _),) = callbacks["ui_tabs"]()
    (shown,) = (b for b in blocks.blocks.values() if type(b).__name__ == "HTML")
    assert "skopt" in shown.value
    assert "--skip-install" in shown.value
    callbacks["app_started"](blocks, types.SimpleNamespace(routes=[]))


# -- Forge Neo -------------------------------------------------------------------------------------------------


class NeoPatcher:
    """Keeps the originals of patched weights itself."""

    def __init__(self, backup: dict[str, int], uuid: str | None) -> None:
        self.backup = backup
        self.model = types.SimpleNamespace(current_weight_patches_uuid=uuid)
        self.unpatched = 0

    def unpatch_model(self) -> None:
        """Puts them back."""
        self.unpatched += 1


def engine_of(unet: object, clip: object, vae: object) -> Any:
    """An engine around patchers."""
    objects = types.SimpleNamespace(
        unet=unet, clip=types.SimpleNamespace(patcher=clip), vae=types.SimpleNamespace(patcher=vae)
    )
    return types.SimpleNamespace(forge_objects_original=objects)


def test_loras_come_off_where_a_patcher_keeps_the_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that hold patched weights are unpatched, those that hold none are left as they are."""
    stand_in(monkeypatch, forge())
    patched, marked, plain = NeoPatcher({"a": 1}, None), NeoPatcher({}, "uuid"), NeoPatcher({}, None)
    take_off_loras(engine_of(patched, marked, plain))
    assert (patched.unpatched, marked.unpatched, plain.unpatched) == (1, 1, 0)
    with pytest.raises(HostError, match=r"without lora_loader.*Forge Neo"):
        take_off_loras(engine_of(object(), plain, plain))


@pytest.mark.parametrize(
    ("options", "folder"),
    [
        ({"ckpt_dir": "/mine"}, "/mine"),
        ({"ckpt_dir": None}, "/models/Stable-diffusion"),
        ({"ckpt_dirs": ["/first", "/second"]}, "/first"),
        ({"ckpt_dirs": []}, "/models/Stable-diffusion"),
        ({}, "/models/Stable-diffusion"),
    ],
)
def test_checkpoints_are_saved_where_the_webui_looks(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], folder: str
) -> None:
    """One folder of the user's, the first of several, or the WebUI's own."""
    packages = forge()
    packages["modules.shared"]["cmd_opts"] = types.SimpleNamespace(**options)
    stand_in(monkeypatch, packages)
    assert open_webui_host().save_folder() == Path(folder)


@pytest.mark.parametrize("with_preset", [False, True])
def test_selecting_a_checkpoint_keeps_to_the_preset(
    monkeypatch: pytest.MonkeyPatch, with_preset: bool
) -> None:
    """Forge Neo is told the preset that the user has chosen; a failed loading selects what was selected before."""
    changes: list[tuple[Any, ...]] = []

    def neo(name: str, preset: str, save: bool = True, refresh: bool = True) -> bool:
        changes.append((name, preset, save))
        return True

    def plain(name: str, save: bool = True, refresh: bool = True) -> bool:
        changes.append((name, save))
        return True

    def no_model() -> tuple[object, bool]:
        raise ValueError("no such architecture")

    packages = forge(sd_models={"forge_model_reload": no_model})
    packages["modules.shared"]["opts"] = Options(sd_model_checkpoint="old", forge_preset="xl")
    packages["modules_forge.main_entry"] = {"checkpoint_change": neo if with_preset else plain}
    stand_in(monkeypatch, packages)
    host = open_webui_host()
    with pytest.raises(HostError, match="no such architecture"):
        host._select(types.SimpleNamespace(title="new [1234]"))
    wanted = [("new [1234]", "xl", False), ("old", "xl", False)]
    assert changes == (wanted if with_preset else [(name, save) for name, _, save in wanted])


def test_the_defaults_are_those_of_the_preset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the page is filled in with when it is opened; 0 leaves what the UI configuration has."""
    kept = tmp_path / "ui-config.json"
    kept.write_text(
        '{"txt2img/CFG Scale/value": 3.5, "customscript/sampler.py/txt2img/Sampling steps/value": 11}'
    )
    packages = forge()
    packages["modules.shared"]["cmd_opts"] = types.SimpleNamespace(ui_config_file=str(kept))
    packages["modules.shared"]["opts"] = Options(
        forge_preset="xl", xl_t2i_step=24, xl_t2i_cfg=0.0, xl_t2i_sampler="Euler a", sd_t2i_step=7
    )
    made = stand_in(monkeypatch, packages)
    assert ui_defaults() == {"steps": 24, "cfg": 3.5, "sampler": "Euler a"}
    made["modules.shared"].opts = Options()
    assert ui_defaults() == {"steps": 11, "cfg": 3.5}
