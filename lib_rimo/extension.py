"""The program inside a WebUI: one study service for the life of the process, and who may use it.

"Reload UI" executes the extension's script anew while this module stays imported, so a running study goes on.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request

from lib_rimo.benchmark.hub import KNOWN_TAGGERS, KnownTagger
from lib_rimo.benchmark.taggers import DEFAULT, Taggers
from lib_rimo.errors import HostError, RimoError
from lib_rimo.hosts.drawers.host_drawer import drawer_of
from lib_rimo.hosts.host import Host
from lib_rimo.hosts.webui.deepdanbooru import NAME as DEEPDANBOORU
from lib_rimo.hosts.webui.deepdanbooru import DeepDanbooruTagger
from lib_rimo.hosts.webui.host import WebuiHost
from lib_rimo.hosts.webui.kind import has_deepdanbooru, open_webui_host, option, program
from lib_rimo.study.studies import Studies
from lib_rimo.toy.family import family_of, is_of_family, unpack
from lib_rimo.wording.files import size_text

log = logging.getLogger("rimo")


@dataclass(frozen=True, slots=True)
class Setting:
    """A line of the WebUI's settings page.

    ``localizations/*.json`` translate label and info there, and whatever else on the WebUI's page is called the
    same: so a label names whose it is.
    """

    name: str
    default: str | bool
    label: str
    info: str


def _with_size(tagger: KnownTagger) -> str:
    size = f" ({size_text(tagger.size_bytes)})" if tagger.size_bytes else ""
    return f"{tagger.name}{size}"


TAGGER = Setting(
    "rimo_tagger",
    DEFAULT,
    "Tagger of Random mix",
    f"a folder with a tagger's files, or one of {', '.join(map(_with_size, KNOWN_TAGGERS.values()))}, which is "
    f"downloaded when first used, or {DEEPDANBOORU}, the one that the WebUI interrogates with, if it has it; what each "
    "is for, and its licence, stands in the tab",
)
EXAMPLE = Setting(
    "rimo_example",
    False,
    "Offer the tiny example family of Random mix",
    "puts four tiny checkpoints into the checkpoint folder and uses their own tagger; restart to take effect",
)
SETTINGS = (TAGGER, EXAMPLE)
WIDENED = tuple(f"wide-{name}.safetensors" for name in ("base", "shapes", "layout", "scenery"))

_made: list[Studies] = []
_hosts: list[WebuiHost] = []
_making = threading.Lock()


def service(root: Path) -> Studies:
    """The studies of this process.

    Args:
        root: Folder for journals and downloaded taggers.

    Raises:
        HostError: This is no WebUI, or an unknown one.
    """
    with _making:
        if not _made:
            host = open_webui_host()
            example = _example_or_nothing(host) if option(EXAMPLE.name, EXAMPLE.default) else {}
            own = {DEEPDANBOORU: DeepDanbooruTagger} if has_deepdanbooru() else {}
            known = Taggers(root / "taggers", own)
            _hosts.append(host)
            _made.append(
                Studies(
                    drawer_of(host),
                    root / "studies",
                    lambda s: known.open(s.tagger or _chosen_tagger(), s.threshold, s.character_threshold),
                    lambda: {"tagger": _chosen_tagger(), **_offered(example)},
                    of_base=lambda base: example if _is_example(base, example) else {},
                    taggers=known,
                    may_load=False,
                )
            )
        return _made[0]


def why_not(root: Path) -> str:
    """Why this WebUI cannot be served, for its user; empty where it can."""
    try:
        service(root)
    except RimoError as error:
        return str(error)
    except Exception as error:
        log.exception("Random mix could not be set up")
        return f"Random mix could not be set up in {program()}: {type(error).__name__}: {error}"
    return ""


def job_begins(job: Any) -> None:
    """The WebUI begins a job of the user's: a mix that is lent to them goes in."""
    for host in _hosts:
        host.job_begins(job)


def job_ends() -> None:
    """The job is over: their own weights go back."""
    for host in _hosts:
        host.job_ends()


def _chosen_tagger() -> str:
    """The tagger of the settings page."""
    return str(option(TAGGER.name, TAGGER.default)).strip()


def _offered(example: Mapping[str, Any]) -> dict[str, Any]:
    """What is offered first: the example's checkpoints, where it is wished for."""
    return {name: example[name] for name in ("base", "partners") if name in example}


def _is_example(base: Path, example: Mapping[str, Any]) -> bool:
    """Whether the example's settings are meant for a base: its own files, and mixes of them."""
    own = [str(path) for path in (example.get("base"), *example.get("partners", ()))]
    return bool(example) and (str(base) in own or is_of_family(base))


def _example_or_nothing(host: Host) -> dict[str, Any]:
    """The example's settings; without them the tab works all the same, so a failure is only told."""
    try:
        return _example(host)
    except RimoError as error:
        log.warning("The tiny example family is not offered: %s", error)
        return {}


def _example(host: Host) -> dict[str, Any]:
    """Settings of a study on the tiny family, which is put among the WebUI's checkpoints.

    Raises:
        HostError: This is Forge, which takes no tiny checkpoints, and no widened ones are there.
    """
    if host.name == "forge":
        family = family_of(_widened(host))
    else:
        family = unpack(host.save_folder() / "rimo-example")
        host.refresh()
    hints = json.loads((family.config_dir / "rimo.json").read_text(encoding="utf-8"))
    return {
        "base": str(family.base),
        "partners": [str(path) for path in family.specialists],
        "tagger": str(family.tagger_dir),
        "catalogue": str(family.catalogue),
        "one_per_category": True,
        **{name: hints[name] for name in ("steps", "cfg", "sampler", "width", "height") if name in hints},
    }


def _widened(host: Host) -> list[Path]:
    """The tiny family at full size, as ``tools/widen_toy.py`` makes it, the base first."""
    listed = {path.name: path for path in host.checkpoints()}
    found = [listed[name] for name in WIDENED if name in listed]
    if len(found) < len(WIDENED):
        raise HostError(
            "Forge takes checkpoints of full size only",
            found=f"{len(found)} of the widened ones",
            wanted=", ".join(WIDENED),
            fix="Make them with tools/widen_toy.py (2.1 GB each)",
        )
    return found


def login_guard(app: FastAPI, api_auth: str | None) -> Callable[[Request], None]:
    """Lets in whom the WebUI lets in.

    Args:
        app: The WebUI's application. Where it wants a login (``--gradio-auth``), our routes want the same.
        api_auth: The WebUI's ``--api-auth`` (``user:password`` pairs, comma between them), for scripts.

    Returns:
        A FastAPI dependency that raises ``HTTPException`` 401 for everybody else.
    """
    users = [pair.strip() for pair in (api_auth or "").split(",") if ":" in pair]

    def guard(request: Request) -> None:
        if getattr(app, "auth", None) is None and getattr(app, "auth_dependency", None) is None:
            return
        if _logged_in(app, request) or any(
            secrets.compare_digest(_basic(request), u.encode()) for u in users
        ):
            return
        raise HTTPException(401, "Log in to the WebUI first.", headers={"WWW-Authenticate": "Basic"})

    return guard


def _logged_in(app: FastAPI, request: Request) -> bool:
    """Whether gradio knows who this is. It answers that at its route ``/user``, in every version."""
    for route in app.routes:
        if getattr(route, "path", "") == "/user" and (who := getattr(route, "endpoint", None)) is not None:
            return bool(who(request))
    return False


def _basic(request: Request) -> bytes:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
