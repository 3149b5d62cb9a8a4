"""What a benchmark is asked for: which checkpoints, how much of upstream's programme, how pictures look."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib_rimo.benchmark.prompts import PromptSettings
from lib_rimo.benchmark.suite import (
    UPSTREAM_MANY,
    UPSTREAM_PER_PROMPT,
    UPSTREAM_PER_TAG,
    SuiteSettings,
)
from lib_rimo.errors import SettingsError
from lib_rimo.said import say
from lib_rimo.study.settings.images import ImageOptions
from lib_rimo.study.settings.numbers import whole
from lib_rimo.study.settings.reading import table_of

LOOK = tuple(name for name in table_of(ImageOptions) if name != "tags")
"""Settings of a study that decide what a benchmark's pictures look like; how many tags they have its programme says."""
MOST_CHECKPOINTS = 100
MOST_IMAGES = 100_000
"""Per checkpoint: upstream draws 28,000; ten times as many are a slip of the keyboard."""


@dataclass(frozen=True, slots=True)
class BenchSize:
    """How much is drawn with each checkpoint.

    Attributes:
        label: For people.
        per_tag: Pictures of each single tag.
        tags: How many single tags; 0 takes all.
        many: Tags of a prompt, and prompts of that many, as ``many_of`` reads them.
        per_prompt: Pictures of each prompt of many tags.
    """

    label: str
    per_tag: int
    tags: int
    many: str
    per_prompt: int


SIZES = {
    "quick": BenchSize("Quick", 4, 60, "2:24 4:22 8:20 16:16", 2),
    "standard": BenchSize("Standard", 4, 500, "2:55 4:50 8:45 16:40 32:35", 4),
    "upstream": BenchSize(
        "Complete",
        UPSTREAM_PER_TAG,
        1500,
        " ".join(f"{tags}:{prompts}" for tags, prompts in UPSTREAM_MANY),
        UPSTREAM_PER_PROMPT,
    ),
}
"""The last one is upstream's. The others keep its parts and thin them out: intervals grow, figures stay comparable
within one size."""


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """A benchmark as the user asked for it.

    Attributes:
        checkpoints: Names or paths.
        per_tag: See ``SuiteSettings``.
        tags: How many single tags; 0 takes all.
        many: Tags of a prompt, and prompts of that many tags.
        per_prompt: Pictures of each prompt of many tags.
        seed: Of prompts and noise.
        look: Settings of a study by name, those of ``LOOK`` that are given.
    """

    checkpoints: tuple[str, ...]
    per_tag: int
    tags: int
    many: tuple[tuple[int, int], ...]
    per_prompt: int
    seed: int
    look: Mapping[str, Any]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> BenchRequest:
        """Reads a request; what it does not name is as in the quick size.

        Raises:
            SettingsError: A value is missing or out of range; it carries the field.
        """
        chosen = values.get("checkpoints")
        if not isinstance(chosen, list) or not chosen:
            raise SettingsError("checkpoints", "No checkpoint is chosen", fix="Tick one or more")
        if len(chosen) > MOST_CHECKPOINTS:
            raise SettingsError(
                "checkpoints",
                "Too many checkpoints",
                found=len(chosen),
                wanted=say("at most {1}", MOST_CHECKPOINTS),
            )
        first = dataclasses.asdict(SIZES["quick"])
        given = {name: values[name] for name in (*first, "seed") if values.get(name) not in (None, "")}
        merged = {**first, "seed": 0, **given}
        request = cls(
            tuple(str(name) for name in chosen),
            whole("per_tag", merged["per_tag"], 0, 1000),
            whole("tags", merged["tags"], 0, 100_000),
            many_of(str(values.get("many", merged["many"]) or "")),
            whole("per_prompt", merged["per_prompt"], 1, 1000),
            whole("seed", merged["seed"], 0, 2**31),
            {name: values[name] for name in LOOK if values.get(name) not in (None, "")},
        )
        request.suite(PromptSettings())  # says what cannot be, before anything is opened
        return request

    def suite(self, look: PromptSettings) -> SuiteSettings:
        """What is measured.

        Raises:
            SettingsError: Nothing is, or far too much.
        """
        images = self.per_tag * (self.tags or 1) + self.per_prompt * sum(prompts for _, prompts in self.many)
        if images > MOST_IMAGES:
            raise SettingsError(
                "per_tag",
                "That is too much",
                found=say("{1} images", images),
                wanted=say("at most {1}", MOST_IMAGES),
            )
        return SuiteSettings(
            look,
            per_tag=self.per_tag,
            tags=self.tags,
            many=self.many,
            per_prompt=self.per_prompt,
            seed=self.seed,
        )

    def to_json(self) -> dict[str, Any]:
        """As ``of`` reads it."""
        plain = dataclasses.asdict(self)
        look = plain.pop("look")
        many = " ".join(f"{tags}:{prompts}" for tags, prompts in self.many)
        return {**plain, "checkpoints": list(self.checkpoints), "many": many, **look}


def many_of(text: str) -> tuple[tuple[int, int], ...]:
    """Reads ``2:110 4:100``: tags of a prompt, and prompts of that many tags.

    Raises:
        SettingsError: Something else stands there.
    """
    out = []
    for part in text.replace(",", " ").split():
        tags, colon, prompts = part.partition(":")
        if not (colon and tags.isdecimal() and prompts.isdecimal() and int(tags) and int(prompts)):
            raise SettingsError(
                "many", "Prompts of many tags are given as TAGS:PROMPTS", found=part, wanted="such as 8:90"
            )
        out.append((int(tags), int(prompts)))
    return tuple(out)
