"""How prompts look: number of tags, wording, sizes, steps, guidance."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from lib_rimo.benchmark.escaping import ended, escaped
from lib_rimo.benchmark.tags import Catalogue
from lib_rimo.errors import SettingsError

LATENT_STEP = 8
"""Pixels of one latent cell of every supported VAE: sides must be multiples of it."""

ALIKE = {"tags": "Every tag", "categories": "Every category"}
"""What prompts ask for equally often."""
_WORD = re.compile(r"[^\W\d_]{2}")  # two letters in a row; faces such as x_x and ^_^ have none


@dataclass(frozen=True, slots=True)
class PromptSettings:
    """What prompts are drawn from. The defaults are those of the newest upstream script (see ``UPSTREAM_RO``).

    A tuple holds the values that are drawn from, each equally often; one value fixes the setting.

    Attributes:
        tags_min: Fewest tags of a prompt.
        tags_max: Most tags of a prompt; every number between is equally likely.
        one_per_category: At most one tag of a category in a prompt, for catalogues whose categories exclude each
            other (a colour, a place).
        alike: What is asked for equally often, one of ``ALIKE``. With ``tags`` a category of many tags counts more than
            one of few; with ``categories`` each category counts the same, whatever it has.
        prefix: Stands before the tags, not scored; may be empty.
        separator: Between tags.
        underscores_to_spaces: Writes ``long hair`` for ``long_hair``; faces such as ``^_^`` stay as they are.
        escape: Whether signs in tags are escaped (``escaping``): the WebUIs' prompts take brackets for emphasis.
        widths: Pixels, multiples of 8.
        heights: Pixels, multiples of 8; drawn independently of the widths.
        steps: Denoising steps.
        cfgs: Guidance scales.
        negatives: Negative prompts; may hold the empty one.
        sizes: Widths with their heights, drawn as one in the place of the two above; empty for those.

    Raises:
        SettingsError: A value is out of its range; ``field`` names it.
    """

    tags_min: int = 5
    tags_max: int = 20
    one_per_category: bool = False
    alike: str = "tags"
    prefix: str = "1 girl"
    separator: str = ", "
    underscores_to_spaces: bool = True
    escape: bool = True
    widths: tuple[int, ...] = tuple(640 + 64 * i for i in range(8))
    heights: tuple[int, ...] = tuple(640 + 64 * i for i in range(8))
    steps: tuple[int, ...] = tuple(range(18, 23))
    cfgs: tuple[float, ...] = (7.0,)
    negatives: tuple[str, ...] = ("",)
    sizes: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple((width, height) for width, height in self.sizes))
        for name in ("widths", "heights", "steps", "cfgs", "negatives"):
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise SettingsError(name, f"The setting {name} is not a list", found=repr(value))
            if not value:
                raise SettingsError(
                    name, f"The setting {name} is an empty list", wanted="at least one value to draw from"
                )
            object.__setattr__(self, name, tuple(value))
        self._check_counts()
        sides = tuple(side for size in self.sizes for side in size)
        for name, values, unit in (
            ("widths", self.widths, LATENT_STEP),
            ("heights", self.heights, LATENT_STEP),
            ("sizes", sides, LATENT_STEP),
            ("steps", self.steps, 1),
        ):
            for value in values:
                if not _whole(value) or value < unit or value % unit:
                    raise SettingsError(
                        name,
                        f"The setting {name} holds an unusable value",
                        found=repr(value),
                        wanted="1 or more" if unit == 1 else f"a positive multiple of {unit}",
                    )
        for cfg in self.cfgs:
            if not (_number(cfg) and math.isfinite(cfg) and cfg > 0):
                raise SettingsError(
                    "cfgs", "A guidance scale is unusable", found=repr(cfg), wanted="a number above 0"
                )
        object.__setattr__(self, "cfgs", tuple(float(cfg) for cfg in self.cfgs))

    def _check_counts(self) -> None:
        if self.alike not in ALIKE:
            raise SettingsError(
                "alike",
                "There is no such way to draw tags",
                found=repr(self.alike),
                wanted=" or ".join(ALIKE),
            )
        for name in ("tags_min", "tags_max"):
            value = getattr(self, name)
            if not _whole(value) or value < 1:
                raise SettingsError(
                    name, f"The setting {name} is too small", found=repr(value), wanted="1 or more"
                )
        if self.tags_min > self.tags_max:
            raise SettingsError(
                "tags_min",
                "The range of tags per prompt is reversed",
                found=f"{self.tags_min} to {self.tags_max}",
                wanted="tags_min no larger than tags_max",
                fix="Swap the two",
            )

    def validate(self, catalogue: Catalogue) -> None:
        """Makes sure that the catalogue can fill the prompts.

        Raises:
            SettingsError: A prompt would need more tags than there are, or more than there are categories
                while only one of each may be used.
        """
        what = "categories" if self.one_per_category else "tags"
        most = len(catalogue.categories) if self.one_per_category else len(catalogue)
        for name in ("tags_min", "tags_max"):
            if getattr(self, name) > most:
                raise SettingsError(
                    name,
                    f"The setting {name} asks for more tags than a prompt can get",
                    found=getattr(self, name),
                    wanted=f"no more than {most}, the number of the catalogue's {what}",
                    fix="Lower it or use a larger catalogue",
                )

    def text(self, tags: Sequence[str]) -> str:
        """The positive prompt for these tags; the prefix is the user's own and stays as it is."""
        written = [_spaced(tag) if self.underscores_to_spaces else tag.replace(" ", "_") for tag in tags]
        if self.escape:
            written = [escaped(tag) for tag in written]
        text = self.separator.join([self.prefix, *written] if self.prefix else written)
        return ended(text) if self.escape else text

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> PromptSettings:
        """Reads what ``dataclasses.asdict`` gave, lists for tuples included.

        Raises:
            SettingsError: A field is unknown or out of its range.
        """
        known = {f.name for f in fields(cls)}
        for name in data:
            if name not in known:
                raise SettingsError(
                    name, "There is no such prompt setting", found=name, wanted=", ".join(sorted(known))
                )
        return cls(**data)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _spaced(tag: str) -> str:
    return tag.replace("_", " ") if _WORD.search(tag) else tag


UPSTREAM_RO = PromptSettings()
"""``ro_merge.py``, upstream's newest: 5 to 20 tags with spaces, sides 640 + 64 * {0..7}, 18 to 22 steps, CFG 7, no
negative prompt."""

UPSTREAM_THEATER = PromptSettings(
    tags_min=32,
    tags_max=32,
    underscores_to_spaces=False,
    widths=tuple(512 + 64 * i for i in range(1, 6)),
    heights=tuple(512 + 64 * i for i in range(1, 6)),
    steps=tuple(range(18, 31)),
    cfgs=(6.0, 7.0, 8.0),
    negatives=(
        "worst quality, low quality, blurry, greyscale, monochrome",
        "worst quality, low quality",
    ),
)
"""Upstream's "Theater" script: 32 tags with underscores, sides 512 + 64 * {1..5}, 18 to 30 steps, CFG 6, 7 or 8, one
of two negative prompts. Its two negatives were not at hand; these are the ones of the benchmark that it grew out of
and of its sample grid."""
