"""The page's server: sockets, the completed head, and who is refused."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lib_rimo.errors import HostError
from lib_rimo.ui.server import standalone
from lib_rimo.ui.server.page import Page
from lib_rimo.ui.server.standalone import FIRST_PORT, PORTS_TRIED, open_port

DOCUMENT = (
    b'<html><head><link rel="preconnect" href="https://fonts.example.com" />'
    b'<script src="https://cdn.example.com/a.js" async></script><script src="assets/own.js"></script>'
    b"</head><body></body></html>"
)


def test_a_taken_port_is_named() -> None:
    """A port that another program holds is an error that names it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(HostError, match=str(port)):
            open_port("127.0.0.1", port)


def test_the_first_free_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a wish the ports are tried in order, and two pages get two ports."""
    real, tried = standalone._bind, []

    def bind(host: str, port: int) -> socket.socket:
        tried.append(port)
        return real(host, port)

    monkeypatch.setattr(standalone, "_bind", bind)
    with open_port("127.0.0.1", None) as first, open_port("127.0.0.1", None) as second:
        ports = first.getsockname()[1], second.getsockname()[1]
    first_round = ports[0] - FIRST_PORT + 1
    assert tried[:first_round] == list(range(FIRST_PORT, ports[0] + 1))
    assert tried[first_round:] == list(range(FIRST_PORT, ports[1] + 1))
    assert ports[0] != ports[1] < FIRST_PORT + PORTS_TRIED


def test_an_address_that_is_not_ours_is_said() -> None:
    """Listening on another machine's address is refused with the address."""
    with pytest.raises(HostError, match=r"192\.0\.2\.1"):
        open_port("192.0.2.1", 0)


async def _gradio(scope: Any, receive: Any, send: Any) -> None:
    """Answers as gradio does, the document in two pieces."""
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(DOCUMENT)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": DOCUMENT[:40], "more_body": True})
    await send({"type": "http.response.body", "body": DOCUMENT[40:]})


@pytest.fixture
def visit() -> Callable[..., tuple[int, dict[bytes, bytes], bytes]]:
    """Asks the completed application, without a network."""

    def ask(path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[bytes, bytes], bytes]:
        sent = {"host": "127.0.0.1:7861"} | {k.replace("_", "-"): v for k, v in headers.items()}
        scope = {
            "type": "http",
            "path": path,
            "method": method,
            "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
        }
        said: list[Any] = []

        async def send(message: Any) -> None:
            said.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        with contextlib.suppress(StopIteration):  # nothing here waits, so one step runs it to its end
            Page(_gradio, ["style.css", standalone.ENTRY], local=True)(scope, receive, send).send(None)
        return said[0]["status"], dict(said[0]["headers"]), b"".join(m.get("body", b"") for m in said[1:])

    return ask


def test_the_document_is_completed(visit: Callable[..., Any]) -> None:
    """Script and style are linked, other sites' are gone, and the length is right."""
    status, headers, body = visit()
    assert status == 200
    assert b'href="rimo/page/style.css"' in body
    assert b'<script type="module" src="rimo/page/javascript/rimo.mjs">' in body
    assert b'src="assets/own.js"' in body
    assert b"https://" not in body
    assert int(headers[b"content-length"]) == len(body)
    assert b"default-src 'self'" in headers[b"content-security-policy"]


def test_other_paths_pass_untouched(visit: Callable[..., Any]) -> None:
    """Only the document itself is completed."""
    assert visit("/file.html")[2] == DOCUMENT


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {"host": "rebound.example.org:7861"}, 403),
        ("GET", "/", {"host": "localhost:7861"}, 200),
        ("GET", "/", {"host": "[::1]:7861"}, 200),
        ("POST", "/run/predict", {"origin": "http://evil.example.org"}, 403),
        ("POST", "/run/predict", {"sec_fetch_site": "cross-site"}, 403),
        ("POST", "/run/predict", {"origin": "http://127.0.0.1:7861"}, 200),
        ("GET", "/", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, 200),
        ("GET", "/", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "cors", "origin": "null"}, 403),
        ("GET", "/config", {"origin": "null"}, 403),
        ("GET", "/config", {"sec_fetch_site": "cross-site"}, 403),
        ("GET", "/config", {"sec_fetch_site": "same-origin"}, 200),
        ("GET", "/config", {}, 200),
    ],
)
def test_foreign_pages_and_names_are_refused(
    visit: Callable[..., Any], method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """A foreign page can link here, but neither post, nor read names of files, nor reach us by a name of its own."""
    assert visit(path, method, **headers)[0] == status
