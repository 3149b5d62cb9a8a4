"""One picture of the sample grid through the epochs, as an animation with the epoch written in."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from lib_rimo.errors import StudyError
from lib_rimo.said import say
from lib_rimo.study.service import StudyArchive
from lib_rimo.wording.words import Words

FORMATS = ("webp", "gif")
STEP_MS, LAST_MS = 900, 2200
"""How long a frame stays; the last one longer, so that one sees where it ends."""
LEAST_SIDE, MOST_SIDE = 256, 768
"""Pixels: smaller pictures are enlarged so that the label can be read, larger ones shrunk to what posts allow."""
_QUALITY = 85
_FONTS = {
    "ja": (
        "NotoSansCJK-Regular",
        "NotoSansCJKjp-Regular",
        "NotoSansJP",
        "YuGothM",
        "meiryo",
        "msgothic",
        "ipag",
    ),
    "zh": ("NotoSansCJK-Regular", "NotoSansCJKsc-Regular", "NotoSansSC", "msyh", "simhei", "PingFang"),
}
"""Files of the usual systems' fonts that have a language's letters, the nicer ones first."""
_ANY = (
    "Hiragino Sans GB",
    "wqy-microhei",
    "wqy-zenhei",
    "DroidSansFallbackFull",
    "Arial Unicode",
    "ARIALUNI",
)
"""Fonts that have the letters of both."""


def strip(archive: StudyArchive, study: str, prompt: int, kind: str, said: Words) -> bytes:
    """The animation of one prompt of the sample grid; epochs that kept an earlier one's mix have no frame of their own.

    Args:
        archive: The studies.
        study: Whose.
        prompt: Position in the grid, from 0.
        kind: One of ``FORMATS``.
        said: The language of the labels; English where this machine has no font for it.

    Raises:
        StudyError: There is no such study, prompt or picture, or too few epochs to animate.
    """
    shown = archive.stored(study)
    grids = [grid for grid in shown.grids if grid.epoch not in dict(shown.kept)]
    frames = [(grid.epoch, grid.files[prompt]) for grid in grids if 0 <= prompt < len(grid.files)]
    if len(frames) < 2:
        raise StudyError(
            "There is nothing to animate yet",
            found=say("{1} pictures", len(frames)),
            wanted="the end of an epoch",
        )
    pictures = [_frame(archive.picture(study, file), epoch, said) for epoch, file in frames]
    out = io.BytesIO()
    times = [STEP_MS] * (len(pictures) - 1) + [LAST_MS]
    more: dict[str, Any] = {"quality": _QUALITY, "method": 4} if kind == "webp" else {"optimize": True}
    pictures[0].save(
        out, kind.upper(), save_all=True, append_images=pictures[1:], duration=times, loop=0, **more
    )
    return out.getvalue()


def _frame(path: Path, epoch: int, said: Words) -> Image.Image:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    side = max(picture.size)
    if side < LEAST_SIDE:
        times = -(-LEAST_SIDE // side)
        picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.BICUBIC)
    elif side > MOST_SIDE:
        picture.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.LANCZOS)
    label = say("Epoch {1}", epoch) if epoch else "Base"
    font = _font_file(said.language)
    return _labelled(picture, said.say(label), font) if font else _labelled(picture, label, _font_file("en"))


def _labelled(picture: Image.Image, label: str, font_file: str) -> Image.Image:
    height = max(12, picture.height // 16)
    pad = height // 2
    font = ImageFont.truetype(font_file, height)
    pen = ImageDraw.Draw(picture, "RGBA")
    left, top, right, bottom = pen.textbbox((0, 0), label, font=font)
    x, y = pad, picture.height - pad - (bottom - top) - pad
    box = (x - pad // 2, y - pad // 2, x + (right - left) + pad // 2, y + (bottom - top) + pad // 2)
    pen.rectangle(box, fill=(0, 0, 0, 160))
    pen.text((x - left, y - top), label, font=font, fill=(255, 255, 255, 255))
    return picture


@functools.cache
def _font_file(language: str) -> str:
    """A font with the letters of a language, or nothing.

    For English it is one that is there on every machine: Pillow's own comes in sizes only since 10.1.
    """
    from matplotlib import get_data_path
    from matplotlib.font_manager import findSystemFonts

    if language not in _FONTS:
        return str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    known = {Path(file).stem.lower(): file for file in findSystemFonts()}
    return next((known[n.lower()] for n in (*_FONTS[language], *_ANY) if n.lower() in known), "")
