"""Where what can be added from outside is found: by name, from this program and from installed packages.

A kind of thing that can be added (a search strategy, a merge method, a scorer, a model family, a drawer) has one
``Registry``. A package adds to it by an entry point in the registry's group, without a line changed here:

    [project.entry-points."rimo.strategies"]
    my-search = "my_package:MySearch"

A member that cannot be imported, takes a name that is taken, or does not keep to the kind's protocol is left out; why
is told in ``problems``, logged, and shown by command line and page. The rest of the program goes on without it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from lib_rimo.errors import PluginError

log = logging.getLogger("rimo")

T = TypeVar("T")

HERE = "Rimo Random Mix"
"""Who a member is of that comes with the program."""


class Registry(Generic[T]):
    """Everything of one kind that can be chosen by name.

    Args:
        group: Of the entry points, such as ``rimo.strategies``.
        kind: What a member is called in messages, such as ``search strategy``.
        check: Turns what an entry point gives into a member; raises ``PluginError`` or ``TypeError`` with what is
            missing if it cannot be one.
        members: What comes with the program, in the order in which it is offered.
    """

    def __init__(
        self, group: str, kind: str, check: Callable[[str, Any], T], members: Mapping[str, T] | None = None
    ) -> None:
        self.group, self.kind = group, kind
        self._check = check
        self._members: dict[str, T] = dict(members or {})
        self._makers: dict[str, str] = dict.fromkeys(self._members, HERE)
        self._problems: list[PluginError] = []
        self._lock = threading.RLock()
        self._loaded = False
        _REGISTRIES.append(self)

    def register(self, name: str, member: Any, maker: str = HERE) -> None:
        """Adds a member.

        Args:
            name: That it is chosen by.
            member: What an entry point would give.
            maker: The package that it is of, for messages.

        Raises:
            PluginError: The name is taken, or the member does not keep to the protocol.
        """
        with self._lock:
            if name in self._members:
                raise PluginError(
                    f"The {self.kind} {name} of {maker} is left out",
                    found=f"{name} is a {self.kind} of {self._makers[name]} already",
                    wanted="a name that is free",
                    fix=f"Rename it, or remove one of {maker} and {self._makers[name]}",
                )
            try:
                self._members[name] = self._check(name, member)
            except (PluginError, TypeError, ValueError, AttributeError) as error:
                raise PluginError(
                    f"The {self.kind} {name} of {maker} is left out",
                    found=str(error).rstrip("."),
                    wanted=f"what a {self.kind} has to offer",
                    fix=f"Update {maker}, or tell its makers",
                ) from error
            self._makers[name] = maker

    def remove(self, name: str) -> None:
        """Takes a member out again, for tests and for those who register while a program runs."""
        with self._lock:
            self._members.pop(name, None)
            self._makers.pop(name, None)

    def names(self) -> tuple[str, ...]:
        """All names, this program's first."""
        self._load()
        return tuple(self._members)

    def labels(self) -> dict[str, str]:
        """All names with what each is called in words: its ``label``, where it has one."""
        return {name: str(getattr(self[name], "label", "") or name) for name in self.names()}

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._members

    def __getitem__(self, name: str) -> T:
        """The member of a name.

        Raises:
            PluginError: There is none; the text lists those there are, and those that were left out.
        """
        self._load()
        with self._lock:
            if name in self._members:
                return self._members[name]
            left_out = [problem.what for problem in self._problems if f" {name} " in f" {problem.what} "]
        raise PluginError(
            f"There is no such {self.kind}",
            found=name,
            wanted=", ".join(self.names()),
            fix=". ".join([*left_out, "Choose one of these"]),
        )

    def maker(self, name: str) -> str:
        """The package that a member is of."""
        self._load()
        return self._makers[name]

    def problems(self) -> tuple[PluginError, ...]:
        """What was left out, and why."""
        self._load()
        return tuple(self._problems)

    def _load(self) -> None:
        """Asks installed packages, once."""
        with self._lock:
            if self._loaded:
                return
            self._loaded = True
            for point in entry_points(group=self.group):
                try:
                    self._take(point)
                except PluginError as problem:
                    log.warning("%s", problem)
                    self._problems.append(problem)

    def _take(self, point: EntryPoint) -> None:
        maker = point.dist.name if point.dist is not None else point.value
        try:
            member = point.load()
        except Exception as error:  # foreign code: whatever it raises, the program goes on without it
            raise PluginError(
                f"The {self.kind} {point.name} of {maker} is left out",
                found=f"{point.value} cannot be imported: {type(error).__name__}: {error}",
                fix=f"Update or remove {maker}",
            ) from error
        self.register(point.name, member, maker)


_REGISTRIES: list[Registry[Any]] = []


def problems() -> tuple[PluginError, ...]:
    """What was left out of all registries that are in use, and why."""
    return tuple(problem for registry in _REGISTRIES for problem in registry.problems())
