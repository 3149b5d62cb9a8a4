"""A benchmark's tables, points and notes: to show, and as Markdown, CSV and HTML to take away."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.suite import Suite
from lib_rimo.benchmark.suite_pages import comma_separated, is_marked, markdown, page
from lib_rimo.benchmark.suite_run import Results
from lib_rimo.benchmark.suite_tables import Point, Table, points, tables
from lib_rimo.benchmark.taggers import told_thresholds
from lib_rimo.files import write_whole
from lib_rimo.said import say
from lib_rimo.study.measure.measurement import Measuring

TITLE = "Benchmark of checkpoints"
FORMATS = {"md": "text/markdown", "csv": "text/csv", "html": "text/html"}
"""Ending -> media type."""
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class BenchTables:
    """What a benchmark has found.

    Attributes:
        tables: With one column per checkpoint.
        points: Of the scatter.
        notes: Sentences on what was measured and how.
    """

    tables: tuple[Table, ...]
    points: tuple[Point, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, results: Results, suite: Suite, measuring: Measuring, more: Sequence[str] = ()
    ) -> BenchTables:
        """The tables of some results, with more notes."""
        notes = (*notes_of(suite, measuring), *more)
        return cls(tables(results, suite), points(results, suite), notes)

    def text(self, kind: str) -> str:
        """The content of a file of this kind, one of ``FORMATS``."""
        if kind == "md":
            return markdown(self.tables, self.notes)
        if kind == "csv":
            return comma_separated(self.tables)
        return page(self.tables, self.points, self.notes, TITLE)

    def to_json(self) -> dict[str, Any]:
        """For the page: shares with four decimals, and which cells stand out."""
        return {
            "tables": [_table(table) for table in self.tables],
            "points": [
                {"name": p.name, "accuracy": _ends(p.accuracy), "diversity": _ends(p.diversity)}
                for p in self.points
            ],
            "notes": list(self.notes),
        }

    def write(self, folder: Path) -> list[Path]:
        """Writes all files, each ``bench`` with its ending, in the place of earlier ones; returns them."""
        folder.mkdir(parents=True, exist_ok=True)
        texts = {kind: self.text(kind) for kind in FORMATS}
        return [write_whole(folder / f"bench.{kind}", text) for kind, text in texts.items()]


def as_text(data: object) -> str:
    """JSON on as few lines as can be."""
    return json.dumps(data, separators=(",", ":"))


def notes_of(suite: Suite, measuring: Measuring) -> tuple[str, ...]:
    """What was measured and how, in sentences."""
    layout = measuring.layout
    notes = [
        say(
            "{1} pictures per checkpoint, {2} x {3}, {4} steps, CFG {5}, {6}, seed {7}.",
            suite.images,
            layout.width,
            layout.height,
            layout.steps,
            f"{layout.cfg:g}",
            layout.sampler,
            suite.settings.seed,
        ),
        told_thresholds(measuring.tagger),
        "In brackets 95 % intervals over prompts. The three best of a row are bold, with up to three checkpoints "
        "the best. A single tag counts if some checkpoint drew it twice.",
    ]
    if suite.left_out:
        left_out = ", ".join(suite.left_out)
        notes.append(say("Left out, because the catalogue has not that many tags: {1}", left_out))
    return tuple(notes)


def _table(table: Table) -> dict[str, Any]:
    rows = [
        {
            "label": row.label,
            "cells": [
                {**_ends(cell), "marked": is_marked(place, table)}
                for cell, place in zip(row.cells, row.ranks(), strict=True)
            ],
        }
        for row in table.rows
    ]
    return {"title": table.title, "about": table.about, "columns": list(table.columns), "rows": rows}


def _ends(interval: Any) -> dict[str, float]:
    plain = dataclasses.asdict(interval)
    return {name: round(plain[name], DECIMALS) for name in ("mean", "low", "high")}
