"""The tab as gradio builds it, for tests that look at its components."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ui.scripted import ScriptedService

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # all generations of gradio warn of their own imports
    from lib_rimo.ui.page.tab import build_tab

if TYPE_CHECKING:
    import gradio as gr


def tab_of(folder: Path) -> gr.Blocks:
    """The tab over a scripted study in a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # gradio's own, of fastapi and pydantic
        warnings.simplefilter(
            "ignore", ResourceWarning
        )  # gradio 6 leaves event loops to the garbage collector
        made = build_tab(ScriptedService(folder))
        gc.collect()
    return made
