"""Who may use the routes inside a WebUI."""

from __future__ import annotations

import base64
import warnings

import pytest

with warnings.catch_warnings():
    # The older generation warns of its own imports; what our use of it brings up still counts.
    warnings.simplefilter("ignore")
    import gradio
    from fastapi import Depends, FastAPI
    from fastapi.testclient import TestClient
    from gradio.routes import App

    from lib_rimo.extension import login_guard

pytestmark = pytest.mark.filterwarnings(
    "ignore"
)  # gradio's own and starlette's test client's; ours are judged elsewhere

PASSWORD = "open sesame"


def guarded(auth: dict[str, str] | None, api_auth: str | None = None) -> TestClient:
    """A gradio application with one route of ours behind the guard."""
    with gradio.Blocks(analytics_enabled=False) as blocks:
        gradio.Markdown("page")
    blocks.auth, blocks.auth_message = (None if auth is None else [*auth.items()]), None
    app: FastAPI = App.create_app(blocks)
    app.auth = auth  # type: ignore[attr-defined]
    guard = login_guard(app, api_auth)
    app.get("/ours", dependencies=[Depends(guard)])(lambda: "inside")
    return TestClient(app, raise_server_exceptions=True)


def test_open_webui_stays_open() -> None:
    """Where the WebUI wants no login, neither do we."""
    assert guarded(None).get("/ours").status_code == 200


def test_stranger_stays_outside() -> None:
    """Where the WebUI wants a login, a request without one gets 401."""
    assert guarded({"ann": PASSWORD}).get("/ours").status_code == 401


def test_login_of_the_webui_counts() -> None:
    """Whoever logged in to the WebUI's page may use our routes."""
    client = guarded({"ann": PASSWORD})
    assert client.post("/login", data={"username": "ann", "password": PASSWORD}).status_code == 200
    assert client.get("/ours").status_code == 200


@pytest.mark.parametrize(("user", "status"), [("bob:secret", 200), ("bob:wrong", 401), ("", 401)])
def test_api_users_count(user: str, status: int) -> None:
    """Scripts use the WebUI's API users by basic authentication."""
    client = guarded({"ann": PASSWORD}, "bob:secret,cat:hat")
    header = {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}
    assert client.get("/ours", headers=header).status_code == status
