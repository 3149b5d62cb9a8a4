"""``rimo bench``: how much of what is asked any checkpoints draw; in short, or with upstream's tables."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.suite import (
    UPSTREAM_MANY,
    UPSTREAM_PER_PROMPT,
    UPSTREAM_PER_TAG,
    Suite,
    SuiteSettings,
)
from lib_rimo.benchmark.suite_run import Results
from lib_rimo.benchmark.suite_tables import tables
from lib_rimo.cli.measuring import add_measuring_options, measure, open_measuring
from lib_rimo.cli.report import accuracy_json, accuracy_lines, gain_json
from lib_rimo.library.measuring import DEFAULT_IMAGES, Measured, measured
from lib_rimo.study.measure.bench_request import many_of
from lib_rimo.study.measure.bench_tables import BenchTables


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "bench",
        parents=[shared],
        help="measure checkpoints",
        description="Share of prompted tags that each checkpoint draws, all on the same prompts and noise. "
        "Interrupted, the same command goes "
        "on where it was; what was measured before is not drawn again.",
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="checkpoint")
    parser.add_argument(
        "--images",
        type=int,
        help=f"random prompts per checkpoint (default {DEFAULT_IMAGES}, with --tables 0)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")
    tables_ = parser.add_argument_group("upstream's benchmark")
    tables_.add_argument(
        "--tables", type=Path, metavar="DIR", help="run it, and write Markdown, CSV and HTML"
    )
    tables_.add_argument(
        "--per-tag", type=int, default=UPSTREAM_PER_TAG, help="pictures of each single tag (default 16)"
    )
    tables_.add_argument("--tag-count", type=int, default=0, help="how many single tags (default: all)")
    tables_.add_argument(
        "--many",
        nargs="*",
        metavar="TAGS:PROMPTS",
        default=[f"{tags}:{prompts}" for tags, prompts in UPSTREAM_MANY],
        help="tags in a prompt, and prompts of that many (default: upstream's 2:110 to 128:50)",
    )
    tables_.add_argument(
        "--per-prompt", type=int, default=UPSTREAM_PER_PROMPT, help="pictures of each of them (default 8)"
    )
    add_measuring_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    many = many_of(" ".join(options.many))
    measuring = open_measuring(options, options.files)
    images = options.images if options.images is not None else (0 if options.tables else DEFAULT_IMAGES)
    settings = SuiteSettings(
        measuring.look,
        per_tag=options.per_tag if options.tables else 0,
        tags=options.tag_count,
        many=many if options.tables else (),
        per_prompt=options.per_prompt,
        mixed=images,
        seed=options.seed,
    )
    suite = Suite(settings, measuring.catalogue)
    results = measure(measuring, measuring.checkpoints(options.files), suite)
    rows = measured(results, suite) if images else ()
    if rows:
        sys.stdout.write("\n".join(accuracy_lines([(row.name, row.accuracy) for row in rows])) + "\n")
    if options.tables:
        for path in BenchTables.of(results, suite, measuring).write(options.tables):
            sys.stdout.write(f"Wrote {path}\n")
    if options.json:
        data = _mixed_json(options.files, rows) if rows else _tables_json(results, suite)
        options.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 0


def _mixed_json(files: list[Path], rows: Sequence[Measured]) -> list[dict[str, Any]]:
    return [
        {
            "file": str(path),
            **accuracy_json(row.accuracy),
            "categories": {category: accuracy_json(i) for category, i in row.categories.items()},
            "minus_first": gain_json(row.minus_first),
        }
        for path, row in zip(files, rows, strict=True)
    ]


def _tables_json(results: Results, suite: Suite) -> dict[str, Any]:
    return {
        table.title: {
            row.label: {
                name: accuracy_json(cell) for name, cell in zip(table.columns, row.cells, strict=True)
            }
            for row in table.rows
        }
        for table in tables(results, suite)
    }
