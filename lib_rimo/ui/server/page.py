"""What our own page needs around gradio's: script and style linked, nothing loaded from or posted by other sites.

gradio 3.41 has no way to add to the page's head and both generations name foreign sites there, so the one HTML
document that gradio sends is completed on its way out.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

from lib_rimo.ui.api.routes import is_foreign

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'self'; form-action 'self'"
)
"""The browser itself refuses whatever would leave this server; gradio needs inline scripts and eval."""

_FOREIGN = re.compile(
    rb"<script[^>]*\bsrc=\"https?://[^>]*>\s*</script>|<link[^>]*\bhref=\"https?://[^>]*>", re.DOTALL
)
_OWN_STYLE = "<style>footer{display:none!important}</style>"
"""gradio's footer links to another site and to an API that has no entries."""

_LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")


class Page:
    """ASGI middleware around the whole application.

    Args:
        app: The application.
        links: Names of the script and the style under ``rimo/page/`` that the page loads.
        local: Refuse requests under other names than this machine's own, which is how a foreign page would come
            in through a name that it lets point here.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], links: Sequence[str], local: bool) -> None:
        self._app = app
        self._local = local
        self._head = (_OWN_STYLE + "".join(_link(name) for name in links)).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it; completes the page on its way back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        if self._local and urlsplit(f"//{headers.get('host', '')}").hostname not in _LOCAL_NAMES:
            await PlainTextResponse("This server answers to its own name only.", 403)(scope, receive, send)
        elif is_foreign(headers) and not _follows_a_link(scope, headers):
            await PlainTextResponse("This request comes from another site.", 403)(scope, receive, send)
        elif scope["path"] == "/" and scope["method"] == "GET":
            await self._app(scope, receive, _Completion(send, self._head))
        else:
            await self._app(scope, receive, send)


class _Completion:
    """Holds an HTML answer back until it is whole, then sends it with our head."""

    def __init__(self, send: Send, head: bytes) -> None:
        self._send = send
        self._head = head
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if dict(message["headers"]).get(b"content-type", b"").startswith(b"text/html"):
                self._start = message
            else:
                await self._send(message)
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = _FOREIGN.sub(b"", self._body).replace(b"</head>", self._head + b"</head>", 1)
        kept = [(k, v) for k, v in self._start["headers"] if k.lower() != b"content-length"]
        own = [
            (b"content-length", str(len(body)).encode()),
            (b"content-security-policy", POLICY.encode()),
            (b"cache-control", b"no-store"),
        ]
        await self._send({**self._start, "headers": kept + own})
        await self._send({"type": "http.response.body", "body": body})


def _follows_a_link(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether somebody comes to the page itself from another one, which then cannot read it."""
    opens = headers.get("sec-fetch-mode", "navigate") == "navigate" and "origin" not in headers
    return scope["path"] == "/" and scope["method"] in ("GET", "HEAD") and opens


def _link(name: str) -> str:
    if name.endswith(".css"):
        return f'<link rel="stylesheet" href="rimo/page/{name}">'
    return f'<script type="module" src="rimo/page/{name}"></script>'
