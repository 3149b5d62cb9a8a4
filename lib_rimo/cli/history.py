"""``rimo history``: where a checkpoint comes from, and how much of whom is in it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from lib_rimo.errors import RecipeError
from lib_rimo.files import json_text
from lib_rimo.library.recipe_file import read_texts
from lib_rimo.merging.mix.methods import WEIGHTED_SUM
from lib_rimo.merging.saving.ancestry import ANCESTRY_KEY, Ancestor, Tree, parsed, read_tree

INDENT = "  "


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "history", parents=[shared], help="show a checkpoint's ancestors and their shares"
    )
    parser.add_argument("file", type=Path, help="a checkpoint saved by this program")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write all of it, enough for rimo rebuild without the checkpoint",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    texts = read_texts(options.file)
    own, tree = read_tree(texts)
    if own is None:
        raise RecipeError(
            "This checkpoint does not say where it comes from",
            found=options.file.name,
            wanted="a checkpoint saved by this program",
            fix="Recipes of other programs can be taken over with: rimo import",
        )
    lines = [*_node_lines(own, tree, 0, frozenset()), ""]
    shares = parsed(texts.get(ANCESTRY_KEY, "{}")).get("shares", [])
    if shares:
        width = max(len(row["name"]) for row in shares)
        lines.append("Shares of everything that was merged:")
        lines += [f"{INDENT}{row['name']:<{width}}  {100 * row['share']:6.1f} %" for row in shares]
    sys.stdout.write("\n".join(lines) + "\n")
    if options.json:
        data = {"name": own.name, "shares": shares, "metadata": dict(sorted(texts.items()))}
        options.json.write_text(json_text(data, indent=2) + "\n", encoding="utf-8")
    return 0


def _node_lines(node: Ancestor, tree: Tree, depth: int, above: frozenset[str]) -> Iterator[str]:
    pad = INDENT * depth
    yield f"{pad}{node.name}" + (f"  (SHA-256 {node.sha256[:12]})" if node.sha256 else "")
    if node.accuracy is not None and {"accuracy", "low", "high", "images"} <= node.accuracy.keys():
        found = [float(node.accuracy[name]) for name in ("accuracy", "low", "high")]
        mean, low, high = (f"{100 * value:.1f}" for value in found)
        yield f"{pad}{INDENT}accuracy {mean} % ({low} to {high}), {node.accuracy['images']} pictures"
    for step in () if node.recipe is None else node.recipe.steps():
        if step.method != WEIGHTED_SUM or node.recipe != step:
            options = ", ".join(f"{name} {value}" for name, value in step.options.items())
            yield f"{pad}{INDENT}by {step.method}" + (f", {options}" if options else "")
        for group, row in step.weights.items():
            told = ", ".join(
                f"{weight:+.3f} {partner.name}"
                for partner, weight in zip(step.partners, row, strict=True)
                if weight
            )
            yield f"{pad}{INDENT}{group}: {told}"
    if node.spec is not None:
        yield f"{pad}{INDENT}{node.spec.describe()}"
    for source in node.parents():
        fingerprint = source.fingerprint
        parent = tree.get(fingerprint)
        if parent is not None and fingerprint not in above:
            yield from _node_lines(parent, tree, depth + 1, above | {fingerprint})
