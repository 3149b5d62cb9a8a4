"""A hub on this machine that speaks as much of the real one's protocol as its client needs."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE_BYTES = 64 * 1024


class LocalHub(ThreadingHTTPServer):
    """Serves files of repositories.

    Attributes:
        files: ``(repository, file)`` -> content.
        asked: ``(method, file)`` of every request.
        url: Where it answers.
        digests: What it publishes of a file in place of the content's own digest.
        sent: ``(file, first byte)`` of every body.
        breaks_after: A connection ends after so many bytes of a body; None for never.
        pace_s: How long it waits between two pieces of a body.
        gate: Set for no pauses any more.
    """

    def __init__(self, files: Mapping[tuple[str, str], bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.files = dict(files)
        self.asked: list[tuple[str, str]] = []
        self.digests: dict[str, str] = {}
        self.sent: list[tuple[str, int]] = []
        self.breaks_after: int | None = None
        self.pace_s = 0.0
        self.gate = threading.Event()
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
        begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response((206 if begin else 200) if content is not None else 404)
        if content is None:
            self.send_header("X-Error-Code", "EntryNotFound")
            content = b""
        digest = self.server.digests.get(file) or hashlib.sha256(content).hexdigest()
        self.send_header("Content-Length", str(len(content) - begin))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", f'"{digest}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.end_headers()
        if not body:
            return
        self.server.sent.append((file, begin))
        for start in range(begin, len(content), PIECE_BYTES):
            if self.server.breaks_after is not None and start >= self.server.breaks_after:
                self.close_connection = True  # in the middle of the body, as a line that drops
                return
            self.wfile.write(content[start : start + PIECE_BYTES])
            self.server.gate.wait(self.server.pace_s)

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
