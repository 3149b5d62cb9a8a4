"""Upstream's benchmark: one tag at a time by category, many tags at once, and how different the pictures are.

What is drawn is fixed by the settings, the catalogue and the seed, so every checkpoint ever measured with them met the
same prompts and noise, and a figure from last month stands beside one of today.

Source: stable-diffusion-anime-tag-benchmark by RimoChan: 16 pictures of each of 1,500 tags; 110 to 50 prompts of 2 to
128 tags with 8 pictures each (its readme says 16, its program draws 8).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lib_rimo.benchmark.prompts import SEED_BITS, Prompt, PromptSettings, draw_prompts
from lib_rimo.benchmark.tags import Catalogue
from lib_rimo.errors import SettingsError

UPSTREAM_PER_TAG = 16
UPSTREAM_PER_PROMPT = 8
UPSTREAM_MANY = ((2, 110), (4, 100), (8, 90), (16, 80), (32, 70), (64, 60), (128, 50))
"""Tags of a prompt, and prompts of that many tags."""
SINGLE, MIXED = "single", "mixed"
"""Names of parts: one tag per prompt; random numbers of tags, one picture each, as a study measures."""


@dataclass(frozen=True, slots=True)
class SuiteSettings:
    """What is measured.

    Attributes:
        look: How pictures and prompts look; its numbers of tags are those of the mixed part.
        per_tag: Pictures of each single tag; 0 leaves that part out.
        tags: How many single tags; 0 takes all of the catalogue, otherwise they are spread over it.
        many: Tags of a prompt, and prompts of that many tags; more tags than the catalogue has are left out.
        per_prompt: Pictures of each prompt of many tags.
        mixed: Prompts of the mixed part.
        seed: Of prompts and noise.

    Raises:
        SettingsError: A number is out of its range; ``field`` names it.
    """

    look: PromptSettings
    per_tag: int = UPSTREAM_PER_TAG
    tags: int = 0
    many: tuple[tuple[int, int], ...] = UPSTREAM_MANY
    per_prompt: int = UPSTREAM_PER_PROMPT
    mixed: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "many", tuple((int(tags), int(prompts)) for tags, prompts in self.many))
        for name, least in (("per_tag", 0), ("tags", 0), ("per_prompt", 1), ("mixed", 0)):
            if getattr(self, name) < least:
                raise SettingsError(
                    name, f"{name} is too small", found=getattr(self, name), wanted=f"{least} or more"
                )
        for tags, prompts in self.many:
            if tags < 1 or prompts < 1:
                raise SettingsError(
                    "many",
                    "A number of tags or prompts is too small",
                    found=f"{tags}:{prompts}",
                    wanted="1 or more of both",
                )
        if not (self.per_tag or self.many or self.mixed):
            raise SettingsError("per_tag", "There is nothing to measure", wanted="one part at least")


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the pictures.

    Attributes:
        name: ``single``, ``mixed``, or the number of tags.
        prompts: Each once.
        per_prompt: Pictures of each.
    """

    name: str
    prompts: tuple[Prompt, ...]
    per_prompt: int

    @property
    def images(self) -> int:
        """Pictures in this part."""
        return len(self.prompts) * self.per_prompt

    def pictures(self, first: int, last: int) -> list[Prompt]:
        """The pictures of prompts ``first`` to ``last - 1``, each with a noise of its own, prompt by prompt."""
        return [
            dataclasses.replace(prompt, seed=_noise(prompt.seed, number))
            for prompt in self.prompts[first:last]
            for number in range(self.per_prompt)
        ]


@dataclass(frozen=True)
class Suite:
    """A benchmark: settings and the tags that they are about.

    Attributes:
        settings: What is measured.
        catalogue: Its tags.
        left_out: Remarks on what the catalogue is too small for.
    """

    settings: SuiteSettings
    catalogue: Catalogue
    left_out: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        most = self._most_tags()
        left = tuple(f"{tags} tags" for tags, _ in self.settings.many if tags > most)
        object.__setattr__(self, "left_out", left)
        if not self.parts:
            raise SettingsError(
                "many",
                "The catalogue is too small for every part",
                found=f"prompts of up to {most} tags",
                wanted="one part at least",
            )

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Everything that is drawn with each checkpoint, in this order."""
        settings = self.settings
        out = []
        if settings.mixed:
            prompts = draw_prompts(self.catalogue, settings.look, settings.mixed, self._seed(MIXED))
            out.append(Part(MIXED, prompts, 1))
        if settings.per_tag:
            count = min(settings.tags or len(self.catalogue), len(self.catalogue))
            out.append(Part(SINGLE, self._of_length(1, count), settings.per_tag))
        out += [
            Part(str(tags), self._of_length(tags, prompts), settings.per_prompt)
            for tags, prompts in settings.many
            if tags <= self._most_tags()
        ]
        return tuple(out)

    @property
    def images(self) -> int:
        """Pictures per checkpoint."""
        return sum(part.images for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """All that decides about prompts and pictures, for the key of a cache."""
        tags = [[tag.name, tag.category] for tag in self.catalogue]
        settings = json.loads(json.dumps(dataclasses.asdict(self.settings)))
        if not self.settings.look.sizes:
            del settings["look"]["sizes"]  # nor were there any before they could be given as pairs
        plain = dataclasses.replace(self.settings.look, escape=False)
        if all(plain.text([tag.name]) == self.settings.look.text([tag.name]) for tag in self.catalogue):
            del settings["look"][
                "escape"
            ]  # what was measured before tags were escaped was measured of these prompts
        if self.settings.look.alike == "tags":
            del settings["look"]["alike"]  # all that was measured before there was a choice
        return {
            "settings": settings,
            "catalogue": hashlib.sha256(json.dumps(tags).encode()).hexdigest(),
        }

    def _most_tags(self) -> int:
        one_each = self.settings.look.one_per_category
        return len(self.catalogue.categories) if one_each else len(self.catalogue)

    def _of_length(self, tags: int, prompts: int) -> tuple[Prompt, ...]:
        look = dataclasses.replace(self.settings.look, tags_min=tags, tags_max=tags)
        return draw_prompts(self.catalogue, look, prompts, self._seed(str(tags)))

    def _seed(self, part: str) -> int:
        digest = hashlib.sha256(f"{self.settings.seed}/{part}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1


def _noise(seed: int, number: int) -> int:
    """The seed of a prompt's picture; the first is the prompt's own."""
    if number == 0:
        return seed
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - SEED_BITS)
