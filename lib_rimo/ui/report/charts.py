"""The accuracy curve as a figure, for reports and to download. The page draws its own, live, in the browser."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from lib_rimo.study.store.snapshot import Snapshot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRIAL, BEST, BASE, PARENT = "#9aa3b2", "#e8590c", "#495057", "#1c7ed6"


def curve_figure(snapshot: Snapshot, *, wordless: bool = False) -> Figure:
    """Trials as dots, the search's estimate of its best mix as a line with its 95 % interval.

    The figure belongs to no pyplot state, so any thread may draw it.

    Args:
        snapshot: A study with or without trials.
        wordless: Leave out title, names and legend, which the page around the figure then says in its language.

    Returns:
        One pair of axes: images drawn by the search against accuracy in percent.
    """
    from matplotlib.figure import Figure  # half a second that only a download needs

    figure = Figure(figsize=(9, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    _trials(axes, snapshot)
    _levels(axes, snapshot)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    if wordless:
        return figure
    axes.set_xlabel("images drawn by the search")
    axes.set_ylabel("prompted tags found, %")
    axes.set_title(_title(snapshot), loc="left", fontsize=11)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, loc="lower right", fontsize=9)
    return figure


def _trials(axes: Axes, snapshot: Snapshot) -> None:
    """Dots for all trials; line and band anew in each epoch, because each has its own pool of prompts."""
    dots = snapshot.curve
    axes.scatter(
        [p.images for p in dots], [100 * p.accuracy for p in dots], s=16, color=TRIAL, label="mixes tried"
    )
    for epoch, group in itertools.groupby(snapshot.curve, key=lambda p: p.epoch):
        points = list(group)
        images = [p.images for p in points]
        label = "best mix so far, estimated" if epoch == snapshot.curve[0].epoch else None
        axes.plot(images, [100 * p.best for p in points], color=BEST, linewidth=2.5, label=label)
        axes.fill_between(
            images,
            [100 * p.low for p in points],
            [100 * p.high for p in points],
            color=BEST,
            alpha=0.15,
            lw=0,
        )
        if epoch != snapshot.curve[0].epoch:
            axes.axvline(images[0], color=TRIAL, linewidth=1, linestyle=":")


def _levels(axes: Axes, snapshot: Snapshot) -> None:
    result = snapshot.result
    if result is None:
        return
    axes.axhline(100 * result.base.mean, color=BASE, linestyle="--", linewidth=1.2, label="base, measured")
    if result.best_parent in result.parents:
        level = 100 * result.parents[result.best_parent].mean
        axes.axhline(
            level, color=PARENT, linestyle="--", linewidth=1.2, label=f"{result.best_parent}, measured"
        )
    mean, low, high = (100 * v for v in (result.merged.mean, result.merged.low, result.merged.high))
    axes.errorbar(
        [snapshot.images],
        [mean],
        yerr=[[mean - low], [high - mean]],
        fmt="D",
        color=BEST,
        capsize=4,
        label="this mix, measured on unseen prompts",
    )


def _title(snapshot: Snapshot) -> str:
    if not snapshot.base:
        return "No study yet"
    return f"{snapshot.base} mixed with {', '.join(snapshot.partners)}"
