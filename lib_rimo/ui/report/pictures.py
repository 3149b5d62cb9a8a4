"""The report's pictures: the curve as a figure, the sample grids, all inside the page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from lib_rimo.errors import RimoError
from lib_rimo.said import say
from lib_rimo.study.service import StudyArchive
from lib_rimo.study.store.snapshot import Grid, Snapshot
from lib_rimo.ui.report.charts import BASE, BEST, PARENT, TRIAL, curve_figure
from lib_rimo.ui.report.speech import named, plain, text
from lib_rimo.wording.sentences import epoch_name

GRID_SIDE = 288
"""Pixels of a picture in a report: enough to see what is there; a thorough study's stays near a megabyte."""
_QUALITY = 82


def curve(snapshot: Snapshot) -> str:
    """The accuracy curve on white, so that it reads on any ground; its words are the page's, below it."""
    out = io.BytesIO()
    curve_figure(snapshot, wordless=True).savefig(out, format="png", facecolor="white")
    out.seek(0)
    with Image.open(out) as picture:
        data = _webp(picture.convert("RGB"), lossless=True)
    last = snapshot.curve[-1]
    told = say(
        "Accuracy of {1} mixes; best estimate {2} percent, {3} to {4}",
        snapshot.trial,
        *(f"{100 * share:.1f}" for share in (last.best, last.low, last.high)),
    )
    return f'<img class="figure" alt="{text(told)}" src="{data}">{_legend(snapshot)}'


def _legend(snapshot: Snapshot) -> str:
    """What stands for what in the figure."""
    keys = [
        ("dot", TRIAL, text("one mix tried")),
        ("line", BEST, text("best so far, with its 95 % interval")),
    ]
    if (result := snapshot.result) is not None:
        keys.append(("dash", BASE, text("base, measured")))
        if result.best_parent in result.parents:
            keys.append(("dash", PARENT, f"{named(result.best_parent)}, {_span('measured')}"))
        keys.append(("whisker", BEST, text("this mix, measured")))
    items = "".join(
        f'<li><i class="{kind}" style="color:{colour}"></i><span>{words}</span></li>'
        for kind, colour, words in keys
    )
    axes = text("Upwards: prompted tags found, in percent. To the right: images drawn by the search.")
    return f'<ul class="keys">{items}</ul><p class="note">{axes}</p>'


def _span(words: str) -> str:
    return f"<span>{text(words)}</span>"


def grids(archive: StudyArchive, snapshot: Snapshot) -> str:
    """One row of pictures per epoch, one column per prompt."""
    prompts = snapshot.grids[0].prompts
    columns = f"grid-template-columns:repeat({len(prompts)},1fr)"
    rows = "".join(
        f'<h3>{text(epoch_name(grid.epoch, snapshot.kept))}</h3><div class="grid" style="{columns}">'
        f"{''.join(_picture(archive, snapshot.study, grid, i) for i in range(len(grid.files)))}</div>"
        for grid in snapshot.grids
    )
    note = text("Equal prompts and noise in each column, so that only the mix differs.")
    return f'{rows}<p class="note">{note}</p>'


def _picture(archive: StudyArchive, study: str, grid: Grid, i: int) -> str:
    prompt = grid.prompts[i]
    try:
        data = _thumbnail(archive.picture(study, grid.files[i]))
    except (RimoError, OSError):  # a picture that was deleted by hand is missing, no reason to have no report
        gone = _span("(the image is gone)")
        return f"<figure><figcaption>{named(prompt)} {gone}</figcaption></figure>"
    alt = plain(prompt)
    caption = f"<figcaption>{named(prompt)}</figcaption>" if not grid.epoch else ""
    return f'<figure translate="no"><img alt="{alt}" src="{data}">{caption}</figure>'


def _thumbnail(path: Path) -> str:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((GRID_SIDE, GRID_SIDE), Image.Resampling.LANCZOS)
    return _webp(picture)


def _webp(picture: Image.Image, *, lossless: bool = False) -> str:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=_QUALITY, method=4, lossless=lossless)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"
