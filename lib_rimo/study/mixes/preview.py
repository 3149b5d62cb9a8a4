"""Any mix of a study on the user's own prompt: swapped in, drawn, and the user's weights put back at once."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from lib_rimo.errors import SettingsError
from lib_rimo.hosts.drawers.drawer import Drawer, Files
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.said import say
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.run.drawing import load_base
from lib_rimo.study.run.image_settings import ImageSettings
from lib_rimo.study.run.selection import is_selected, wrong_selection
from lib_rimo.study.settings.numbers import whole

MOST_PICTURES = 4
LONGEST_PROMPT = 4000
"""Characters; more is a mistake, and every window of the text encoder takes memory."""
SEED_BITS = 32
"""Of seeds drawn for the user: short enough to be read and typed."""


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """What the user wants to see.

    Attributes:
        prompt: Their prompt.
        negative: Their negative prompt; None takes the study's.
        seed: Of the first picture; the others have the following ones.
        count: How many.
    """

    prompt: str
    negative: str | None
    seed: int
    count: int

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> PreviewRequest:
        """Reads a request.

        Raises:
            SettingsError: A value is missing or out of range; it carries the field.
        """
        prompt, negative = values.get("prompt"), values.get("negative")
        for field, text in (("prompt", prompt), ("negative", negative)):
            if text is not None and (not isinstance(text, str) or len(text) > LONGEST_PROMPT):
                raise SettingsError(
                    field,
                    say("The {1} cannot be used", say(field)),
                    wanted=say("a text of at most {1} characters", LONGEST_PROMPT),
                )
        if not isinstance(prompt, str) or not prompt.strip():
            raise SettingsError("prompt", "There is no prompt", fix="Write what the picture should show")
        seed = values.get("seed")
        return cls(
            prompt.strip(),
            negative,
            whole("seed", None if seed == -1 else seed, 0, 2**48, empty=secrets.randbits(SEED_BITS)),
            whole("count", values.get("count"), 1, MOST_PICTURES, empty=1),
        )


class Previewer:
    """Draws requests, one after the other.

    It holds the drawer's queue for the time of one batch, like any other generation: a running study comes to the end
    of its own batch, puts the user's weights back and lets it in. Here, too, the weights go back before the queue is
    released, whatever happens.

    Args:
        drawer: Draws.
        may_load: Whether another checkpoint may be loaded for it. In a WebUI the loaded one is the user's choice.
    """

    def __init__(self, drawer: Drawer, *, may_load: bool) -> None:
        self._drawer = drawer
        self._may_load = may_load
        self._one = threading.Lock()

    def draw(
        self,
        record: StudyRecord,
        recipe: Recipe,
        request: PreviewRequest,
        *,
        sources: Sources | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> list[Image.Image]:
        """Draws a request with a recipe of a study.

        Args:
            record: The study.
            recipe: Over its files.
            request: What to draw.
            sources: The study's files if they are open.
            check: Called once the queue is held, before anything is touched; raises if the host must not be used.

        Raises:
            StudyError: The study's base is not the loaded checkpoint, and must not be loaded.
            RimoError: A file is missing or was changed, or it could not be drawn.
        """
        files: AbstractContextManager[Sources]
        files = Sources(folders=[self._drawer.save_folder()]) if sources is None else nullcontext(sources)
        with self._one, files as opened:
            base = opened.open(recipe.base).path
            partition = load_partition(record.settings.search.partition)
            with self._drawer.exclusive():
                check()
                self._make_live(base, record.settings.images.vae)
                return self._drawer.draw(recipe, _requests(record, request), Files(opened, partition))

    def _make_live(self, base: Path, vae: Path | None) -> None:
        selected = is_selected(self._drawer, base)
        if not selected and not self._may_load:
            raise wrong_selection(self._drawer, base)
        # Also when it is loaded: a host that watches for changes is told that this is the one to go by.
        load_base(self._drawer, (self._drawer.loaded() or base) if selected else base, vae)


def _requests(record: StudyRecord, request: PreviewRequest) -> list[ImageRequest]:
    layout = ImageSettings.from_json(record.opened.layout)
    negative = record.settings.images.negative if request.negative is None else request.negative
    return [
        ImageRequest(
            request.prompt,
            negative,
            request.seed + i,
            layout.width,
            layout.height,
            layout.steps,
            layout.cfg,
            layout.sampler,
            layout.scheduler,
            layout.clip_skip,
        )
        for i in range(request.count)
    ]
