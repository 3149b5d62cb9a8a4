"""The user's own weights back into the model, and the way out where that fails."""

from __future__ import annotations

import logging

from lib_rimo.errors import HostError
from lib_rimo.hosts.host import Host
from lib_rimo.merging.live.swap import Swapper

log = logging.getLogger("rimo")


def put_back(swapper: Swapper, host: Host) -> None:
    """Restores what was swapped. Only inside ``host.exclusive``.

    Where that fails half-way, the host loads its model anew, so that nobody draws with a mixture.

    Raises:
        HostError: It failed. The model is the user's own again, unless the text says otherwise.
    """
    try:
        report = swapper.restore(host.live())
        if report.keys:
            host.weights_changed(report.keys)
    except BaseException as error:
        log.exception("The weights could not be put back; the model is loaded anew")
        host.load_again()
        swapper.forget()
        if not isinstance(error, Exception):
            raise
        raise HostError(
            "The weights could not be put back",
            found=str(error) if isinstance(error, HostError) else f"{type(error).__name__}: {error}",
            fix="The model was loaded anew from its file and is as it was; resume when you want to go on",
        ) from error
