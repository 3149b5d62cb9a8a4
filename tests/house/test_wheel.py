"""The wheel: whole, honest about what it needs, and tidy where it is installed."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests.house.source import PACKAGE, ROOT, imports, project_files, python_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

DISTRIBUTIONS = {
    "PIL": "pillow",
    "skopt": "scikit-optimize",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Importable name -> what pip installs, where the two differ."""

OF_THE_WEBUI = {"backend", "modules", "modules_forge"}
"""Packages that exist only inside a WebUI, which brings them."""

NOT_IMPORTED = {
    "accelerate": "diffusers loads models in less memory with it",
    "huggingface-hub": "only its version matters; others import it",
}
"""Declared, although nothing of ours imports it."""

PAGE = PurePosixPath(PACKAGE, "ui", "server", "files")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the project's files alone, apart from the checkout, without network."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for file in project_files():
        if file.parts[0] in (PACKAGE, "javascript") or len(file.parts) == 1:
            (source / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, source / file)
    program = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", program, str(out)], cwd=source, check=True, capture_output=True, timeout=600
    )
    (built,) = out.glob("*.whl")
    return built


def test_it_holds_everything(wheel: Path) -> None:
    """Every file of the package but its readmes, the page's script in all its folders, the style; nothing else."""
    wanted = {
        file.as_posix()
        for file in project_files()
        if file.parts[0] == PACKAGE and file.suffix != ".md" and file.name != "samples.webp"
    }
    page = [f for f in project_files() if f.parts[0] == "javascript" and f.suffix in (".js", ".mjs")]
    wanted |= {str(PAGE / file.as_posix()) for file in (*page, Path("style.css"))}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert len(page) > 1
    assert held == wanted


def test_it_declares_what_it_imports() -> None:
    """Each package from outside that is imported anywhere is a dependency, and each dependency has its use."""
    own = {PACKAGE, "__future__", *sys.stdlib_module_names, *OF_THE_WEBUI}
    tops = {name.split(".")[0] for file in python_files(PACKAGE) for name in imports(file)} - own
    used = {DISTRIBUTIONS.get(name, name).lower().replace("_", "-") for name in tops}
    declared = {
        re.split(r"[^A-Za-z0-9_.-]", text)[0].lower().replace("_", "-") for text in PROJECT["dependencies"]
    }
    assert used - declared == set()
    assert declared - used == set(NOT_IMPORTED)


@pytest.mark.skipif(os.name == "nt", reason="Windows tells the data folder by a call that no variable moves")
def test_nothing_is_written_beside_it(wheel: Path, tmp_path: Path) -> None:
    """Installed, it finds its page and its tiny family and writes into the user's data folder only."""
    site, work, home = tmp_path / "site-packages", tmp_path / "work", tmp_path / "home"
    for folder in (work, home):
        folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    before = sorted(site.rglob("*"))
    program = """
import lib_rimo
from lib_rimo.library.folders import home
from lib_rimo.ui.server.standalone import _page_files
print([lib_rimo.__file__, str(home()), str(lib_rimo.demo_family().base), *map(str, _page_files().values())])
"""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RIMO_", "XDG_"))}
    others = [path for path in sys.path if path and Path(path).resolve() != ROOT]
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=work,
        env={
            **kept,
            "HOME": str(home),
            "PYTHONPATH": os.pathsep.join([str(site), *others]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    module, place, base, *page = map(Path, ast.literal_eval(ran.stdout))
    assert module.is_relative_to(site)
    assert place.is_relative_to(home)
    assert base.is_relative_to(place)
    assert base.is_file()
    assert all(path.is_relative_to(site) for path in page)
    assert sorted(site.rglob("*")) == before
    assert not list(work.iterdir())
