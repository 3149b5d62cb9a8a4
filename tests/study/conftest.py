"""A folder with a painting family, ready for studies."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lib_rimo.benchmark.tagger import open_tagger
from lib_rimo.hosts.drawers.host_drawer import drawer_of
from lib_rimo.study.record import journal
from lib_rimo.study.store.snapshot import Snapshot, StudyState
from lib_rimo.study.studies import Studies
from tests.study.painting import PaintingHost, Turnstile, write_model, write_tagger


@dataclass
class Workshop:
    """A host, its studies, and settings that make a quick study."""

    host: PaintingHost
    studies: Studies
    settings: dict[str, Any]
    folder: Path


def open_workshop(folder: Path, kind: type[PaintingHost] = PaintingHost, **options: Any) -> Workshop:
    """A workshop on a folder; opened twice, the second sees what the first left on disk.

    Args:
        folder: Where models, tagger and studies go.
        kind: Of host.
        options: For ``Studies``.
    """
    models, tagger = folder / "models", folder / "tagger"
    if not models.exists():
        models.mkdir()
        write_tagger(tagger)
        write_model(models / "base.safetensors", [0.3] * 8, 1)
        write_model(models / "first.safetensors", [0.9] * 4 + [0.2] * 4, 2)
        write_model(models / "second.safetensors", [0.2] * 4 + [0.9] * 4, 3)
    settings = {
        "base": str(models / "base.safetensors"),
        "partners": [str(models / "first.safetensors"), str(models / "second.safetensors")],
        "tagger": str(tagger),
        "budget": 320,
        "unseen": 120,
        "pool": 64,
        "tags": [3, 5],
        "bounds": [-0.1, 1.0],
        "seed": 5,
        "strategy": "random",  # quick; tests of the search itself ask for the default
    }
    host = kind(models)
    studies = Studies(
        drawer_of(host), folder / "studies", lambda s: open_tagger(s.tagger or tagger, s.threshold), **options
    )
    return Workshop(host, studies, settings, folder)


def played(workshop: Workshop, **changes: Any) -> str:
    """Runs a study to its end; returns its id."""
    workshop.studies.start({**workshop.settings, **changes})
    workshop.studies.join(600)
    snapshot = workshop.studies.snapshot()
    assert snapshot.state is StudyState.FINISHED, snapshot.error
    return snapshot.study


@contextmanager
def held(workshop: Workshop, when: Callable[[Snapshot], bool]) -> Iterator[Turnstile]:
    """Inside, a study stands between two batches as soon as ``when`` is so; afterwards it goes on."""
    workshop.host.turnstile = Turnstile(lambda: when(workshop.studies.snapshot()))
    try:
        yield workshop.host.turnstile
    finally:
        workshop.host.turnstile.open()


def copied(folder: Path, to: Path) -> Workshop:
    """A fresh program on a copy of a workshop's folder."""
    for name in ("models", "tagger", "studies"):
        shutil.copytree(folder / name, to / name)
    for path in (to / "studies").glob(f"*/{journal.FILE}"):  # the checkpoints lie elsewhere now
        path.write_text(path.read_text().replace(str(folder), str(to)))
    return open_workshop(to)


@pytest.fixture
def make_workshop(tmp_path: Path) -> Iterator[Callable[..., Workshop]]:
    """Makes a workshop on one folder; made twice, the second sees what the first left on disk."""
    made: list[Workshop] = []

    def make(**options: Any) -> Workshop:
        made.append(open_workshop(tmp_path, **options))
        return made[-1]

    yield make
    for workshop in made:
        workshop.studies.close()


@pytest.fixture
def workshop(make_workshop: Callable[..., Workshop]) -> Workshop:
    """One workshop."""
    return make_workshop()
