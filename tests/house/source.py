"""The project's own files, as the tests of the house see them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "lib_rimo"


@cache
def project_files() -> tuple[Path, ...]:
    """Every file of the project, relative to its root: what git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return tuple(sorted(Path(name) for name in listed if name and (ROOT / name).is_file()))


def python_files(*folders: str) -> list[Path]:
    """The Python files in some top folders, or all of them."""
    return [f for f in project_files() if f.suffix == ".py" and (not folders or f.parts[0] in folders)]


def tree(file: Path) -> ast.Module:
    """The syntax tree of a project file."""
    return ast.parse((ROOT / file).read_text(encoding="utf-8"), str(file))


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports anywhere, also inside functions and for types only.

    ``from a.b import c`` gives ``a.b.c``: whether ``c`` is a module or a name, ``a.b`` is a prefix of it.
    """
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(file: Path) -> str:
    """The room that a file of the package belongs to: its folder or, at the top, its own name."""
    return file.parts[1] if len(file.parts) > 2 else file.stem


def is_below(module: str, parent: str) -> bool:
    """Whether a dotted name is a module or something in it."""
    return module == parent or module.startswith(parent + ".")
