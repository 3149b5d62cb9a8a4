"""Sizes of pictures as the user writes them: ``832x1216``."""

from __future__ import annotations

import re
from typing import NamedTuple

from lib_rimo.errors import SettingsError

_WRITTEN = re.compile(r"\s*(\d{1,6})\s*[x\u00d7*]\s*(\d{1,6})\s*", re.IGNORECASE)


class Size(NamedTuple):
    """Width and height, in pixels."""

    width: int
    height: int

    @classmethod
    def from_text(cls, text: str) -> Size:
        """Reads a size.

        Raises:
            SettingsError: It is none.
        """
        if (found := _WRITTEN.fullmatch(text)) is None:
            raise SettingsError(
                "sizes",
                "The size cannot be read",
                found=repr(text),
                wanted="width and height in pixels, such as 832x1216",
            )
        return cls(int(found[1]), int(found[2]))

    def to_text(self) -> str:
        """As ``from_text`` reads it."""
        return f"{self.width}x{self.height}"
