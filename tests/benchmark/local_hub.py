"""A hub on this machine that speaks as much of the real one's protocol as its client needs."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class LocalHub(ThreadingHTTPServer):
    """Serves files of repositories.

    Attributes:
        files: ``(repository, file)`` -> content.
        asked: ``(method, file)`` of every request.
        url: Where it answers.
    """

    def __init__(self, files: Mapping[tuple[str, str], bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.files = dict(files)
        self.asked: list[tuple[str, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    """Resolve, etag, commit, length."""

    protocol_version = "HTTP/1.1"
    server: LocalHub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        owner, name, _, _, file = ([*self.path.strip("/").split("/", 4), *"     "])[:5]
        content = self.server.files.get((f"{owner}/{name}", file))
        self.server.asked.append((self.command, file))
        self.send_response(200 if content is not None else 404)
        if content is None:
            self.send_header("X-Error-Code", "EntryNotFound")
            content = b""
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def local_hub(files: Mapping[tuple[str, str], bytes]) -> Iterator[LocalHub]:
    """A hub that answers inside."""
    hub = LocalHub(files)
    thread = threading.Thread(target=hub.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()
