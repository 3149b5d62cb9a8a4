"""``rimo mix``: one study from start to end, with a progress bar and a table."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lib_rimo.cli.forms import add_setting_options, given_settings
from lib_rimo.cli.report import result_json, result_text
from lib_rimo.cli.setting import recorded, studies_folder, workplace
from lib_rimo.cli.writes import CheckpointWrites
from lib_rimo.errors import SettingsError, StudyError
from lib_rimo.files import json_text
from lib_rimo.library.workplace import Workplace
from lib_rimo.study.mixes.save import left_out_of
from lib_rimo.study.run.estimate import look
from lib_rimo.study.settings.presets import PRESETS, SCRIPTS
from lib_rimo.study.settings.settings import SETTINGS
from lib_rimo.study.store.snapshot import Snapshot, StudyState
from lib_rimo.study.store.unfinished import unfinished
from lib_rimo.wording.epochs import epochs
from lib_rimo.wording.files import told_profile
from lib_rimo.wording.sentences import variety


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser
) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "mix",
        parents=[shared],
        help="search the best mix of some checkpoints",
        description="Search the best mix. The same command again goes on with a study that was cut off.",
    )
    parser.add_argument("--demo", action="store_true", help="mix the embedded tiny family")
    parser.add_argument(
        "--preset", choices=sorted(PRESETS), help="size of the study: epochs, budget and unseen"
    )
    parser.add_argument(
        "--like",
        choices=tuple(SCRIPTS),
        help="search as an earlier script of upstream did. "
        + " ".join(f"{script.label}." for script in SCRIPTS.values()),
    )
    parser.add_argument("--save", metavar="NAME", help="save the winner under this name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON")
    parser.add_argument("--resume", metavar="STUDY", help="go on with this study")
    parser.add_argument("--fresh", action="store_true", help="do not go on with a study that was cut off")
    for part, title in PARTS.items():
        names = [name for name, entry in SETTINGS.items() if entry.part == part]
        add_setting_options(parser.add_argument_group(title), names)
    parser.set_defaults(run=run)


PARTS = {
    "": "the study",
    "search": "what is searched",
    "images": "prompts and pictures",
    "scoring": "reading the pictures",
}
"""What the parts of the settings are called in the command's help."""


def run(options: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    if options.resume:
        options.config = options.config or recorded(options, options.resume).settings.config
    elif not options.demo and not (options.base and options.partners):
        raise SettingsError(
            "base", "Nothing to mix", wanted="--base FILE and --partners FILE..., or --demo to try it"
        )
    place = workplace(options, demo=options.demo)
    writes = CheckpointWrites([place.drawer.save_folder()])
    began = time.monotonic()
    try:
        snapshot = _follow(place, _launch(place, options), writes)
        if snapshot.state is StudyState.FAILED:
            raise StudyError(snapshot.error or "The study failed")
        name = options.save or (_demo_name(place, options.seed or 0) if options.demo else None)
        checkpoint = place.studies.save(name) if name else None
        data = result_json(
            snapshot, seconds=time.monotonic() - began, writes=writes.report(), checkpoint=checkpoint
        )
    finally:
        place.studies.close()
    data["left_out"] = left_out_of(checkpoint) if checkpoint else {}
    sys.stdout.write(result_text(snapshot, checkpoint))
    if options.json:
        options.json.write_text(json_text(data, indent=2) + "\n", encoding="utf-8")
    return 0


def _launch(place: Workplace, options: argparse.Namespace) -> Snapshot:
    """Starts the study, or goes on with the one that was cut off."""
    if options.resume:
        return place.studies.resume(options.resume)
    settings = _settings(options, place)
    checked = place.studies.settings(settings)
    if not options.fresh and (study := unfinished(studies_folder(options), checked)):
        print(f"Going on with {study}, which was cut off (--fresh starts anew)", file=sys.stderr)
        return place.studies.resume(study)
    found = place.studies.profile(str(checked.base), checked.images.profile or "")
    print(told_profile(found), look(checked.images), sep="\n", file=sys.stderr)
    return place.studies.start(settings)


def _settings(options: argparse.Namespace, place: Workplace) -> dict[str, Any]:
    given: dict[str, Any] = dict(SCRIPTS[options.like].settings) if options.like else {}
    if options.preset:
        given["preset"] = options.preset
    given |= given_settings(options, SETTINGS)
    if place.family is not None:
        given.setdefault("base", str(place.family.base))
        given.setdefault("partners", [str(path) for path in place.family.specialists])
    return given


def _follow(place: Workplace, snapshot: Snapshot, writes: CheckpointWrites) -> Snapshot:
    """Shows the progress until the study ends. Ctrl-C stops it at the next picture."""
    total = None
    with tqdm(unit="image", dynamic_ncols=True, disable=None) as bar:
        try:
            while snapshot.state.active:
                if snapshot.state is StudyState.SEARCHING and snapshot.images:
                    writes.begin()
                if snapshot.state is StudyState.MEASURING:
                    writes.end()
                total = snapshot.budget + snapshot.to_measure
                bar.total = total or None
                bar.n = snapshot.images + snapshot.measured
                bar.set_description(_progress(snapshot))
                later = place.studies.wait(snapshot.version, timeout_s=1.0)
                if later.state.active and later.watch != snapshot.watch and later.watch is not None:
                    shown = epochs(later.watch)
                    for words in (shown["warning"], shown["outlook"] if shown["flat"] else ""):
                        if words:
                            tqdm.write(words, file=sys.stderr)
                for judged in later.variety[len(snapshot.variety) :]:
                    tqdm.write(variety(judged), file=sys.stderr)
                snapshot = later
        except KeyboardInterrupt:
            study = place.studies.snapshot().study
            place.studies.close()
            print(f"Stopped. Go on with: rimo mix --resume {study}" if study else "Stopped.", file=sys.stderr)
            raise
    place.studies.join()
    writes.end()
    return place.studies.snapshot()


def _progress(snapshot: Snapshot) -> str:
    if not snapshot.curve:
        return snapshot.message
    best = snapshot.curve[-1]
    return f"{snapshot.message}, trial {snapshot.trial}, best {100 * best.best:.1f} %"


def _demo_name(place: Workplace, seed: int) -> str:
    """A free name, so that the demo can be run again and again."""
    folder = place.drawer.save_folder()
    names = (f"rimo-demo-{seed}" + (f"-{n}" if n else "") for n in range(10_000))
    return next(name for name in names if not (folder / f"{name}.safetensors").exists())
