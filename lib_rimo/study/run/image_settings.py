"""What the pictures of a study look like: size, steps, guidance, and how many tags a prompt has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lib_rimo.benchmark.catalogue import Catalogue
from lib_rimo.benchmark.prompts import Prompt, PromptSettings, draw_prompts
from lib_rimo.hosts.host import ImageDefaults, ImageRequest
from lib_rimo.study.record.restoring import restored
from lib_rimo.study.settings.images import ImageOptions
from lib_rimo.study.settings.seeds import derive_seed
from lib_rimo.study.settings.settings import StudySettings
from lib_rimo.study.settings.sizes import Size

MANY_TAGS = 100
GRID_PICTURES = 8


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """Resolved once when a study is opened, from its settings and the model's own configuration.

    Attributes:
        width: Pixels, where nothing else is said; of several sizes the first one's.
        height: Pixels, in the same way.
        steps: Denoising steps.
        cfg: Guidance scale.
        sampler: Name of the sampler.
        scheduler: Name of the noise schedule.
        tags: Fewest and most tags of a prompt.
        clip_skip: See ``ImageRequest``; None where nothing asks for it.
        escape: Whether tags are escaped; not in studies from before they were, so that those go on as they began.
        sizes: Widths and heights that each prompt gets one of; empty where all have the one above.
    """

    width: int
    height: int
    steps: int
    cfg: float
    sampler: str
    scheduler: str
    tags: tuple[int, int]
    escape: bool = False
    clip_skip: int | None = None
    sizes: tuple[tuple[int, int], ...] = ()

    @classmethod
    def resolve(cls, images: ImageOptions, defaults: ImageDefaults, catalogue: Catalogue) -> ImageSettings:
        """Settings first, then what the model's configuration asks for.

        The number of tags follows the catalogue: upstream's 5 to 20 for a large one, 2 to 6 for a small one.
        """
        room = len(catalogue.categories) if images.one_per_category else len(catalogue.tags)
        few, many = (5, 20) if len(catalogue.tags) >= MANY_TAGS else (2, 6)
        sizes = () if images.width or images.height else tuple((s.width, s.height) for s in images.sizes)
        width, height = sizes[0] if sizes else (defaults.width, defaults.height)
        return cls(
            width=images.width or width,
            height=images.height or height,
            steps=images.steps or defaults.steps,
            cfg=defaults.cfg if images.cfg is None else images.cfg,
            sampler=images.sampler or defaults.sampler,
            scheduler=images.scheduler,
            tags=images.tags or (min(few, room), min(many, room)),
            escape=True,
            clip_skip=images.clip_skip or defaults.clip_skip,
            sizes=sizes if len(sizes) > 1 else (),
        )

    def settings(self) -> dict[str, Any]:
        """What of it can be set; by these settings it comes out the same."""
        plain = {name: value for name, value in asdict(self).items() if name not in ("escape", "sizes")}
        if self.sizes:
            plain |= {"width": None, "height": None}
        return {**plain, "sizes": tuple(Size(*size) for size in self.sizes)}

    def largest(self) -> tuple[int, int]:
        """Width and height of the largest pictures."""
        return max((*self.sizes, (self.width, self.height)), key=lambda size: size[0] * size[1])

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ImageSettings:
        """Reads what a journal holds."""
        return restored(cls, data)


def request_of(prompt: Prompt, sampler: str, scheduler: str, clip_skip: int | None = None) -> ImageRequest:
    """A prompt's picture, as a host is asked for it."""
    return ImageRequest(
        prompt.text,
        prompt.negative,
        prompt.seed,
        prompt.width,
        prompt.height,
        prompt.steps,
        prompt.cfg,
        sampler,
        scheduler,
        clip_skip,
    )


def prompt_settings(images: ImageOptions, layout: ImageSettings) -> PromptSettings:
    """How the prompts of a study look."""
    return PromptSettings(
        tags_min=layout.tags[0],
        tags_max=layout.tags[1],
        one_per_category=images.one_per_category,
        alike=images.alike,
        prefix=images.prefix,
        escape=layout.escape,
        negatives=(images.negative,),
        widths=(layout.width,),
        heights=(layout.height,),
        steps=(layout.steps,),
        cfgs=(layout.cfg,),
        sizes=layout.sizes,
    )


class PromptPools:
    """The prompts of a study: a fresh pool for each epoch, and one that no search ever sees.

    Args:
        settings: The study's.
        layout: The study's.
        catalogue: Its tags.
    """

    def __init__(self, settings: StudySettings, layout: ImageSettings, catalogue: Catalogue) -> None:
        self._seed = settings.seed
        self._settings = settings
        self._catalogue = catalogue
        self._prompts = prompt_settings(settings.images, layout)
        self._pools: dict[str, tuple[Prompt, ...]] = {}

    def epoch(self, epoch: int) -> tuple[Prompt, ...]:
        """The pool of an epoch, ``pool`` prompts."""
        return self._draw(f"epoch {epoch}", self._settings.search.pool)

    def unseen(self) -> tuple[Prompt, ...]:
        """The prompts of the final measurement, ``unseen`` of them."""
        return self._draw("unseen", self._settings.unseen)

    def grid(self) -> tuple[Prompt, ...]:
        """The prompts of the sample grid, always with the same seeds."""
        own = self._settings.grid_prompts
        drawn = self._draw("grid", len(own) or GRID_PICTURES)
        if not own:
            return drawn
        return tuple(
            Prompt(p.id, (), text, p.negative, p.seed, p.width, p.height, p.steps, p.cfg)
            for p, text in zip(drawn, own, strict=True)
        )

    def _draw(self, purpose: str, count: int) -> tuple[Prompt, ...]:
        if purpose not in self._pools:
            seed = derive_seed(self._seed, "prompts", purpose)
            self._pools[purpose] = draw_prompts(self._catalogue, self._prompts, count, seed)
        return self._pools[purpose]
