"""Imports point one way, and heavy packages stay in their rooms."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.source import PACKAGE, ROOT, imports, is_below, python_files, room

ROOMS = {
    "said": (),
    "errors": ("said",),
    "registry": ("errors",),
    "files": (),
    "merging": ("errors", "said", "registry", "files"),
    "benchmark": ("errors", "said", "registry", "files"),
    "search": ("errors", "said", "registry", "merging.mix.recipe"),
    "hosts": ("errors", "said", "registry", "merging"),
    "toy": ("errors",),
    "study": (
        "errors",
        "said",
        "files",
        "registry",
        "search",
        "benchmark",
        "merging",
        "hosts.host",
        "hosts.drawers.drawer",
    ),
    "testing": ("errors", "registry", "merging", "benchmark", "search", "study", "hosts"),
    # a snapshot's numbers are intervals; what a file is stands beside its name
    "wording": ("errors", "said", "study", "benchmark.interval", "merging.checkpoints.facts"),
    "ui": ("errors", "said", "files", "study", "wording", "benchmark.interval"),
    "library": ("errors", "registry", "files", "merging", "benchmark", "search", "hosts", "toy", "study"),
}
"""What each room may import of the package. ``cli`` and ``extension`` put the rooms together: they may import all."""

COMPOSITION = {"cli", "extension", "__init__", "__main__"}

PUBLIC = {PACKAGE, f"{PACKAGE}.__version__"}
"""What everybody may read."""

PACKAGES = {
    "backend": {"hosts"},
    "modules": {"hosts"},
    "modules_forge": {"hosts"},
    "diffusers": {"hosts", "toy"},
    "transformers": {"hosts", "toy"},
    "gradio": {"ui"},
    "fastapi": {"ui"},
    "matplotlib": {"ui"},
    "onnxruntime": {"benchmark"},
    "skopt": {"search"},
    "sklearn": {"search"},
    "torch": {"merging", "hosts", "toy", "testing"},
    "safetensors": {"merging", "hosts", "toy"},
    "pandas": {"benchmark", "ui"},
}
"""The rooms that may import a package from outside."""

ENGINE = (
    "errors",
    "said",
    "files",
    "registry",
    "merging",
    "benchmark",
    "search",
    "study",
    "hosts",
    "testing",
    "toy",
)
"""What works with no WebUI, no gradio, no diffusers and no tagger runtime on the machine."""

BLOCKED = (
    "backend", "diffusers", "fastapi", "gradio", "modules", "modules_forge", "onnxruntime", "transformers",
)  # fmt: skip

LIBRARY = python_files(PACKAGE)


def test_imports_point_one_way() -> None:
    """A room imports only the rooms that the design allows it."""
    wrong = []
    for file in LIBRARY:
        here = room(file)
        if here in COMPOSITION:
            continue
        assert here in ROOMS, f"{file}: a new room wants a line in ROOMS"
        allowed = [f"{PACKAGE}.{name}" for name in (here, *ROOMS[here])]
        used = [u for u in imports(file) if is_below(u, PACKAGE) and u not in PUBLIC]
        wrong += [f"{file}: {u}" for u in used if not any(is_below(u, a) for a in allowed)]
    assert not wrong


SUB_ROOMS = {"study": (10, 7), "merging": (7, 5), "hosts": (7, 3), "ui": (4, 3)}
"""Room -> how many rooms it may have, and on how many floors."""


@pytest.mark.parametrize("name", SUB_ROOMS)
def test_no_import_runs_upward_inside_a_room(name: str) -> None:
    """The sub-rooms of a room form floors: each imports only from floors below its own. The graph is printed."""
    inside: dict[str, set[str]] = {}
    for file in LIBRARY:
        if room(file) != name or (here := file.with_suffix("").parts[2]) == "__init__":
            continue
        below = (u.split(".")[2] for u in imports(file) if is_below(u, f"{PACKAGE}.{name}"))
        inside.setdefault(here, set()).update(other for other in below if other != here)
    floors: list[list[str]] = []
    left = dict(inside)
    while left:
        floor = sorted(r for r, below in left.items() if not below & set(left))
        assert floor, f"a circle: {left}"
        floors.append(floor)
        left = {r: below for r, below in left.items() if r not in floor}
    for number, floor in reversed([*enumerate(floors)]):
        told = (f"{r} -> {', '.join(sorted(inside[r])) or 'nothing'}" for r in floor)
        sys.stdout.write(f"{number}: {'; '.join(told)}\n")
    rooms, heights = SUB_ROOMS[name]
    assert len(inside) <= rooms
    assert len(floors) <= heights


def test_packages_stay_in_their_rooms() -> None:
    """Only ui/ imports gradio, only hosts/ the WebUI's modules, and so on."""
    wrong = [
        f"{file}: {used}"
        for file in LIBRARY
        for used in imports(file)
        if room(file) not in PACKAGES.get(used.split(".")[0], {room(file)}) | COMPOSITION
    ]
    assert not wrong


def test_nothing_above_a_drawer_touches_a_live_model() -> None:
    """What swaps weights in a running model is known to hosts, drawers and the merge alone."""
    below = ("merging", "hosts", "toy")
    wrong = [f"{f}: {u}" for f in LIBRARY for u in imports(f) if is_below(u, f"{PACKAGE}.merging.live")]
    assert [line for line in wrong if line.split("/")[1] not in below] == []


def test_nothing_is_imported_from_outside_the_package() -> None:
    """The package does not need scripts, tools or tests: the WebUI executes scripts anew, others lack the rest."""
    outside = ("scripts", "tools", "tests", "install", "start")
    wrong = [f"{f}: {u}" for f in LIBRARY for u in imports(f) if u.split(".")[0] in outside]
    assert not wrong


def test_the_engine_imports_without_the_packages_of_hosts_and_pages() -> None:
    """Every module of the engine is imported in a fresh Python where the heavy packages do not exist."""
    modules = [".".join(f.with_suffix("").parts) for f in LIBRARY if room(f) in ENGINE]
    program = f"""
import importlib, importlib.abc, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Block())
for name in {modules!r}:
    importlib.import_module(name.removesuffix(".__init__"))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert len(modules) > len(ENGINE)
    assert ran.returncode == 0, ran.stderr
