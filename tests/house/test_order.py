"""Sizes, names and notes: what keeps the house readable."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.house.source import PACKAGE, ROOT, project_files, python_files, tree

LONGEST_MODULE = 400
LONGEST_START = 300
EMPTY_NAMES = {"common", "core", "helper", "helpers", "manager", "misc", "util", "utils"}
EMPTY_SUFFIXES = ("Helper", "Helpers", "Manager", "Util", "Utils")
LARGEST_FILE = 300_000
TINY_FAMILY = Path(PACKAGE, "toy", "data")
LARGEST_TINY_FAMILY = 40_000_000


def test_modules_are_short() -> None:
    """No module is longer than 400 lines, the starter no longer than 300."""
    lines = {file: len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in python_files()}
    limits = dict.fromkeys(lines, LONGEST_MODULE) | {Path("start.py"): LONGEST_START}
    assert not {str(file): n for file, n in lines.items() if n > limits[file]}


def test_names_say_what_is_in() -> None:
    """No module, folder or class is called utils, core, manager, helpers or common."""
    files = [f for f in python_files() if EMPTY_NAMES & {p.lower() for p in f.with_suffix("").parts}]
    classes = [
        f"{file}: {node.name}"
        for file in python_files()
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ClassDef) and node.name.endswith(EMPTY_SUFFIXES)
    ]
    assert not files
    assert not classes


def test_every_test_says_its_behaviour() -> None:
    """Every test has a docstring whose first line is a sentence."""
    silent = [
        f"{file}: {node.name}"
        for file in python_files("tests")
        for node in ast.walk(tree(file))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test")
        and not (ast.get_docstring(node) or "").split("\n\n")[0].rstrip().endswith((".", "?"))
    ]
    assert not silent


def test_no_large_files() -> None:
    """Nothing over 300 kB is in git but the tiny family, and that has at most 40 MB."""
    sizes = {file: (ROOT / file).stat().st_size for file in project_files()}
    family = {file for file in sizes if file.is_relative_to(TINY_FAMILY)}
    assert not {f: s for f, s in sizes.items() if f not in family and s > LARGEST_FILE}
    assert sum(sizes[f] for f in family) <= LARGEST_TINY_FAMILY


def test_library_writes_to_the_log() -> None:
    """The library logs under one name, "rimo"."""
    names = re.compile(r"getLogger\((.*?)\)")
    wrong = [
        f"{file}: {name}"
        for file in python_files(PACKAGE)
        for name in names.findall((ROOT / file).read_text(encoding="utf-8"))
        if name != '"rimo"'
    ]
    assert not wrong


def test_every_ignored_rule_has_its_reason() -> None:
    """In pyproject.toml every rule that is switched off, and every warning let through, says why on its line."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r'^(?:ignore|"[^"\n]+"|filterwarnings) = \[\n(.*?)^\]', text, re.DOTALL | re.MULTILINE)
    entries = [line.strip() for block in lists for line in block.splitlines() if line.strip() != '"error",']
    assert len(entries) > 10
    assert not [e for e in entries if not e.startswith("#") and "  # " not in e]


def test_pins_agree() -> None:
    """A package that the tests need has the same pin as in all sets, and every line of a set is a pin."""

    def pins(name: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for line in (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines():
            package, exact, version = line.partition("==")
            assert exact, f"{name}.txt: {line}"
            found.setdefault(package, set()).add(version)
        return found

    dev = pins("dev")
    for name in ("standalone", "forge", "a1111"):
        pinned = pins(name)
        assert {p: v for p, v in dev.items() if p in pinned and pinned[p] != v} == {}
