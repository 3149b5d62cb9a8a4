"""The report's pictures: the curve as a figure, the sample grids, all inside the page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from lib_rimo.errors import RimoError
from lib_rimo.study.service import StudyArchive
from lib_rimo.study.snapshot import Grid, Snapshot
from lib_rimo.ui.charts import curve_figure
from lib_rimo.ui.report_tables import text

GRID_SIDE = 288
"""Pixels of a picture in a report: enough to see what is there; a thorough study's stays near a megabyte."""
_QUALITY = 82


def curve(snapshot: Snapshot) -> str:
    """The accuracy curve on white, so that it reads on any ground."""
    out = io.BytesIO()
    curve_figure(snapshot).savefig(out, format="png", facecolor="white")
    out.seek(0)
    with Image.open(out) as picture:
        data = _webp(picture.convert("RGB"), lossless=True)
    last = snapshot.curve[-1]
    told = (
        f"Accuracy of {snapshot.trial} mixes; best estimate {100 * last.best:.1f} percent, "
        f"{100 * last.low:.1f} to {100 * last.high:.1f}"
    )
    return f'<img class="figure" alt="{text(told)}" src="{data}">'


def grids(archive: StudyArchive, snapshot: Snapshot) -> str:
    """One row of pictures per epoch, one column per prompt."""
    prompts = snapshot.grids[0].prompts
    rows = "".join(
        f'<h3>{text(_name(grid))}</h3><div class="grid" style="grid-template-columns:repeat({len(prompts)},1fr)">'
        f"{''.join(_picture(archive, snapshot.study, grid, i) for i in range(len(grid.files)))}</div>"
        for grid in snapshot.grids
    )
    return f"{rows}<p class='note'>Equal prompts and noise in each column, so that only the mix differs.</p>"


def _picture(archive: StudyArchive, study: str, grid: Grid, i: int) -> str:
    prompt = grid.prompts[i]
    try:
        data = _thumbnail(archive.picture(study, grid.files[i]))
    except (RimoError, OSError):  # a picture that was deleted by hand is missing, no reason to have no report
        return f"<figure><figcaption>{text(prompt)} (the image is gone)</figcaption></figure>"
    alt = text(f"{_name(grid)}: {prompt}")
    caption = f"<figcaption>{text(prompt)}</figcaption>" if not grid.epoch else ""
    return f'<figure><img alt="{alt}" src="{data}">{caption}</figure>'


def _name(grid: Grid) -> str:
    return f"Epoch {grid.epoch}" if grid.epoch else "Base"


def _thumbnail(path: Path) -> str:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((GRID_SIDE, GRID_SIDE), Image.Resampling.LANCZOS)
    return _webp(picture)


def _webp(picture: Image.Image, *, lossless: bool = False) -> str:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=_QUALITY, method=4, lossless=lossless)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"
