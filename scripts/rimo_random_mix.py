"""The extension inside a WebUI: settings page, tab and routes around the one study service.

Whatever a WebUI lacks, or an installation, is told in the tab: nothing here raises in a callback.
"""

from __future__ import annotations

import html
import logging
from pathlib import Path
from typing import Any

import gradio as gr
from modules import script_callbacks, scripts, shared

log = logging.getLogger("rimo")
ROOT = Path(scripts.basedir())
TITLE, ELEMENT = "Random mix", "rimo"

try:
    from lib_rimo import extension
except Exception as error:
    log.exception("Random mix could not be loaded")
    extension = None
    _broken = (
        f"Random mix could not be loaded: {type(error).__name__}: {error}. If a package is missing, restart the WebUI "
        "without --skip-install, so that the extension's installer can run."
    )


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
        if extension is not None:
            extension.job_begins(p)

    def postprocess(self, *_: object) -> None:
        """Last of all; ``job_begins`` sees to it after an error."""
        if extension is not None:
            extension.job_ends()


def on_ui_settings() -> None:
    """Adds our section to the settings page."""
    for setting in () if extension is None else extension.SETTINGS:
        entry = shared.OptionInfo(setting.default, setting.label, section=(ELEMENT, TITLE)).info(setting.info)
        shared.opts.add_option(setting.name, entry)


def on_ui_tabs() -> list[tuple[gr.Blocks, str, str]]:
    """Adds the tab; where the WebUI cannot be served it holds the reason."""
    reason = _broken if extension is None else extension.why_not(ROOT)
    if reason:
        return [(_refusal(reason), TITLE, ELEMENT)]
    try:
        from lib_rimo.ui.page.tab import build_tab

        return [(build_tab(extension.service(ROOT)), TITLE, ELEMENT)]
    except Exception as error:
        log.exception("The tab of Random mix could not be built")
        return [(_refusal(f"The tab could not be built: {type(error).__name__}: {error}"), TITLE, ELEMENT)]


def on_app_started(_: Any, app: Any) -> None:
    """Adds the routes, behind the WebUI's own login."""
    if extension is None or extension.why_not(ROOT):
        return
    from lib_rimo.ui.api.routes import add_routes

    guard = extension.login_guard(app, getattr(shared.cmd_opts, "api_auth", None))
    add_routes(app, extension.service(ROOT), guard)


def _refusal(reason: str) -> gr.Blocks:
    """A tab that says why there is none."""
    log.warning("Random mix is not available: %s", reason)
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.HTML(f'<div id="rimo-refusal"><p class="rimo-bad" role="alert">{html.escape(reason)}</p></div>')
    return blocks


script_callbacks.on_ui_settings(on_ui_settings)
script_callbacks.on_ui_tabs(on_ui_tabs)
script_callbacks.on_app_started(on_app_started)
