"""The stored studies of the scripted service, and what it says of single mixes."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from lib_rimo.benchmark.interval import Interval
from lib_rimo.errors import JournalError, SettingsError, StudyError
from lib_rimo.merging.checkpoints.families import FAMILIES
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.said import say, words
from lib_rimo.study.analysis.block_labels import Network, parts_of, title_of
from lib_rimo.study.mixes.preview import PreviewRequest
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.store.snapshot import CurvePoint, Grid, Snapshot, StudyState
from lib_rimo.study.store.summary import broken_row, row_of

STUDY = "2024-05-01-scripted"
FILES = ("plain.safetensors", "shapes v1. final.safetensors", "colours.safetensors", "places.safetensors")
"""One has a name with a full stop and a space in it, where a sentence could end."""
GROUPS = ("in0-6", "in7", "in8+", "mid", "out0", "out1", "out2", "out3+", "rest", "text", "vae")
DEAD = ("out3+", "rest")
SDXL = FAMILIES["sdxl-base"]
PLACES = parts_of(GROUPS, load_partition("theater"), Network(SDXL, SDXL.blocks))
LEAST_TRIALS = 8


class ScriptedArchive:
    """Implements ``StudyArchive`` for a service that has ``_now``, ``_say``, ``_change`` and ``start``.

    Attributes:
        past: Stored studies by id.
    """

    past: dict[str, Snapshot]
    _folder: Path
    _now: Snapshot
    _say: Any
    _change: Any
    start: Any

    def studies(self) -> Sequence[Mapping[str, Any]]:
        rows = [
            dict(row_of(s, started(s.study))) | {"current": s.study == self._now.study} for s in self._all()
        ]
        damaged = broken_row(
            "2024-01-01-broken",
            started("2024-01-01"),
            JournalError(say("Line {1} of the journal is damaged", 1)).said,
        )
        return [*rows, dict(damaged) | {"current": False}]

    def _all(self) -> list[Snapshot]:
        shown = [self._now] if self._now.study else []
        stored = [s for name, s in self.past.items() if name != self._now.study]
        return sorted([*shown, *stored], key=lambda snapshot: snapshot.study, reverse=True)

    def stored(self, study: str) -> Snapshot:
        for snapshot in self._all():
            if snapshot.study == study:
                return snapshot
        raise StudyError("There is no such study", found=study)

    def open(self, study: str) -> Snapshot:
        with self._change:
            if self._now.state.active:
                raise StudyError("A study is running already", fix="Stop it first")
            stored = self.stored(study)
            if self._now.study:
                self.past[self._now.study] = self._now
            names = {f.name for f in dataclasses.fields(Snapshot)} - {"version"}
            self._say(**{name: getattr(stored, name) for name in names})
            return self._now

    def delete(self, study: str) -> None:
        if study not in self.past:
            raise StudyError("There is no such study", found=study)
        del self.past[study]

    def mix(self, study: str, choice: Choice) -> Mapping[str, Any]:
        self._known(study, choice)
        return {
            "study": study,
            "name": choice.name,
            "base": FILES[0],
            "partners": list(FILES[1:]),
            "groups": list(GROUPS[:-1]),
            "titles": [title_of(name).plain() for name in GROUPS[:-1]],
            "weights": weights(choice.name, len(GROUPS) - 1),
            "accuracy": None,
            "images": 0,
            "recipe": {"rimo_recipe": 1},
        }

    def _known(self, study: str, choice: Choice) -> None:
        if choice.kind == "trial" and not 1 <= choice.number <= self.stored(study).trial:
            raise SettingsError("trial", "There is no such trial", found=choice.number)

    def blocks(self, study: str) -> Mapping[str, Any]:
        if self.stored(study).trial < LEAST_TRIALS:
            raise StudyError("There are too few trials to say what mattered", found=self.stored(study).trial)
        return {
            "study": study,
            "partners": list(FILES[1:]),
            "groups": [group(name, i) | PLACES[name] for i, name in enumerate(GROUPS)],
            "weights": weights("best", len(GROUPS)),
            "dead": list(DEAD),
            "trials": self.stored(study).trial,
        }

    def freeze(self, study: str, groups: Sequence[str]) -> Snapshot:
        stored = self.stored(study)
        now: Snapshot = self.start(
            {
                "base": stored.base,
                "partners": list(stored.partners),
                "preset": "quick",
                "frozen": list(groups),
            }
        )
        return now

    def try_mix(
        self, study: str, choice: Choice, request: PreviewRequest, repair: Any = None
    ) -> Mapping[str, Any]:
        self._known(study, choice)
        _has_donor(repair)
        (self._folder / "tries").mkdir(exist_ok=True)
        files = []
        for i in range(request.count):
            dice = random.Random(f"{choice.name} {request.seed + i} {repair or ''}".strip())
            name = f"tries/{dice.getrandbits(32):08x}.png"
            Image.new("RGB", (64, 64), tuple(dice.randrange(256) for _ in range(3))).save(self._folder / name)
            files.append(name)
        seeds = [request.seed + i for i in range(request.count)]
        told = {"prompt": request.prompt, "seeds": seeds, "captured": repair and 0.123}
        return {"study": study, "name": choice.name, "files": files, **told}

    def play(self, study: str, choice: Choice) -> str:
        self._known(study, choice)
        name = say("{1} of study {2}", words(choice.name), study)
        self._say(live=name)
        return name

    def stop_playing(self) -> None:
        self._say(live="")

    def record(self, study: str) -> StudyRecord:
        raise StudyError("There is no such study", found=study)


def _has_donor(repair: Any) -> None:
    if repair is not None and repair.donor not in FILES:
        raise SettingsError("donor", "There is no such checkpoint", found=repair.donor)


def past(folder: Path) -> dict[str, Snapshot]:
    """Two studies of other days: one finished without a clear gain, one that was stopped."""
    (folder / "grids").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), "teal").save(folder / "grids" / "old.png")
    made = {}
    for day, state, trials in (("02", StudyState.FINISHED, 30), ("01", StudyState.STOPPED, 20)):
        curve = tuple(
            CurvePoint(
                1,
                t,
                16 * t,
                0.5 + 0.004 * t,
                16,
                0.5 + 0.005 * t,
                0.48 + 0.005 * t,
                0.53 + 0.005 * t,
                "blocks",
            )
            for t in range(1, trials + 1)
        )
        study = f"2024-04-{day}-stored"
        made[study] = Snapshot(
            state=state,
            study=study,
            base=FILES[0],
            partners=FILES[1:],
            epoch=1,
            epochs=1,
            trial=trials,
            images=16 * trials,
            budget=640,
            curve=curve,
            grids=(Grid(0, ("grids/old.png",), ("a prompt",)),),
            recipe={"rimo_recipe": 1},
        )
    return made


def started(study: str) -> str:
    """When a study of that name began."""
    return f"{study[:10]}T09:30:00Z"


def weights(name: str, n_groups: int) -> list[list[float]]:
    """Some weights, the same for the same name."""
    dice = random.Random(name)
    return [
        [round(dice.uniform(-0.2, 0.5) * (dice.random() < 0.8), 3) for _ in range(n_groups)]
        for _ in FILES[1:]
    ]


def group(name: str, place: int) -> dict[str, Any]:
    """One block group with its importance, the first most important."""
    if name == "vae":
        return {
            "name": name,
            "part": name,
            "frozen": True,
            "importance": None,
            "low": None,
            "high": None,
            "state": "frozen",
        }
    mean = 0.3 / (1 + place)
    interval = Interval(mean, 0.6 * mean, 1.3 * mean + 0.01, images=0, tags=0)
    state = "dead" if name in DEAD else "matters" if place < 4 else "unclear"
    known = {"importance": interval.mean, "low": interval.low, "high": interval.high}
    return {"name": name, "part": name, "frozen": False, **known, "state": state}
