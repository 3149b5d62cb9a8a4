"""Pictures of several sizes in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, cast

import pytest
from PIL import Image

from lib_rimo.benchmark.catalogue import Catalogue, default_catalogue
from lib_rimo.benchmark.prompts import draw_prompts
from lib_rimo.errors import SettingsError
from lib_rimo.hosts.host import ImageDefaults, ImageRequest
from lib_rimo.study.run.drawing import DrawingSession
from lib_rimo.study.run.image_settings import ImageSettings, prompt_settings
from lib_rimo.study.settings.images import ImageOptions
from lib_rimo.study.settings.ranges import check_ranges
from lib_rimo.study.settings.sizes import Size

SIZES = (Size(64, 96), Size(96, 64), Size(64, 64))
DEFAULTS = ImageDefaults(512, 512, 20, 7.0, "Euler")
TAGS: Catalogue = default_catalogue()


class Drawer:
    """Draws blank pictures of the size that it is asked for."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def exclusive(self) -> Any:
        return nullcontext()

    def draw(self, _recipe: object, requests: Sequence[ImageRequest], _files: object) -> list[Image.Image]:
        assert len({request.layout() for request in requests}) == 1
        self.batches.append(len(requests))
        return [
            Image.new("RGB", (request.width, request.height), (request.seed % 256, 0, 0))
            for request in requests
        ]


def test_a_batch_of_several_sizes_is_drawn_one_size_after_the_other() -> None:
    """A drawer gets one layout at a time, and every picture comes back at its prompt's place."""
    images = ImageOptions(sizes=SIZES)
    layout = ImageSettings.resolve(images, DEFAULTS, TAGS)
    prompts = draw_prompts(TAGS, prompt_settings(images, layout), 16, 3)
    drawer = Drawer()
    session = DrawingSession(cast("Any", drawer), cast("Any", None), cast("Any", None), layout)
    pictures = session.pictures(cast("Any", None), prompts)
    assert [picture.size for picture in pictures] == [(p.width, p.height) for p in prompts]
    assert [picture.getpixel((0, 0))[0] for picture in pictures] == [p.seed % 256 for p in prompts]
    assert len(drawer.batches) == len(SIZES)
    assert layout.largest() in SIZES
    assert ImageSettings.resolve(ImageOptions(**layout.settings()), DEFAULTS, TAGS).sizes == layout.sizes


def test_width_and_height_come_before_sizes() -> None:
    """Whoever gives one of them wants pictures of one size."""
    layout = ImageSettings.resolve(ImageOptions(sizes=SIZES, width=128), DEFAULTS, TAGS)
    assert (layout.width, layout.height, layout.sizes) == (128, 512, ())
    one = ImageSettings.resolve(ImageOptions(sizes=SIZES[:1]), DEFAULTS, TAGS)
    assert (one.width, one.height, one.sizes) == (64, 96, ())


@pytest.mark.parametrize("text", ["832", "832x", "wide", "-8x8"])
def test_a_size_that_cannot_be_read(text: str) -> None:
    """It is told with what was wanted."""
    with pytest.raises(SettingsError, match="such as 832x1216"):
        Size.from_text(text)
    assert Size.from_text(" 832 \u00d7 1216") == (832, 1216)


@pytest.mark.parametrize("size", [Size(0, 64), Size(100, 64), Size(8192, 64)])
def test_a_size_that_cannot_be_drawn(size: Size) -> None:
    """It is told at the field."""
    with pytest.raises(SettingsError) as caught:
        check_ranges(ImageOptions(sizes=(size,)))
    assert caught.value.field == "sizes"
