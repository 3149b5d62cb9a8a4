"""What every room's tests share: no network, no telemetry, a browser for those that click."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

import start

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Read when the libraries are imported, so they are set before any test module is.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("MPLBACKEND", "Agg")
# Threads that wait for each other by spinning make a busy machine many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

QUIET = (
    "--no-sandbox",  # as root Chromium refuses to start with it
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--no-first-run",
)
"""Chromium's options for a machine without a screen, and without calls to its maker's servers."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium: the one that start.py found, or playwright's own."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("RIMO_BROWSER", start.find_browser())
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path or None, args=list(QUIET))
        yield running
        running.close()
