"""Swap and restore beside the WebUI's own way to change the checkpoint: same picture, no file, and the times printed.

Run by the probe; ``-s`` shows the times.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib_rimo.hosts.host import ImageRequest
from lib_rimo.hosts.webui.host import WebuiHost
from lib_rimo.hosts.webui.kind import open_webui_host
from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from tests.hosts.conformance_weights import same

NAMES = "RIMO_WEBUI_CHECKPOINTS"
pytestmark = pytest.mark.skipif(NAMES not in os.environ, reason=f"{NAMES} names no checkpoints")

ROUNDS = 3
LOG_BYTES = 200_000
"""What the WebUI prints may go to a file; the smallest checkpoint is a hundred times larger."""


@pytest.fixture
def host() -> WebuiHost:
    """The adapter of this process."""
    return open_webui_host()


@pytest.fixture
def files(host: WebuiHost) -> Iterator[tuple[Path, Path]]:
    """Base and partner; the base is selected afterwards."""
    listed = {path.name: path for path in host.checkpoints()}
    names = os.environ[NAMES].split(",")
    found = listed[names[0].strip()], listed[names[1].strip()]
    yield found
    host.load(found[0])


def written_bytes() -> int:
    """Bytes that this process has sent to disks so far, by the kernel's count."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes:")).split()[1])


def test_swap_is_a_native_load(host: WebuiHost, files: tuple[Path, Path]) -> None:
    """Weight one on a partner draws what the WebUI draws after loading the partner's file; nothing is written."""
    base, partner = files
    side = int(os.environ.get("RIMO_WEBUI_SIZE", "64"))
    request = ImageRequest("red, star", "", 1, side, side, 4, 4.0, "Euler")
    native, pictures = [], {}
    for path in (partner, base) * ROUNDS:
        began = time.perf_counter()
        host.load(path)
        native.append(time.perf_counter() - began)
        with host.exclusive():
            pictures[path] = host.generate([request])
    partition = load_partition("theater")
    swaps, restores = [], []
    with Sources() as sources:
        source = {path: sources.source_of(path) for path in files}
        with host.exclusive():
            keys = host.live().slots
        groups = {g for key in keys if (g := partition.group_of(key)) is not None}
        recipe = Recipe(source[base], (source[partner],), partition.name, dict.fromkeys(groups, (1.0,)))
        swapper = Swapper(sources, partition)
        before = written_bytes()
        for _ in range(ROUNDS):
            with host.exclusive():
                began = time.perf_counter()
                host.weights_changed(swapper.swap(recipe, host.live()).keys)
                swaps.append(time.perf_counter() - began)
                assert same(host.generate([request]), pictures[partner])
                began = time.perf_counter()
                host.weights_changed(swapper.restore(host.live()).keys)
                restores.append(time.perf_counter() - began)
                assert same(host.generate([request]), pictures[base])
        written = written_bytes() - before
    for name, seconds in (("native load", native), ("swap", swaps), ("restore", restores)):
        print(f"{name}: " + ", ".join(f"{s:.2f} s" for s in seconds))  # noqa: T201 -- what this run is for
    print(f"written to disk in {ROUNDS} rounds: {written} bytes")  # noqa: T201
    assert written < LOG_BYTES
