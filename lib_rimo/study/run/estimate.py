"""What a study would cost, before it starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lib_rimo.said import joined, say
from lib_rimo.study.run.preflight import GIB
from lib_rimo.study.settings.images import ImageOptions
from lib_rimo.study.settings.settings import StudySettings
from lib_rimo.study.store.snapshot_of import images_to_measure

SHORT = 1000
"""Images of an epoch up to which one epoch was measured against two (``lib_rimo/search/README.md``)."""


def estimate(settings: StudySettings, images_per_s: float) -> Mapping[str, Any]:
    """Images, memory, disk and hours of a study.

    Args:
        settings: The study's.
        images_per_s: Speed seen last; 0 while unknown.

    Returns:
        ``images`` (search and measurement), ``ram_bytes`` (checkpoints kept in the page cache for fast swaps),
        ``disk_bytes`` (written during the search: none; one checkpoint when saved), ``hours`` or None, ``text``, and
        ``advice`` where the number of epochs does not suit the partners, ``look``: what pictures are drawn with.
    """
    files = (settings.base, *settings.partners)
    measured = images_to_measure(settings, settings.epochs)
    images = settings.search.budget + measured
    ram = sum(path.stat().st_size for path in files if path.is_file())
    hours = images / images_per_s / 3600 if images_per_s else None
    parts: list[str] = [] if hours is None else [say("about {1}", _duration(hours))]
    if settings.epochs > 1:
        parts.append(say("{1} epochs", settings.epochs))
    parts += [
        say(
            "{1} images ({2} to search, {3} to measure)",
            f"{images:,}",
            f"{settings.search.budget:,}",
            f"{measured:,}",
        ),
        say("{1} GB memory", f"{ram / GIB:.1f}"),
        "nothing written to disk until you save",
    ]
    return {
        "images": images,
        "ram_bytes": ram,
        "disk_bytes": 0,
        "hours": hours,
        "text": joined(" · ", *parts),
        "advice": _advice(settings),
        "look": look(settings.images),
    }


def look(images: ImageOptions) -> str:
    """What pictures are drawn with, in a sentence; what is left open is the model's own."""
    sizes = [size.to_text() for size in images.sizes]
    if images.width or images.height:
        sizes = [f"{images.width or '?'}x{images.height or '?'}"]
    own = say("the model's own")
    schedule = "" if images.scheduler == "Automatic" else f" {images.scheduler}"
    parts: list[str] = [
        say("sampler {1}", f"{images.sampler}{schedule}" if images.sampler else own),
        say("{1} steps", images.steps or own),
        say("CFG {1}", own if images.cfg is None else f"{images.cfg:g}"),
        say("size {1}", ", ".join(sizes) or own),
    ]
    if images.clip_skip:
        parts.append(say("clip skip {1}", images.clip_skip))
    if images.prefix:
        parts.append(say("before every prompt: {1}", images.prefix))
    if images.negative:
        parts.append(say("negative: {1}", images.negative))
    return say("Drawn with {1}.", joined(" \u00b7 ", *parts))


def _advice(settings: StudySettings) -> str:
    total, epochs = len(settings.partners), settings.epochs
    needed = math.ceil(total / settings.search.partners_per_epoch)
    if epochs < needed:
        met = epochs * settings.search.partners_per_epoch
        return say("{1} of {2} partners will take part; {3} epochs would meet them all.", met, total, needed)
    if needed == 1 < epochs and settings.search.budget // epochs <= SHORT:
        return say(
            "All partners fit into one epoch, which finds more with these images than {1} short ones.", epochs
        )
    return ""


def _duration(hours: float) -> str:
    if hours < 1:
        return say("{1} min", max(1, round(hours * 60)))
    return say("{1} h", f"{hours:.1f}")
