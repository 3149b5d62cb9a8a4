"""A measured result as plain values and back, so that a study can be shown again without its tagger."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from lib_rimo.benchmark.interval import Interval
from lib_rimo.errors import JournalError
from lib_rimo.study.store.snapshot import CategoryRow, Result, TagRow


def result_to_json(result: Result) -> dict[str, Any]:
    """Plain values; ``result_from_json`` gives the equal result back."""
    plain: dict[str, Any] = _plain(dataclasses.asdict(result))
    return plain


def result_from_json(data: Mapping[str, Any]) -> Result:
    """Reads what ``result_to_json`` wrote.

    Raises:
        JournalError: The data is no result.
    """
    try:
        return Result(
            base=_interval(data["base"]),
            parents={str(name): _interval(value) for name, value in data["parents"].items()},
            uniform=_interval(data["uniform"]),
            merged=_interval(data["merged"]),
            gain_over_base=_interval(data["gain_over_base"]),
            gain_over_best_parent=_interval(data["gain_over_best_parent"]),
            best_parent=str(data["best_parent"]),
            categories=tuple(_category(row) for row in data["categories"]),
            tags=tuple(_tag(row) for row in data["tags"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise JournalError("A study's result is damaged", found=repr(error)) from error


def _category(row: Mapping[str, Any]) -> CategoryRow:
    whole = {name: _interval(row[name]) for name in ("merged", "base")}
    partners = {str(name): _interval(value) for name, value in row["partners"].items()}
    return CategoryRow(**{**row, **whole, "partners": partners})


def _tag(row: Mapping[str, Any]) -> TagRow:
    return TagRow(**{**row, "gain": _interval(row["gain"])})


def _interval(data: Mapping[str, Any]) -> Interval:
    return Interval(**data)


def _plain(value: Any) -> Any:
    """JSON knows no infinity and no NaN; neither does a table."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
