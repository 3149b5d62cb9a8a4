"""Puts the page's script and style into the package when a wheel is built; all else stands in ``pyproject.toml``.

They lie at the top of the checkout, where a WebUI looks for them. ``lib_rimo/ui/server/page_folder.py`` finds them in
both places.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
INSIDE = Path("lib_rimo/ui/server/files")


class BuildPy(build_py):
    """Copies them beside the modules; an editable installation uses those of the checkout."""

    def run(self) -> None:
        """Builds the package."""
        super().run()
        if self.editable_mode:
            return
        for file in (ROOT / "style.css", *sorted((ROOT / "javascript").rglob("*.*js"))):
            target = Path(self.build_lib) / INSIDE / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(str(file), str(target))


setup(cmdclass={"build_py": BuildPy})
