"""Servers for the tests of page and routes: gradio runs in a process of its own, as the user's does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

with warnings.catch_warnings():
    # The older generation warns of its own imports; what our use of it brings up still counts.
    warnings.simplefilter("ignore")
    import uvicorn
    from fastapi import FastAPI

    from lib_rimo.ui.api.routes import add_routes

from tests.ui.pages import Opener
from tests.ui.scripted import ScriptedService

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]
START_S = 300
ANSWER_S = 120
ADDRESS = re.compile(r"Random mix is at (http://\S+)/ ")


@dataclass
class Api:
    """The routes of a running server.

    Attributes:
        address: Of the server, without a closing slash.
    """

    address: str

    def ask(
        self, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body of an answer."""
        data = None if body is None else json.dumps(body).encode()
        sent = ({} if body is None else {"Content-Type": "application/json"}) | (headers or {})
        request = urllib.request.Request(f"{self.address}/rimo/v1/{path}", data, sent)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def json(self, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Status and JSON body."""
        status, _, data = self.ask(path, body)
        return status, json.loads(data)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ScriptedService]:
    """A scripted study that nobody started yet."""
    made = ScriptedService(tmp_path, pace_s=0.01)
    yield made
    if made.snapshot().state.active:
        made.stop()


@pytest.fixture
def patient_service(service: ScriptedService) -> ScriptedService:
    """The same, so slow that it does not get to its first mix while a test looks at it."""
    service._pace_s = 3600
    return service


@pytest.fixture
def serve_routes() -> Iterator[Callable[..., Api]]:
    """Serves the routes of a service in this process, without gradio."""
    with contextlib.ExitStack() as ends:

        def serve(service: Any, authorise: Any = None) -> Api:
            app = FastAPI()
            add_routes(app, service, authorise)
            listener = ends.enter_context(socket.create_server(("127.0.0.1", 0)))
            server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()
            ends.callback(thread.join, ANSWER_S)
            ends.callback(setattr, server, "should_exit", True)
            return Api(f"http://127.0.0.1:{listener.getsockname()[1]}")

        yield serve


@pytest.fixture
def api(serve_routes: Callable[..., Api], service: ScriptedService) -> Api:
    """The routes of the scripted study."""
    return serve_routes(service)


@dataclass
class Served:
    """A page served by a process of its own.

    Attributes:
        api: Its routes.
        process: The process.
        log: What it wrote.
        folder: Of its scripted study, if it has one.
    """

    api: Api
    process: subprocess.Popen[bytes]
    log: Path
    folder: Path = Path()

    def end(self) -> int:
        """Interrupts it as ctrl-C does; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(ANSWER_S)


@pytest.fixture(scope="module")
def serve_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Starts ``python -m MODULE ...`` with 0, for any free port, as ``{port}``, and waits until it answers."""
    running: list[Served] = []

    def start(*command: str, **environment: str) -> Served:
        log = tmp_path_factory.mktemp("served") / "log.txt"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", *(part.format(port=0) for part in command)],
                cwd=ROOT,
                env=os.environ | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        served = Served(Api(""), process, log)
        running.append(served)
        _await(served)
        return served

    yield start
    for served in running:
        if served.process.poll() is None:
            served.end()


def _await(served: Served) -> None:
    """Waits until it says where it is, and answers; its own end or a long silence is a failure."""
    pause = threading.Event()
    for _ in range(10 * START_S):
        if served.process.poll() is not None:
            break
        if said := ADDRESS.search(served.log.read_text(errors="replace")):
            served.api.address = said[1]
            served.api.ask("version")
            return
        pause.wait(0.1)
    pytest.fail(f"The server did not answer:\n{served.log.read_text(errors='replace')}")


@pytest.fixture(scope="module")
def serve_scripted(
    serve_page: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Served]:
    """Starts a page over a study that plays itself, in a folder of its own, with so many seconds between two mixes."""

    def start(pace_s: float = 0.05) -> Served:
        folder = tmp_path_factory.mktemp("scripted")
        served = serve_page("tests.ui.scripted_server", "{port}", str(folder), str(pace_s))
        served.folder = folder
        return served

    return start


@pytest.fixture(scope="module")
def scripted(serve_scripted: Callable[..., Served]) -> Served:
    """One of them. Tests that want to meet its moments hold it (``pages.held``)."""
    return serve_scripted()


@pytest.fixture(scope="module")
def untouched(serve_scripted: Callable[..., Served]) -> Served:
    """Another one, for tests in which nothing is ever started."""
    return serve_scripted()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    """Opens a page and, at the end, finds that it said nothing wrong and asked no other server."""
    opener = Opener(browser)
    try:
        yield opener
    finally:
        opener.close()
    assert opener.complaints == []
