"""The tab as a page of its own, for those without a WebUI."""

from __future__ import annotations

import errno
import inspect
import logging
import os
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import lib_rimo
from lib_rimo.errors import HostError
from lib_rimo.said import say
from lib_rimo.study.service import StudyService
from lib_rimo.ui.server.page_folder import page_folder

if TYPE_CHECKING:
    from fastapi import FastAPI

FIRST_PORT = 7861
"""One above the WebUIs' 7860, so that both can run."""

PORTS_TRIED = 40
ENTRY = "javascript/rimo.mjs"
"""The one script that a page loads by itself, here as in a WebUI; it imports the others."""

LAST_WORDS_S = 3
"""How long open connections may hold up the end; gradio keeps one open for each page."""

logger = logging.getLogger("rimo")


def serve(
    service: StudyService,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    open_browser: bool = True,
    tell: Callable[[str], None] = logger.info,
) -> None:
    """Serves the page until interrupted (ctrl-C or SIGTERM). Call it from the main thread.

    Args:
        service: The study behind the page.
        host: Address to listen on; only this machine can reach the default.
        port: Port to listen on; None takes the first free one from ``FIRST_PORT``, 0 any free one.
        open_browser: Whether to open the page in the user's browser.
        tell: Is told the page's address once it answers, and the end.

    Raises:
        HostError: The port is taken, or the page's files are missing. Nothing was started then.
    """
    listener = open_port(host, port)
    try:
        app = make_app(service, host)
        _run(app, listener, f"http://{_shown(host)}:{listener.getsockname()[1]}/", open_browser, tell)
    finally:
        listener.close()


def open_port(host: str, port: int | None) -> socket.socket:
    """A listening socket on the port, or on the first free one.

    Raises:
        HostError: The port is taken or the address is not this machine's.
    """
    candidates = range(FIRST_PORT, FIRST_PORT + PORTS_TRIED) if port is None else (port,)
    for candidate in candidates:
        try:
            return _bind(host, candidate)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise HostError(
                    "The address cannot be used", found=host, wanted="an address of this machine"
                ) from error
    found = f"{candidates[0]}" if len(candidates) == 1 else f"{candidates[0]} to {candidates[-1]}"
    raise HostError(
        "The port is taken by another program or not allowed",
        found=found,
        wanted="a free port",
        fix="Close the other program, or choose another port with --port",
    )


def make_app(service: StudyService, host: str = "127.0.0.1") -> FastAPI:
    """The application: page, script, style and routes.

    Args:
        service: The study behind it.
        host: The address it will be reached at; on this machine's own, other names are refused.

    Raises:
        HostError: The page's files are missing.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read by gradio when it is imported
    import gradio as gr
    from fastapi import FastAPI
    from fastapi.responses import FileResponse

    from lib_rimo.ui.api.routes import add_routes
    from lib_rimo.ui.page.tab import build_tab
    from lib_rimo.ui.server.page import Page
    from lib_rimo.ui.server.theme import own_theme

    files = _page_files()
    app = FastAPI(title="Rimo Random Mix", docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(app, service)

    def page_file(name: str) -> FileResponse:
        # Browsers run a module only under this type, and what a machine calls ``.mjs`` is its own affair.
        kind = "text/javascript" if name.endswith(".mjs") else None
        return FileResponse(files[name], media_type=kind, headers={"Cache-Control": "no-cache"})

    for name in files:
        app.add_api_route(f"/rimo/page/{name}", lambda name=name: page_file(name), methods=["GET"])
    links = ["style.css", ENTRY]
    app.add_middleware(Page, links=links, local=_is_local(host))
    theme = {"theme": own_theme()}
    # gradio 6 takes the theme where the page is served, the older ones where it is made.
    late = "theme" in inspect.signature(gr.mount_gradio_app).parameters
    tab = build_tab(service, **({} if late else theme))
    return gr.mount_gradio_app(app, tab, path="/", **(theme if late else {}))


def _page_files() -> dict[str, Path]:
    """Every file of the page, by its name under ``rimo/page/``."""
    page, package = page_folder(), Path(lib_rimo.__file__).parent
    files = {"style.css": page / "style.css", ENTRY: page / ENTRY}
    files |= {path.relative_to(page).as_posix(): path for path in sorted(page.glob("javascript/rimo/*.mjs"))}
    translations = sorted(package.glob("wording/translations/*.json"))
    files |= {path.relative_to(package.parent).as_posix(): path for path in translations}
    for name, path in files.items():
        if not path.is_file():
            raise HostError(
                "A file of the page is missing",
                found=path,
                wanted=say("all of the page's files, {1} among them", name),
                fix="Download or install it again",
            )
    return files


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere this option would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _run(
    app: FastAPI, listener: socket.socket, address: str, open_browser: bool, tell: Callable[[str], None]
) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            tell(f"Random mix is at {address} (ctrl-C ends it)")
            if open_browser:
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=LAST_WORDS_S)
    try:
        Server(config).run([listener])
    except KeyboardInterrupt:
        tell("Random mix has ended")


def _is_local(host: str) -> bool:
    return host in ("127.0.0.1", "localhost", "::1")


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # compared, not bound to
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
