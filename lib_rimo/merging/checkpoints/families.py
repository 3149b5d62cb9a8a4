"""All model families: this program's (``data/families``), and those that packages add.

A package adds a family by an entry point of the group ``rimo.families`` that gives the path of its data file, or a
``Family``. What a key means must not depend on which file it stands in, since recipes and partitions speak of keys:
so families may spell a part alike only if they mean the same by it. One that contradicts another is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from lib_rimo.errors import PluginError
from lib_rimo.merging.checkpoints.family import BLOCK, Family, Place
from lib_rimo.merging.checkpoints.family_file import family_from_json, family_from_text
from lib_rimo.registry import HERE, Registry

OWN = ("sd1", "sd2", "sdxl-base", "sdxl-refiner")
"""The families that come with the program; the first is what is taken where nothing is known of a model."""


def read_data(name: str) -> Any:
    """A data file of this room, parsed."""
    found = resources.files("lib_rimo.merging").joinpath("data")
    for part in name.split("/"):
        found = found.joinpath(part)
    return json.loads(found.read_text("utf-8"))


class Families(Registry[Family]):
    """The registry, and all of it at once: asked for every key, so it is kept until a family comes or goes."""

    _every: tuple[Family, ...] | None = None

    def register(self, name: str, member: Any, maker: str = HERE) -> None:
        """Adds a family; see ``Registry.register``."""
        super().register(name, member, maker)
        self._every = None

    def remove(self, name: str) -> None:
        """Takes a family out again."""
        super().remove(name)
        self._every = None

    def known(self) -> Mapping[str, Family]:
        """Those that are in already, without asking packages."""
        return dict(self._members)

    def all(self) -> tuple[Family, ...]:
        """All families, this program's first."""
        if not self._loaded or self._every is None:
            self._load()
            self._every = tuple(self._members.values())
        return self._every


def _own() -> dict[str, Family]:
    known: dict[str, Family] = {}
    for name in OWN:
        known[name] = family_from_json(read_data(f"families/{name}.json"), f"{name}.json", known)
    return known


def _checked(name: str, member: Any) -> Family:
    """What an entry point gives as a family.

    Raises:
        PluginError: The file is damaged, has another name, or contradicts a family that is known.
        TypeError: It is neither a family nor the path of one.
    """
    known = FAMILIES.known()
    if isinstance(member, str):
        member = Path(member)
    if isinstance(member, Mapping):
        member = family_from_json(member, name, known)
    elif hasattr(member, "read_text"):  # a path, or a resource inside a package
        try:
            text = member.read_text("utf-8")
        except OSError as error:
            raise PluginError(
                f"The family file {member.name} cannot be read", found=error.strerror
            ) from error
        member = family_from_text(text, member.name, known)
    if not isinstance(member, Family):
        raise TypeError(f"{member!r} is no family and no path of a family's file")
    if member.name != name:
        raise PluginError("The family has another name than its entry point", found=member.name, wanted=name)
    refuse_contradiction(member, tuple(known.values()))
    return member


FAMILIES = Families("rimo.families", "model family", _checked, _own())
"""All families by name."""


def families() -> tuple[Family, ...]:
    """All families, this program's first."""
    return FAMILIES.all()


def place_of(key: str) -> Place | None:
    """Where a key belongs, or None if it is never merged (EMA copies, schedules, position ids, unknown names)."""
    return _place(key, families())


@lru_cache(maxsize=1 << 16)
def _place(key: str, among: tuple[Family, ...]) -> Place | None:
    """The place by those families that spell the most of the key; one that calls it a buffer prevails."""
    claims = [(claim, family) for family in among if (claim := family.claim(key)) is not None]
    most = max((letters for (letters, _), _ in claims), default=0)
    nearest = [(place, family) for (letters, place), family in claims if letters == most]
    if not nearest or any(family.is_buffer(key) for _, family in nearest):
        return None
    return nearest[0][0]


def is_weight(key: str) -> bool:
    """Whether a name is that of a weight, merged or not; others are schedules and training values."""
    return any(key.startswith(family.weights()) for family in families())


def chains() -> tuple[str, ...]:
    """The chains of blocks of all families by name, in the order of data flow."""
    return tuple(dict.fromkeys(chain.name for family in families() for chain in family.chains))


def components() -> tuple[str, ...]:
    """The components of all families by name."""
    return tuple(dict.fromkeys(name for family in families() for name in family.components))


def usual_blocks(chain: str) -> int:
    """How many blocks a chain has in the families' usual models, at most."""
    return max((family.blocks[chain] for family in families() if chain in family.blocks), default=1)


def refuse_contradiction(family: Family, others: tuple[Family, ...]) -> None:
    """Makes sure that with this family every other one's keys mean what they meant, and its own mean what it says.

    Raises:
        PluginError: They do not; the text names an example and the other family.
    """
    every = (*others, family)
    for one in every:
        for key in _examples(one):
            before = _place(key, others) if one is not family else family.place_of(key)
            if (after := _place(key, every)) != before:
                other = next((o for o in others if o.claim(key)), one)
                raise PluginError(
                    f"The family {family.name} and the family {other.name} mean different things by one name",
                    found=f"{key} is {_told(before)} and {_told(after)}",
                    wanted="names of its own, or the same meaning",
                )
    for other in others:
        for name in family.partitions.keys() & other.partitions.keys():
            ours, theirs = family.partitions[name], other.partitions[name]
            for mine, its in ((ours.blocks, theirs.blocks), (ours.components, theirs.components)):
                for part in mine.keys() & its.keys():
                    if mine[part] != its[part]:
                        raise PluginError(
                            f"The family {family.name} and the family {other.name} divide one part differently",
                            found=f"{part} in the partition {name}",
                            wanted="a name of its own for the part",
                        )


def _examples(family: Family) -> Iterator[str]:
    for chain in family.chains:
        for keys in chain.keys:
            for block in range(family.blocks[chain.name]):
                yield keys.replace(BLOCK, str(block)) + "0.weight"
    for component in family.components.values():
        yield from (keys + "x.weight" for keys in component.keys)


def _told(place: Place | None) -> str:
    if place is None:
        return "never merged"
    return f"block {place.block} of {place.chain}" if place.chain else place.component
