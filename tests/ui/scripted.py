"""A study that plays itself: it behaves as ``StudyService`` promises, with drawn shapes for pictures."""

from __future__ import annotations

import dataclasses
import math
import random
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PIL import Image, ImageDraw

from lib_rimo.benchmark.interval import Interval
from lib_rimo.benchmark.taggers import Taggers
from lib_rimo.errors import SaveError, SettingsError, StudyError
from lib_rimo.merging.checkpoints.facts import FileFacts
from lib_rimo.merging.saving.options import SaveOptions
from lib_rimo.said import Said, joined, say
from lib_rimo.study.measure.background_job import BackgroundJob
from lib_rimo.study.record.results import CategoryRow, EpochSigns, Outlook, Result, TagRow, Variety, Watch
from lib_rimo.study.run.estimate import look
from lib_rimo.study.settings.checks import check_possible
from lib_rimo.study.settings.images import ImageOptions
from lib_rimo.study.settings.presets import PRESETS
from lib_rimo.study.settings.profiles import PROFILES, Profile
from lib_rimo.study.settings.settings import SETTINGS, StudySettings
from lib_rimo.study.settings.user_presets import UserPresets
from lib_rimo.study.store.snapshot import CurvePoint, Grid, LatestPicture, Snapshot, StudyState
from tests.ui.scripted_archive import FILES, STUDY, ScriptedArchive, past
from tests.ui.scripted_bench import ScriptedBench
from tests.ui.scripted_ranks import ScriptedRanks

if TYPE_CHECKING:
    from lib_rimo.hosts.host import Host

LACKING = "{1} lacks {2} tensors; they stay as in the base (the first is {3})."
PICTURES = ("grids/", "latest/", "tries/")
TAGGERS = ["wd-vit-tagger-v3", "wd-swinv2-tagger-v3"]
TAGS = ("red", "circle", "night", "two", "star", "frame", "large", "rainbow")
SIZES = {name: dataclasses.asdict(preset) for name, preset in PRESETS.items()}


LOOKS_AGAIN_S = 0.05
HOLD = "hold"
"""A file of this name in the service's folder keeps a searching study from going on, until it is removed."""

HELD_TRIALS = 16
"""A held study has tried so many mixes, so that everything that comes with them can be seen."""


class ScriptedService(ScriptedArchive):
    """Plays a study of two epochs, beside the stored ones of ``ScriptedArchive``.

    Args:
        folder: Where its pictures and saved files go.
        pace_s: Time between two trials.
        trials: Trials in an epoch.
    """

    def __init__(self, folder: Path, pace_s: float = 0.1, trials: int = 12) -> None:
        self._folder = folder
        self._pace_s = pace_s
        self._trials = trials
        self._change = threading.Condition()
        self._now = Snapshot()
        self._thread: threading.Thread | None = None
        self._presets = UserPresets(folder)
        job = BackgroundJob()
        self._bench = ScriptedBench(job, pace_s)
        self._ranks = ScriptedRanks(job, pace_s)
        self.past = past(folder)
        self._taggers = Taggers(folder / "taggers")
        self._tags = folder / "own-tags.csv"
        self._tags.write_text("name,category\n" + "".join(f"{tag},shapes\n" for tag in TAGS))

    def presets(self) -> UserPresets:
        return self._presets

    def benchmarks(self) -> ScriptedBench:
        return self._bench

    def ranks(self) -> ScriptedRanks:
        return self._ranks

    def snapshot(self) -> Snapshot:
        return self._now

    def wait(self, version: int, timeout_s: float) -> Snapshot:
        with self._change:
            self._change.wait_for(lambda: self._now.version > version, timeout_s)
            return self._now

    def options(self) -> Mapping[str, Any]:
        files = [{"name": n, "path": str(self._folder / n), "size_bytes": 2_000_000} for n in FILES]
        default = {
            "base": FILES[0],
            "partners": list(FILES[1:]),
            "preset": "quick",
            **self.defaults(FILES[0]),
        }
        return {
            "checkpoints": files,
            "presets": SIZES,
            "taggers": TAGGERS,
            "folder": str(self._folder),
            "demo": False,
            "left_out": [],
            "default": default,
            "plays": True,
        }

    def defaults(self, base: str, profile: str = "") -> Mapping[str, Any]:
        """The first base brings a tagger and tags along, the others do not; no file asks for a drawing profile."""
        chosen = {"profile": profile, **PROFILES[profile].settings} if profile in PROFILES else {}
        if base != FILES[0]:
            return {"tagger": TAGGERS[0], **chosen}
        return {"tagger": "/its/own/tagger", "catalogue": str(self._tags), "one_per_category": True}

    def facts(self, name: str) -> FileFacts | None:
        """Files of one family; the last predicts something else."""
        if name not in FILES:
            return None
        prediction = "v" if name == FILES[-1] else "epsilon"
        return FileFacts(
            name, 2_000_000, "sd1", "Stable Diffusion 1", prediction=prediction, vae=True, text=True
        )

    def profile(self, base: str, profile: str = "") -> tuple[Profile, Said | None] | None:
        return (PROFILES[profile], None) if profile in PROFILES else None

    def about_tagger(self, name: str) -> Mapping[str, Any]:
        return self._taggers.about(name)

    def fetch_tagger(self, name: str) -> None:
        self._taggers.begin_fetching(name)

    def offer_demo(self) -> None:
        raise StudyError("There is no tiny family here")

    def estimate(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        self._check(settings)
        images = say("{1} images ({2} to search, {3} to measure)", "2,440", "640", "1,800")
        text = joined(" · ", images, say("{1} GB memory", "0.1"), "nothing written to disk until you save")
        return {
            "images": 2440,
            "ram_bytes": 10**8,
            "disk_bytes": 0,
            "hours": None,
            "text": text,
            "advice": "",
            "look": look(ImageOptions()),
        }

    def start(self, settings: Mapping[str, Any]) -> Snapshot:
        self._check(settings)
        with self._change:
            if self._now.state.active:
                raise StudyError("A study is running already", fix="Stop it first")
            self._presets.remember(settings)
            self._now = Snapshot(version=self._now.version)
            self._say(
                state=StudyState.PREPARING,
                study=STUDY,
                base=str(settings["base"]),
                partners=tuple(settings["partners"]),
                epochs=2,
                budget=2 * self._trials * 16,
                to_measure=200,
                message="Reading the checkpoints",
                notes=(say(LACKING, FILES[1], 248, "a.b"),),
            )
            started = self._now
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()
        return started

    def pause(self) -> Snapshot:
        return self._turn(StudyState.PAUSED, "Paused; your own model is live")

    def resume(self, study: str = "") -> Snapshot:
        return self._turn(StudyState.SEARCHING, "Reading the checkpoints")

    def stop(self) -> Snapshot:
        return self._turn(StudyState.STOPPED, "Stopped")

    def save(
        self, name: str, choice: Any = None, form: SaveOptions | None = None, repair: Any = None
    ) -> Path:
        if not name or "/" in name or ".." in name:
            raise SettingsError(
                "name",
                "This is no name for a checkpoint",
                found=name or "nothing",
                wanted="a plain file name without folders",
            )
        path = self._folder / f"{name}.safetensors"
        if path.exists():
            raise SaveError(
                "There is a file of this name already", found=path.name, fix="Choose another name"
            )
        path.write_text(f"scripted {choice.name if choice else 'best'} {form.to_json() if form else ''}")
        with self._change:
            self._say(saved=(*self._now.saved, path.name))
        return path

    def picture(self, study: str, file: str) -> Path:
        path = self._folder / file
        known = study == STUDY or study in self.past
        if not known or not file.startswith(PICTURES) or ".." in file or not path.is_file():
            raise StudyError("There is no such picture", found=file)
        return path

    def _check(self, settings: Mapping[str, Any]) -> None:
        known = {name: settings[name] for name in SETTINGS if name in settings}
        base = known.get("base")
        models = {"base": base and self._folder / base}
        models["partners"] = [self._folder / name for name in known.get("partners") or ()]
        check_possible(StudySettings.from_mapping(known | models), cast("Host", self))

    def samplers(self) -> Sequence[str]:
        return ("Euler", "DDIM")

    def schedulers(self) -> Sequence[str]:
        return ("Automatic",)

    def _turn(self, state: StudyState, message: str) -> Snapshot:
        with self._change:
            if self._now.state is StudyState.IDLE:
                raise StudyError("No study runs")
            self._say(state=state, message=message)
            return self._now

    def _say(self, **changes: Any) -> None:
        with self._change:
            self._now = dataclasses.replace(self._now, version=self._now.version + 1, **changes)
            self._change.notify_all()

    def _play(self) -> None:
        dice = random.Random(7)
        for epoch in (0, 1, 2):
            for _ in range(self._trials if epoch else 0):
                if not self._go_on():
                    return
                self._trial(epoch, dice)
            files = tuple(self._draw("grids", f"epoch-{epoch:03d}-{i:02d}", i, epoch, dice) for i in range(8))
            prompts = tuple(f"{TAGS[i]}, {TAGS[(i + 3) % 8]}" for i in range(8))
            self._say(grids=(*self._now.grids, Grid(epoch, files, prompts)))
        for done in (70, 140, 200):
            with self._change:
                if not self._go_on():
                    return
                self._say(
                    state=StudyState.MEASURING,
                    measured=done,
                    message=say("Measuring {1} on prompts the search never saw", say("the winner")),
                )
        with self._change:
            if self._go_on():
                self._say(
                    state=StudyState.FINISHED,
                    message="Finished",
                    result=result(),
                    variety=varieties(),
                    watch=watch(),
                    eta_s=None,
                )

    def _go_on(self) -> bool:
        with self._change:
            self._change.wait_for(self._is_over, self._pace_s)
            while not self._is_over() and (self._now.state is StudyState.PAUSED or self._is_held()):
                self._change.wait(LOOKS_AGAIN_S)
            return not self._is_over()

    def _is_over(self) -> bool:
        """Whether the study of this thread was stopped, and perhaps another started since."""
        return self._now.state is StudyState.STOPPED or self._thread is not threading.current_thread()

    def _is_held(self) -> bool:
        return self._now.trial >= HELD_TRIALS and (self._folder / HOLD).exists()

    def _trial(self, epoch: int, dice: random.Random) -> None:
        trial = self._now.trial + 1
        best = 0.71 - 0.16 * math.exp(-trial / 9)
        accuracy = best - abs(dice.gauss(0, 0.05)) if trial > 1 else 0.565
        half = 0.05 / math.sqrt(1 + trial / 4)
        stage = "base" if trial == 1 else "blocks"
        point = CurvePoint(epoch, trial, 16 * trial, accuracy, 16, best, best - half, best + half, stage)
        latest = self._draw("latest", f"{trial:08d}", trial, epoch, dice)
        tags = tuple((tag, dice.random() < accuracy) for tag in dice.sample(TAGS, 5))
        left = (2 * self._trials - trial) * self._pace_s
        with self._change:
            self._change.wait_for(lambda: self._now.state is not StudyState.PAUSED or self._is_over())
            if self._is_over():
                return
            if self._now.state is StudyState.PREPARING:
                self._say(state=StudyState.SEARCHING)
            self._say(
                message=say("Drawing and scoring mixes of epoch {1}", epoch),
                epoch=epoch,
                trial=trial,
                images=16 * trial,
                images_per_s=16 / self._pace_s,
                eta_s=(0.8 * left, left, 1.3 * left),
                curve=(*self._now.curve, point),
                latest=LatestPicture(latest, tags),
                recipe={"rimo_recipe": 1},
            )

    def _draw(self, kind: str, name: str, shape: int, epoch: int, dice: random.Random) -> str:
        image = Image.new("RGB", (192, 192), (40 + 25 * (shape % 8), 90, 200 - 20 * (shape % 8)))
        pen = ImageDraw.Draw(image)
        size = 40 + 15 * epoch
        box = (96 - size, 96 - size, 96 + size, 96 + size)
        colour = tuple(dice.randrange(120, 255) for _ in range(3))
        if shape % 2:
            pen.ellipse(box, fill=colour, outline="black", width=4)
        else:
            pen.rectangle(box, fill=colour, outline="black", width=4)
        file = f"{kind}/{name}.png"
        (self._folder / kind).mkdir(exist_ok=True)
        if not (self._folder / file).exists():  # every study draws the same; one may just be read by a page
            image.save(self._folder / file)
        return file


def interval(mean: float, half: float = 0.012) -> Interval:
    """An interval around a mean."""
    return Interval(mean, mean - half, mean + half, images=200, tags=1000)


def varieties() -> tuple[Variety, ...]:
    """A winner whose images vary enough, one of which that is unclear, and one that was given up."""
    began, *winners = (dataclasses.replace(interval(m, 0.03), images=96) for m in (0.412, 0.38, 0.34, 0.13))
    left = (interval(0.05, 0.03), interval(0.01, 0.03), interval(-0.2, 0.03))
    return tuple(
        Variety(epoch, above.high > 0, winner, began, above)
        for epoch, (winner, above) in enumerate(zip(winners, left, strict=True), 1)
    )


def watch() -> Watch:
    """Signs of three epochs of which the last looks broken, and an outlook that proposes no other one."""
    broken = (
        say("{1} % of its pictures look unlike its parents' ({2} % of the base's do)", "28", "1"),
        say("its weights lie past its parents ({1}, between them at most {2})", "0.72", "0.61"),
    )
    epochs = (
        EpochSigns(0, interval(0.561), None, interval(0.01, 0.009), 0.0),
        EpochSigns(1, interval(0.64), interval(0.079, 0.02), interval(0.02, 0.015), 0.31),
        EpochSigns(2, interval(0.684), interval(0.004, 0.02), interval(0.28, 0.08), 0.72, broken),
    )
    promise = Outlook(interval(0.004, 0.018), 0.01, 1100, 400, flat=True)
    return Watch(epochs, 0.61, 1, promise)


def result() -> Result:
    """The result that the scripted study ends with."""
    rows = [("all", 0.684, 0.561, 0.58), ("colour", 0.80, 0.71, 0.74), ("shape", 0.62, 0.44, 0.49)]
    rows += [("place", 0.71, 0.69, 0.66), ("size", 0.55, 0.57, 0.56)]
    categories = tuple(
        CategoryRow(
            name,
            interval(m),
            interval(b),
            p,
            100 * (m - p) / p,
            100 * (m - p) / p - 4,
            100 * (m - p) / p + 4,
            {file: interval(p + 0.01 * (i - 1)) for i, file in enumerate(FILES[1:])},
        )
        for name, m, b, p in rows
    )
    gains = (("rainbow", 0.31, True), ("night", 0.12, False), ("star", 0.05, False), ("two", -0.08, False))
    tags = tuple(
        TagRow(tag, "place", 0.5 + gain, 0.5, interval(gain, 0.06), sure) for tag, gain, sure in gains
    )
    parents = {FILES[1]: interval(0.60), FILES[2]: interval(0.57), FILES[3]: interval(0.585)}
    return Result(
        base=interval(0.561),
        parents=parents,
        uniform=interval(0.63),
        merged=interval(0.684),
        gain_over_base=interval(0.123, 0.015),
        gain_over_best_parent=interval(0.084, 0.014),
        best_parent=FILES[1],
        categories=categories,
        tags=tags,
    )
