"""What is known of files and taggers, in words: what a checkpoint is, what it is drawn with, what a tagger is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib_rimo.merging.checkpoints.facts import FileFacts
from lib_rimo.said import Said, joined, say, words
from lib_rimo.study.settings.profiles import Profile

MEGABYTE, GIGABYTE = 10**6, 10**9
DOT = " \u00b7 "
EPSILON, V = "epsilon", "v"
DEVICES = {
    "gpu": "It runs on the graphics card.",
    "cpu": "It runs on the processor: the installed onnxruntime uses no graphics card.",
    "none": "It needs the package onnxruntime, which is not installed here.",
}


def size_text(size_bytes: float) -> str:
    """A size as people read it."""
    if size_bytes < GIGABYTE:
        return f"{size_bytes / MEGABYTE:.0f} MB"
    return f"{size_bytes / GIGABYTE:.1f} GB"


def told_facts(facts: FileFacts, base: FileFacts | None = None) -> Said:
    """What a checkpoint's file is, in a line.

    Args:
        facts: The file's.
        base: What it is to be mixed into; None where it is the base itself.
    """
    parts: list[str] = []
    if facts.family:
        title = say("{1}", facts.family_title)
        parts.append(say("{1} for inpainting", title) if facts.inpainting else title)
        parts.append(_predicts(facts))
        parts.append("with VAE" if facts.vae else "without VAE")
        if not facts.text:
            parts.append("without text encoder")
        elif facts.old_names:
            parts.append("text encoder spelt as NovelAI's")
    if facts.number_types:
        parts.append(say("{1}", ", ".join(facts.number_types)))
    parts.append(say("{1}", size_text(facts.size_bytes)))
    if not (reason := obstacle(facts, base)):
        return joined(DOT, *parts, "can be mixed")
    return joined(" ", say("{1}.", joined(DOT, *parts, "cannot be mixed")), words(reason))


def obstacle(facts: FileFacts, base: FileFacts | None = None) -> str:
    """Why a file cannot be mixed, into this base or at all; empty if it can, as far as headers say so."""
    if facts.problem or base is None or not base.family:
        return facts.problem
    return _no_mix(facts, base) or ""


def _predicts(facts: FileFacts) -> Said:
    names = {
        EPSILON: "epsilon-prediction",
        V: "v-prediction",
        "": "nothing says what it predicts",
    }
    name = say(names.get(facts.prediction, "v-prediction on another scale of noise (EDM)"))
    if facts.zero_snr:
        name = say("{1} with zero terminal SNR", name)
    return say("{1} (said by {2})", name, facts.prediction_source) if facts.prediction_source else name


def _no_mix(facts: FileFacts, base: FileFacts) -> Said | None:
    """What keeps two whole models from being mixed."""
    if facts.family != base.family:
        return say("The base is of another family: {1}.", base.family_title)
    if facts.inpainting != base.inpainting:
        return say("One of the two is for inpainting.")
    if facts.prediction and base.prediction and facts.prediction != base.prediction:
        return say(
            "The base predicts something else ({1}), so their mix draws noise, unless prediction types may be mixed.",
            base.prediction,
        )
    return None


def told_profile(found: tuple[Profile, Said | None] | None) -> Said:
    """What a base is drawn with where nothing else is said, and why."""
    if found is None:
        return say(
            "Nothing is known of what this model wants to be drawn with, so its own configuration decides."
        )
    profile, why = found
    if why is None:
        return say("Drawing profile: {1}. Source: {2}.", profile.title, say(profile.source))
    return say("Drawing profile: {1}, because {2}. Source: {3}.", profile.title, why, say(profile.source))


def told_tagger(about: Mapping[str, Any]) -> tuple[Said, ...]:
    """What is known of a tagger, in sentences: what it is for, what it counts by, where it is, what it runs on."""
    device = say(DEVICES[str(about.get("device", "cpu"))])
    if about["kind"] == "none":
        return ()
    if about["kind"] != "known":
        return (device,)
    size = about["size_bytes"]
    told = [say(about["good_for"])]
    general, characters = f"{about['threshold']:g}", about["character_threshold"]
    if characters is None:
        told.append(say("A tag counts from {1} on ({2}).", general, say(about["source"])))
    else:
        told.append(
            say(
                "A tag counts from {1} on, a character from {2} ({3}).",
                general,
                f"{characters:g}",
                say(about["source"]),
            )
        )
    told.append(
        say("Licence {1}, {2}.", about["licence"], size_text(size))
        if size
        else say("Licence {1}.", about["licence"])
    )
    told.append(say("It is on this computer.") if about["here"] else say("It is not on this computer yet."))
    return (*told, device)


def told_download(download: Mapping[str, Any]) -> Said:
    """How far a download is."""
    done, size = download["done_bytes"], download["size_bytes"]
    if not size:
        return say("Downloading, {1} so far", size_text(done))
    return say("Downloading, {1} of {2}", size_text(done), size_text(size))
