"""A study as one HTML file to keep or to send: nothing in it is loaded from anywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import lib_rimo
from lib_rimo.said import say
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.service import StudyArchive
from lib_rimo.study.settings.settings import SETTINGS
from lib_rimo.study.store.snapshot import Snapshot
from lib_rimo.study.store.store import started_at
from lib_rimo.ui.report.pictures import curve, grids
from lib_rimo.ui.report.report_tables import (
    arms,
    blocks,
    categories,
    pairs,
    scorers,
    settings,
    tags,
    watched,
)
from lib_rimo.ui.report.speech import in_language, named, plain, text
from lib_rimo.wording.sentences import STATES, gain, variety
from lib_rimo.wording.words import Words, words

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def report_html(archive: StudyArchive, study: str, said: Words | None = None) -> str:
    """The report of a study, finished or not.

    Args:
        archive: The studies.
        study: Its id.
        said: The language; English without one.

    Raises:
        StudyError: There is no such study, or its journal is damaged.
    """
    said = said or words("en")
    with in_language(said):
        return _written(archive, study, said.language)


def _written(archive: StudyArchive, study: str, language: str) -> str:
    snapshot, record = archive.stored(study), archive.record(study)
    parts = [_head(snapshot, record)]
    if snapshot.curve:
        parts.append(_section("Accuracy against images drawn", curve(snapshot)))
    if snapshot.result is not None:
        parts.append(_section("Result", arms(snapshot.result, snapshot.base)))
        if snapshot.result.scorers:
            parts.append(_section("Further scorers", scorers(snapshot.result, snapshot.base)))
        parts.append(_section("Category by category", categories(snapshot.result, snapshot.base)))
        parts.append(_section("Most gained and most lost tags", tags(snapshot.result)))
    if snapshot.variety:
        told = "".join(f"<p>{text(variety(judged))}</p>" for judged in snapshot.variety)
        parts.append(_section("Diversity floor", told))
    if snapshot.watch is not None:
        parts.append(_section("Epoch by epoch", watched(snapshot.watch, snapshot.kept)))
    if snapshot.grids:
        parts.append(_section("The same images after each epoch", grids(archive, snapshot)))
    parts.append(_section("The best mix, block by block", blocks(archive, study)))
    parts.append(_section("Settings", settings(_settings(record))))
    parts.append(_section("Versions", settings({"rimo": lib_rimo.__version__, **record.opened.versions})))
    whole = {
        "language": language,
        "title": plain(f"{snapshot.base} \N{MIDDLE DOT} Rimo Random Mix"),
        "style": _file("report.css"),
        "content": "".join(parts),
    }
    return _PLACE.sub(lambda found: whole[found[1]], _file("report.html"))


def _file(name: str) -> str:
    return resources.files("lib_rimo.ui.report").joinpath(name).read_text("utf-8")


def _head(snapshot: Snapshot, record: StudyRecord) -> str:
    result = snapshot.result
    found = ""
    if result is not None:
        told = gain(result, snapshot.variety)
        found = (
            f'<p class="gain {told.tone}"><strong>{plain(told.value)}</strong> {text(told.sentence)}</p>'
            f"<p>{text(told.verdict)}</p>"
        )
    searched = (f"{snapshot.images:,}", f"{snapshot.trial:,}", snapshot.epochs)
    facts = {
        "Study": named(snapshot.study),
        "Begun": plain(started_at(record)),
        "State": text(STATES[snapshot.state]),
        "Base": named(snapshot.base),
        "Partners": named(", ".join(snapshot.partners)),
        "Searched": text(say("{1} images, {2} mixes, {3} epochs", *searched)),
        "Measured": text(say("{1} images that the search never saw", f"{snapshot.measured:,}")),
        "Saved": named(", ".join(snapshot.saved)) if snapshot.saved else text("nothing"),
    }
    notes = "".join(f"<li>{text(note)}</li>" for note in snapshot.notes)
    summary = f"<summary>{text('What was found while preparing')}</summary>"
    noted = f"<details>{summary}<ul>{notes}</ul></details>" if notes else ""
    title = text(say("{1}, mixed", snapshot.base))
    return f"<header><h1>{title}</h1>{found}{pairs(facts)}{noted}</header>"


def _settings(record: StudyRecord) -> Mapping[str, Any]:
    """The settings as they were resolved; files without the folders of the machine they lie on."""
    plain = record.settings.to_json()
    names = {"base": record.sources[0].name, "partners": [source.name for source in record.sources[1:]]}
    chosen = {key: SETTINGS[key].of(record.settings) for key in ("tagger", "catalogue", "config")}
    files = {key: path.name for key, path in chosen.items() if path is not None}
    if record.settings.search.start is not None:
        plain["start"] = f"recipe {record.start.digest()[:12]}"
    return {**plain, **names, **files, **record.opened.layout, "batch": record.opened.batch}


def _section(title: str, content: str) -> str:
    return f"<section><h2>{text(title)}</h2>{content}</section>"
