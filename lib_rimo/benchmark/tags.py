"""Tags and sorted lists of them.

A tag may be written with spaces or with underscores; both spellings are one tag everywhere in this room.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lib_rimo.errors import CatalogueError
from lib_rimo.said import joined, say

log = logging.getLogger("rimo")

GENERAL = "general"
"""The category of tags that nobody has sorted."""
_SHOWN = 8  # names in a message; more would hide the sentence


def tag_key(name: str) -> str:
    """What two spellings of one tag have in common: ``long hair`` and ``long_hair`` are equal.

    Case is kept, because ``:d`` and ``:D`` are different tags in the Danbooru vocabulary.
    """
    return "_".join(name.replace("_", " ").split())


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag.

    Attributes:
        name: As it is written in prompts, before any change of underscores.
        category: The row of the accuracy table that it counts for, such as ``nature/animals``.
    """

    name: str
    category: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Tags to ask for, none twice.

    Attributes:
        tags: All tags, in the order of the file.

    Raises:
        CatalogueError: There is no tag, an empty name or category, or one tag twice.
    """

    tags: tuple[Tag, ...]
    _category: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tags", tuple(self.tags))
        if not self.tags:
            raise CatalogueError(
                "The tag catalogue is empty", wanted="at least one tag", fix="Add tags or choose another list"
            )
        category: dict[str, str] = {}
        for tag in self.tags:
            key = tag_key(tag.name)
            if not key or not tag.category.strip():
                raise CatalogueError(
                    "A tag in the catalogue has no name or no category", found=tag, fix="Fill it in"
                )
            if not (tag.name.isprintable() and tag.category.isprintable()):
                raise CatalogueError(
                    "A tag holds a character that cannot be printed",
                    found=ascii(tag.name),
                    wanted="plain text on one line",
                )
            if key in category:
                raise CatalogueError(
                    "The catalogue names a tag twice",
                    found=f"{tag.name!r} in {category[key]!r} and in {tag.category!r}",
                    wanted="each tag once (a space and an underscore are the same)",
                    fix="Remove one of the two",
                )
            category[key] = tag.category
        object.__setattr__(self, "_category", category)

    @classmethod
    def of(cls, names: Iterable[str], category: str = GENERAL) -> Catalogue:
        """A catalogue with one category."""
        return cls(tuple(Tag(name, category) for name in names))

    def __len__(self) -> int:
        return len(self.tags)

    def __iter__(self) -> Iterator[Tag]:
        return iter(self.tags)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and tag_key(name) in self._category

    @property
    def names(self) -> tuple[str, ...]:
        """Tag names, in order."""
        return tuple(tag.name for tag in self.tags)

    @property
    def categories(self) -> tuple[str, ...]:
        """Category names, in the order of their first tag."""
        return tuple(dict.fromkeys(tag.category for tag in self.tags))

    def category_of(self, name: str) -> str:
        """The category of a tag in either spelling.

        Raises:
            CatalogueError: The catalogue has no such tag.
        """
        try:
            return self._category[tag_key(name)]
        except KeyError:
            raise CatalogueError(
                "The catalogue does not know a tag", found=with_suggestions([name], self.names)
            ) from None

    def check(self, tagger_tags: Iterable[str]) -> Catalogue:
        """Makes sure that a tagger can see every tag.

        Args:
            tagger_tags: The tags that the tagger answers for.

        Returns:
            This catalogue.

        Raises:
            CatalogueError: Some tags are unknown to the tagger; the text names them and the closest spellings.
        """
        known = {tag_key(name): name for name in tagger_tags}
        unknown = [tag.name for tag in self.tags if tag_key(tag.name) not in known]
        if unknown:
            raise CatalogueError(
                f"The tagger does not know {len(unknown)} of the catalogue's {len(self)} tags",
                found=with_suggestions(unknown, known.values()),
                wanted="tags of the tagger's own list",
                fix="Correct or remove them, or choose another tagger",
            )
        return self

    def known_to(self, tagger_tags: Iterable[str]) -> Catalogue:
        """The part of this catalogue that a tagger can see; what falls out is logged.

        Raises:
            CatalogueError: The tagger knows none of the tags.
        """
        known = {tag_key(name) for name in tagger_tags}
        kept = tuple(tag for tag in self.tags if tag_key(tag.name) in known)
        if not kept:
            raise CatalogueError(
                "The tagger knows none of the catalogue's tags",
                found=_listed([*self.names]),
                fix="Choose the catalogue that belongs to the tagger",
            )
        if len(kept) < len(self):
            lost = [tag.name for tag in self.tags if tag_key(tag.name) not in known]
            log.info("tags unknown to the tagger are left out: %s", ", ".join(lost))
        return Catalogue(kept)


def with_suggestions(unknown: list[str], known: Iterable[str]) -> str:
    """Unknown tags, the first few with their closest known spellings, for an error's text."""
    by_key = {tag_key(name): name for name in known}
    parts = []
    for name in unknown[:_SHOWN]:
        close = difflib.get_close_matches(tag_key(name), by_key, n=2, cutoff=0.6)
        known_ones = ", ".join(by_key[c] for c in close)
        parts.append(say("{1} (close: {2})", repr(name), known_ones) if close else say("{1}", repr(name)))
    told = joined(", ", *parts)
    return say("{1} and {2} more", told, len(unknown) - _SHOWN) if len(unknown) > _SHOWN else told


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
