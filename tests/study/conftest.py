"""A folder with a painting family, ready for studies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lib_rimo.benchmark.tagger import open_tagger
from lib_rimo.study.studies import Studies
from tests.study.painting import PaintingHost, write_model, write_tagger


@dataclass
class Workshop:
    """A host, its studies, and settings that make a quick study."""

    host: PaintingHost
    studies: Studies
    settings: dict[str, Any]
    folder: Path


@pytest.fixture
def make_workshop(tmp_path: Path) -> Iterator[Callable[[], Workshop]]:
    """Makes a workshop on one folder; made twice, the second sees what the first left on disk."""
    models, tagger = tmp_path / "models", write_tagger(tmp_path / "tagger")
    models.mkdir()
    base = write_model(models / "base.safetensors", [0.3] * 8, 1)
    first = write_model(models / "first.safetensors", [0.9] * 4 + [0.2] * 4, 2)
    second = write_model(models / "second.safetensors", [0.2] * 4 + [0.9] * 4, 3)
    settings = {
        "base": str(base),
        "partners": [str(first), str(second)],
        "tagger": str(tagger),
        "budget": 320,
        "unseen": 120,
        "pool": 64,
        "tags": [3, 5],
        "bounds": [-0.1, 1.0],
        "seed": 5,
        "strategy": "random",  # quick; tests of the search itself ask for the default
    }
    made: list[Workshop] = []

    def make() -> Workshop:
        host = PaintingHost(models)
        studies = Studies(host, tmp_path / "studies", lambda s: open_tagger(s.tagger or tagger, s.threshold))
        made.append(Workshop(host, studies, settings, tmp_path))
        return made[-1]

    yield make
    for workshop in made:
        workshop.studies.close()


@pytest.fixture
def workshop(make_workshop: Callable[[], Workshop]) -> Workshop:
    """One workshop."""
    return make_workshop()
