"""The result of a study: accuracies on unseen prompts, and paired differences between the arms."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from lib_rimo.benchmark.accuracy import WHOLE, by_category, mean_value, micro, paired_difference, table
from lib_rimo.benchmark.catalogue import Catalogue
from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.study.analysis.tag_gains import tag_gains
from lib_rimo.study.record.results import CategoryRow, Result, ScorerRow

Scores = Mapping[str, Sequence[ImageScore]]


def result_of(
    prompts: Sequence[Prompt],
    measured: Scores,
    parents: Sequence[str],
    base_name: str,
    catalogue: Catalogue,
    single: str = "",
) -> Result:
    """Compares the arms. Every arm has met the same prompts with the same noise.

    Args:
        prompts: The unseen prompts.
        measured: RankResult -> one score per prompt: ``base``, ``uniform``, each parent, and ``merged`` unless the
            winner is the base.
        parents: Names of the partners.
        base_name: File name of the base.
        catalogue: Tells a tag's category.
        single: Name of the arm that is the best mix with one weight per partner; empty where none is known.
    """
    base = measured["base"]
    merged = measured.get("merged", base)
    alone = {base_name: base, **{name: measured[name] for name in parents}}
    means = {name: micro(prompts, scores) for name, scores in alone.items()}
    best = max(means, key=lambda name: means[name].mean)
    return Result(
        base=means[base_name],
        parents={name: means[name] for name in parents},
        uniform=micro(prompts, measured["uniform"]),
        merged=micro(prompts, merged),
        gain_over_base=paired_difference(prompts, merged, base),
        gain_over_best_parent=paired_difference(prompts, merged, alone[best]),
        best_parent=best,
        categories=_categories(prompts, merged, base, {name: measured[name] for name in parents}, catalogue),
        tags=tag_gains(prompts, merged, base, catalogue),
        scorers=tuple(_scorer(name, prompts, merged, measured, parents) for name in base[0].values),
        single=micro(prompts, measured[single]) if single else None,
        gain_over_single_weight=paired_difference(prompts, merged, measured[single]) if single else None,
    )


def _scorer(
    name: str,
    prompts: Sequence[Prompt],
    merged: Sequence[ImageScore],
    measured: Scores,
    parents: Sequence[str],
) -> ScorerRow:
    return ScorerRow(
        name,
        base=mean_value(prompts, measured["base"], name),
        parents={parent: mean_value(prompts, measured[parent], name) for parent in parents},
        uniform=mean_value(prompts, measured["uniform"], name),
        merged=mean_value(prompts, merged, name),
        gain_over_base=paired_difference(prompts, merged, measured["base"], scorer=name),
    )


def _categories(
    prompts: Sequence[Prompt],
    merged: Sequence[ImageScore],
    base: Sequence[ImageScore],
    partners: Scores,
    catalogue: Catalogue,
) -> tuple[CategoryRow, ...]:
    rows = table(prompts, merged, base, partners, catalogue).reset_index().to_dict("records")
    alone = {
        name: {WHOLE: micro(prompts, scores), **by_category(prompts, scores, catalogue)}
        for name, scores in partners.items()
    }
    return tuple(_category(row, alone) for row in rows)


def _category(row: Mapping[Hashable, Any], alone: Mapping[str, Mapping[str, Interval]]) -> CategoryRow:
    def interval(name: str) -> Interval:
        ends = (float(row[name]), float(row[f"{name}_low"]), float(row[f"{name}_high"]))
        return Interval(*ends, images=int(row["images"]), tags=int(row["tags"]))

    def end(name: str) -> float | None:
        value = float(row[name])
        return value if math.isfinite(value) else None

    category = str(row["category"])
    return CategoryRow(
        category,
        interval("merged"),
        interval("base"),
        float(row["parents"]),
        end("deviation_percent") or 0.0,
        end("deviation_percent_low"),
        end("deviation_percent_high"),
        {name: by[category] for name, by in alone.items() if category in by},
    )
