"""How every route answers: JSON, errors with a status that says whose they are, files to take away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi.responses import Response

from lib_rimo import said
from lib_rimo.errors import HostError, RimoError, SaveError, SettingsError, StudyError
from lib_rimo.files import json_text, whole_text
from lib_rimo.study.store.snapshot import Snapshot

logger = logging.getLogger("rimo")

NOT_FOUND, CONFLICT = 404, 409


def json_response(content: Mapping[str, Any], status: int = 200) -> Response:
    """JSON in which a file's name may be one that no encoding can write."""
    text = json_text(content, separators=(",", ":"), allow_nan=False)
    return Response(text.encode(), status, media_type="application/json")


def answer(work: Callable[[], Mapping[str, Any]], refused: int = CONFLICT) -> Response:
    """Runs a command; an error that is meant for the user becomes JSON with a status that says whose it is.

    Args:
        work: Gives the answer.
        refused: Status for what the studies refuse: a wrong moment for commands, not found where something is read.
    """
    done = _attempt(lambda: said_json(work()), refused)
    done.headers["Cache-Control"] = "no-store"
    return done


def download(work: Callable[[], str | bytes], media_type: str, name: str) -> Response:
    """A file to take away; an error is JSON, as everywhere."""

    def content() -> Response:
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        made = work()
        data = made if isinstance(made, bytes) else whole_text(made).encode()
        return Response(data, media_type=media_type, headers=headers)

    return _attempt(content, NOT_FOUND)


def stands(now: Snapshot) -> dict[str, Any]:
    """What a command is answered with."""
    return {"version": now.version, "study": now.study, "state": now.state.value}


def said_json(body: Mapping[str, Any], status: int = 200) -> Response:
    """Texts are English; those that were put together come a second time under ``said``, with template and values."""
    found = [said.to_json(one) for one in said.all_said(body).values()]
    return json_response({**body, "said": found} if found else dict(body), status)


def _attempt(work: Callable[[], Response], refused: int) -> Response:
    try:
        return work()
    except SettingsError as error:
        return said_json({"error": error.said, "field": error.field}, 400)
    except (StudyError, SaveError, HostError) as error:
        return said_json({"error": error.said}, refused)
    except RimoError as error:
        return said_json({"error": error.said}, 400)
    except Exception:
        logger.exception("A request failed")
        return json_response({"error": "Something went wrong inside; the log says what."}, 500)
