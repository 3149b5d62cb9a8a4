"""What a page that follows a study costs: bytes and processor time per update, and what it takes to open a long one.

Journals of studies of 300 and 2,000 trials are written in the form that the program writes them (11 block groups, 3
partners, 16 pictures per trial, prompts and categories of the shipped catalogue) and folded by the program's own code.
Only the scores are drawn by chance instead of by a model.

    python tools/bench_tab.py [--trials 300 2000] [--json FILE]

Times are the processor's, of the thread that answers, so that a busy machine does not count; the limits are those that
the page is meant to keep.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout without being installed

from lib_rimo.benchmark.catalogue import default_catalogue
from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.study.analysis.final_result import result_of
from lib_rimo.study.record import events as ev
from lib_rimo.study.record import journal
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.record.results import result_to_json
from lib_rimo.study.run.image_settings import ImageSettings, PromptPools
from lib_rimo.study.settings.search import SearchOptions
from lib_rimo.study.settings.settings import StudySettings
from lib_rimo.study.store.snapshot import LatestPicture, Snapshot, StudyState
from lib_rimo.study.store.snapshot_of import snapshot_of
from lib_rimo.study.store.store import StudyStore
from lib_rimo.ui.api.status import status

GROUPS = ("in0-3", "in4-6", "in7", "in8+", "mid", "out0", "out1", "out2", "out3-5", "out6+", "text")
NAMES = ("base", "first", "second", "third")
PICTURES, EPOCHS, UNSEEN, BATCH = 16, 4, 400, 8
LIMIT_BYTES, LIMIT_UPDATE_MS, LIMIT_OPEN_MS = 50_000, 20.0, 2000.0
STUDY = "20240501-120000-bench"

Out = TypeVar("Out")


def study_events(trials: int, seed: int = 0) -> Iterator[ev.Event]:
    """Everything that happens in a study of so many trials, in order."""
    rng = np.random.default_rng(seed)
    settings = StudySettings(
        Path("base.safetensors"),
        tuple(Path(f"{name}.safetensors") for name in NAMES[1:]),
        search=SearchOptions("ro", budget=trials * PICTURES),
        epochs=EPOCHS,
        unseen=UNSEEN,
    )
    layout = ImageSettings(832, 1216, 20, 6.0, "Euler a", "Automatic", (5, 20))
    pools = PromptPools(settings, layout, default_catalogue())
    sources = [Source(f"{name}.safetensors", f"{i:064x}") for i, name in enumerate(NAMES)]
    plain = tuple({"name": s.name, "fingerprint": s.fingerprint, "path": ""} for s in sources)
    fixed = {**{k: getattr(layout, k) for k in layout.__slots__}, "tags": list(layout.tags)}
    yield ev.Opened(STUDY, settings.to_json(), plain, "ro", GROUPS, (), fixed, BATCH, {"python": "3"})
    yield _grid(0, pools)
    for epoch in range(1, EPOCHS + 1):
        yield ev.EpochBegun(epoch, tuple(s.name for s in sources[1:]))
        last = Recipe.zero(sources[0], "ro")
        for trial in range(trials * (epoch - 1) // EPOCHS, trials * epoch // EPOCHS):
            rows = np.round(rng.uniform(-0.1, 0.5, (len(sources) - 1, len(GROUPS))), 4)
            ids = tuple(int(i) for i in rng.permutation(settings.search.pool)[:PICTURES])
            stage = "blocks" if trial else "base"
            yield ev.TrialAsked(trial, tuple(tuple(row) for row in rows.tolist()), ids, stage)
            for start in range(0, PICTURES, BATCH):
                drawn = [_score(pools.epoch(epoch)[i], 0.55, rng) for i in ids[start : start + BATCH]]
                scores = tuple(s.to_json() for s in drawn)
                yield ev.ImagesScored(trial, scores, round(float(rng.uniform(8, 9)), 4))
            last = Recipe.from_rows(sources[0], sources[1:], "ro", GROUPS, rows.tolist())
            best = 0.6 + 0.1 * trial / trials
            yield ev.TrialDone(trial, best, best - 0.02, best + 0.02, last.to_json())
        yield ev.EpochDone(epoch, last.to_json())
        yield _grid(epoch, pools)
    measured: dict[str, list[ImageScore]] = {}
    for share, arm in enumerate(("base", *(s.name for s in sources[1:]), "uniform", "merged")):
        measured[arm] = [_score(prompt, 0.5 + 0.03 * share, rng) for prompt in pools.unseen()]
        for start in range(0, UNSEEN, BATCH):
            yield ev.Measured(arm, tuple(s.to_json() for s in measured[arm][start : start + BATCH]), 8.5)
    result = result_of(
        pools.unseen(), measured, [s.name for s in sources[1:]], sources[0].name, default_catalogue()
    )
    yield ev.Concluded(result_to_json(result))


def _grid(epoch: int, pools: PromptPools) -> ev.GridDrawn:
    prompts = pools.grid()
    files = tuple(f"grids/epoch-{epoch:03d}-{i:02d}.png" for i in range(len(prompts)))
    return ev.GridDrawn(epoch, files, tuple(prompt.text for prompt in prompts))


def _score(prompt: Prompt, share: float, rng: np.random.Generator) -> ImageScore:
    found = np.round(np.clip(rng.normal(share, 0.3, len(prompt.tags)), 0, 1), 5).tolist()
    return ImageScore(prompt.id, tuple(p >= 0.5 for p in found), tuple(found))


@dataclass
class Page:
    """A page as the script is one: it keeps what it was sent and asks for the rest."""

    run: str = ""
    study: str = ""
    version: int = -1
    points: int = 0
    marks: dict[str, str] = field(default_factory=dict)

    def ask(self, snapshot: Snapshot) -> tuple[int, float]:
        """One update: bytes and milliseconds."""
        (news, body), ms = timed(lambda: self._answer(snapshot))
        if "state" in news:
            if (news["run"], news["study"]) != (self.run, self.study):
                self.marks = {}
            self.points = news["curve"]["from"] + len(news["curve"]["points"])
            self.marks |= {name: part["mark"] for name, part in news["parts"].items()}
            self.run, self.study, self.version = news["run"], news["study"], news["version"]
        return len(body), ms

    def _answer(self, snapshot: Snapshot) -> tuple[dict[str, Any], bytes]:
        news = status(
            snapshot,
            run=self.run,
            study=self.study,
            since=self.version,
            points=self.points,
            have=frozenset(self.marks.values()),
        )
        return news, json.dumps(news, ensure_ascii=False, separators=(",", ":")).encode()


def timed(work: Callable[[], Out]) -> tuple[Out, float]:
    """What the work gives, and the milliseconds of this thread's processor time that it took."""
    began = time.thread_time()
    out = work()
    return out, 1000.0 * (time.thread_time() - began)


def follow(events: list[ev.Event]) -> dict[str, float]:
    """A page that sees every single event of a study: the most updates there can be."""
    record = StudyRecord.begin(events[0]) if isinstance(events[0], ev.Opened) else None
    assert record is not None
    page = Page()
    page.ask(Snapshot())
    sizes, times, publishing = [], [], []
    for version, event in enumerate(events[1:], 1):
        record.apply(event)
        tags = tuple((f"tag {version}-{i}", bool(i % 2)) for i in range(12))
        fresh, ms = timed(lambda: snapshot_of(record))
        publishing.append(ms)
        shown = fresh.but(
            version=version,
            state=StudyState.SEARCHING,
            latest=LatestPicture(f"latest/{version:08d}.webp", tags),
        )
        size, ms = page.ask(shown)
        sizes.append(size)
        times.append(ms)
    return {
        "updates": len(sizes),
        "bytes_median": statistics.median(sizes),
        "bytes_most": max(sizes),
        "ms_median": round(statistics.median(times), 2),
        "ms_p99": round(sorted(times)[int(0.99 * len(times))], 2),
        "ms_most": round(max(times), 2),
        "publish_ms_median": round(statistics.median(publishing), 2),
        "publish_ms_most": round(max(publishing), 2),
    }


def reopen(folder: Path) -> dict[str, float]:
    """A page on a program that was just started: fold the journal, send everything."""
    store = StudyStore(folder)
    _, fold = timed(lambda: store.record(STUDY))
    snapshot, show = timed(lambda: store.snapshot(STUDY))
    row, line = timed(lambda: StudyStore(folder).row(STUDY))
    assert not row["broken"]
    whole, to_json = timed(lambda: json.dumps(snapshot.to_json()).encode())
    page, size, ms, answers = Page(), 0, 0.0, 0
    while page.points < len(snapshot.curve):
        sent, took = page.ask(snapshot)
        size, ms, answers = size + sent, ms + took, answers + 1
    again, cached = timed(lambda: store.record(STUDY))
    assert len(again.trials) == len(snapshot.curve)
    return {
        "journal_bytes": (folder / STUDY / journal.FILE).stat().st_size,
        "fold_ms": round(fold, 1),
        "fold_again_ms": round(cached, 2),
        "snapshot_ms": round(show, 1),
        "history_line_ms": round(line, 1),
        "snapshot_json_bytes": len(whole),
        "snapshot_json_ms": round(to_json, 1),
        "page_answers": answers,
        "page_bytes": size,
        "page_ms": round(ms, 1),
        "open_ms": round(fold + show + ms, 1),
    }


def measure(trials: int) -> dict[str, Any]:
    """Both, for a study of so many trials."""
    events = list(study_events(trials))
    lines = "".join(json.dumps(ev.to_json(event), separators=(",", ":")) + "\n" for event in events)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / STUDY).mkdir()
        (Path(folder) / STUDY / journal.FILE).write_text(lines, encoding="utf-8")
        return {"trials": trials, "follow": follow(events), "reopen": reopen(Path(folder))}


def report(found: dict[str, Any]) -> str:
    """For the terminal."""
    live, late = found["follow"], found["reopen"]
    return (
        f"{found['trials']:,} trials, {late['journal_bytes'] / 1e6:.1f} MB of journal\n"
        f"  an update: {live['bytes_median']:,.0f} bytes (most {live['bytes_most']:,.0f}, "
        f"{live['bytes_most'] / LIMIT_BYTES:.0%} of the limit), {live['ms_median']} ms "
        f"(99 % within {live['ms_p99']}, {live['ms_p99'] / LIMIT_UPDATE_MS:.0%} of the limit; most {live['ms_most']})\n"
        f"  publishing it: {live['publish_ms_median']} ms (most {live['publish_ms_most']})\n"
        f"  reopened: fold {late['fold_ms']} ms (again {late['fold_again_ms']}), {late['page_answers']} answers with "
        f"{late['page_bytes']:,} bytes in {late['page_ms']} ms; all {late['open_ms']} ms, "
        f"{late['open_ms'] / LIMIT_OPEN_MS:.0%} of the limit\n"
        f"  its line in the history: {late['history_line_ms']} ms; its snapshot as JSON: "
        f"{late['snapshot_json_bytes']:,} bytes in {late['snapshot_json_ms']} ms\n"
    )


def main() -> int:
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[300, 2000])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    measure(min(20, *options.trials))  # the first time everything is imported and cached
    found = [measure(trials) for trials in options.trials]
    for one in found:
        print(report(one))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
