"""The extension inside a WebUI: settings page, tab and routes around the one study service."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from modules import script_callbacks, scripts, shared

from lib_rimo import extension
from lib_rimo.ui.routes import add_routes
from lib_rimo.ui.tab import ELEMENT, TITLE, build_tab

log = logging.getLogger("rimo")
ROOT = Path(scripts.basedir())


class RandomMix(scripts.Script):
    """Runs with every job of the user's, for the mixes that they try in their own tabs."""

    def title(self) -> str:
        """What the WebUI calls it."""
        return TITLE

    def show(self, _is_img2img: bool) -> object:
        """With text-to-image and image-to-image alike, without controls."""
        return scripts.AlwaysVisible

    def before_process(self, p: Any, *_: object) -> None:
        """First of all."""
        extension.job_begins(p)

    def postprocess(self, *_: object) -> None:
        """Last of all; ``job_begins`` sees to it after an error."""
        extension.job_ends()


def on_ui_settings() -> None:
    """Adds our section to the settings page."""
    for setting in extension.SETTINGS:
        entry = shared.OptionInfo(setting.default, setting.label, section=(ELEMENT, TITLE)).info(setting.info)
        shared.opts.add_option(setting.name, entry)


def on_ui_tabs() -> list[tuple[gr.Blocks, str, str]]:
    """Adds the tab."""
    return [(build_tab(extension.service(ROOT)), TITLE, ELEMENT)]


def on_app_started(_: Any, app: FastAPI) -> None:
    """Adds the routes, behind the WebUI's own login."""
    guard = extension.login_guard(app, getattr(shared.cmd_opts, "api_auth", None))
    add_routes(app, extension.service(ROOT), guard)


script_callbacks.on_ui_settings(on_ui_settings)
script_callbacks.on_ui_tabs(on_ui_tabs)
script_callbacks.on_app_started(on_app_started)
