"""A test-only extension: runs pytest inside the WebUI's process. Never install it where others can reach the port."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import Body, FastAPI
from modules import script_callbacks

CHECKOUT = Path(os.environ.get("RIMO_CHECKOUT", Path(__file__).resolve().parents[4]))


def on_app_started(_: Any, app: FastAPI) -> None:
    """Adds the route."""

    @app.post("/rimo-probe/pytest")
    def run(arguments: list[str] = Body()) -> dict[str, Any]:  # noqa: B008 -- FastAPI's way to say so
        for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
            del sys.modules[name]  # from an earlier run; the files may have changed since
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            own = ["--rootdir", str(CHECKOUT), "-c", str(CHECKOUT / "pyproject.toml")]
            # The WebUI's libraries warn of this and that; here only our own behaviour is judged.
            here = [str(CHECKOUT / a) if (CHECKOUT / a).exists() else a for a in arguments]
            code = pytest.main([*own, "-p", "no:cacheprovider", "-W", "ignore", *here])
        return {"code": int(code), "printed": printed.getvalue()}


script_callbacks.on_app_started(on_app_started)
