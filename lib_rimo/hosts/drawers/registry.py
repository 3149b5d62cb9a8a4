"""The drawers that can be chosen by name, from this program and from installed packages.

    [project.entry-points."rimo.drawers"]
    my-machine = "my_package:MyDrawer"

What an entry point gives, a class or a function, is called with ``DrawerSettings`` and returns a ``Drawer``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.errors import PluginError
from lib_rimo.hosts.drawers.drawer import Drawer
from lib_rimo.hosts.drawers.host_drawer import HostDrawer
from lib_rimo.registry import Registry
from lib_rimo.said import say

DEFAULT = "diffusers"
OWED = tuple(name for name in vars(HostDrawer) if not name.startswith("_"))
"""The methods that a drawer has to have."""


@dataclass(frozen=True, slots=True)
class DrawerSettings:
    """What a drawer is told when a program begins.

    Attributes:
        folder: Where checkpoints are looked for, with all folders below, and saved.
        config: Finds the folder with a checkpoint's diffusers configuration; None for the standard one of its family.
        device: "cuda", "mps" or "cpu", with an index if wanted; None for the best there is.
        checkpoints: Files outside the folder that can be chosen too.
    """

    folder: Path
    config: Callable[[Path], Path | None]
    device: str | None = None
    checkpoints: Sequence[Path] = ()


MakeDrawer = Callable[[DrawerSettings], Drawer]


def _diffusers(settings: DrawerSettings) -> Drawer:
    from lib_rimo.hosts.diffusers.host import DiffusersHost

    return HostDrawer(
        DiffusersHost(
            settings.folder,
            config_dir=settings.config,
            device=settings.device,
            extra_checkpoints=settings.checkpoints,
        )
    )


def _check(_name: str, member: Any) -> MakeDrawer:
    if not callable(member):
        raise TypeError(f"{member!r} cannot be called with settings")
    if isinstance(member, type):
        _complete(member)
    made: MakeDrawer = member
    return made


def _complete(drawer: Any) -> None:
    if lacking := [name for name in OWED if not hasattr(drawer, name)]:
        raise TypeError(f"it has no {', '.join(lacking)}")


DRAWERS: Registry[MakeDrawer] = Registry("rimo.drawers", "drawer", _check, {DEFAULT: _diffusers})


def open_drawer(name: str, settings: DrawerSettings) -> Drawer:
    """The drawer of a name.

    Raises:
        PluginError: There is none of this name, or what was made is no drawer.
        RimoError: It cannot be used here.
    """
    drawer = DRAWERS[name](settings)
    try:
        _complete(drawer)
    except TypeError as error:
        raise PluginError(
            say("The drawer {1} of {2} cannot be used", name, DRAWERS.maker(name)),
            found=str(error),
            fix="Choose another one",
        ) from error
    return drawer
