"""What every room's tests share: no network, no telemetry, no clock that a busy machine could miss, a browser."""

from __future__ import annotations

import contextlib
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
# The servers of the tests are on this machine; a proxy that the environment names cannot reach them.
for name in ("NO_PROXY", "no_proxy"):
    os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))
# Threads that wait for each other by spinning make a busy machine many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

with contextlib.suppress(ImportError):  # inside a WebUI there is pytest alone
    from hypothesis import HealthCheck, settings

    # A law has no time limit, and a run tries the same examples as the one before: a failure can be looked at.
    settings.register_profile(
        "rimo", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("rimo")

PATIENCE_MS = 60_000
"""How long the browser may take for what a test waits for: playwright's own five seconds are not enough when busy."""

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
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    path = os.environ.get("RIMO_BROWSER", start.find_browser())
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path or None, args=list(QUIET), timeout=PATIENCE_MS
        )
        yield running
        running.close()
