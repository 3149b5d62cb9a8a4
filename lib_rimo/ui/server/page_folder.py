"""Where the page's script and style lie."""

from __future__ import annotations

from pathlib import Path

import lib_rimo

INSTALLED = Path(__file__).resolve().parent / "files"
"""Where building a wheel puts them (``setup.py``)."""


def page_folder() -> Path:
    """The folder that holds ``javascript/`` and ``style.css``.

    In a checkout and inside a WebUI that is the one that holds the package, where a WebUI looks for them.
    """
    return INSTALLED if INSTALLED.is_dir() else Path(lib_rimo.__file__).resolve().parents[1]
