"""Drawing profiles: which file is proposed which one, and what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from lib_rimo.hosts.diffusers.schedulers import sampler_names, schedule_names
from lib_rimo.merging.checkpoints.facts import FileFacts
from lib_rimo.merging.checkpoints.families import FAMILIES
from lib_rimo.study.settings.offers import Offers
from lib_rimo.study.settings.profiles import PROFILES, proposed
from lib_rimo.study.settings.settings import StudySettings

MODELS = {"base": "a.safetensors", "partners": ["b.safetensors"]}


def sdxl(name: str, **more: Any) -> FileFacts:
    """A file of SDXL's family."""
    return FileFacts(
        name, 1, "sdxl-base", "Stable Diffusion XL", **{"channels": 320, "prediction": "epsilon", **more}
    )


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (sdxl("anything.safetensors", prediction="v"), "noobai-v"),
        (sdxl("noobaiXLNAIXL_epsilonPred11Version.safetensors"), "noobai"),
        (sdxl("illustriousXL_v01.safetensors"), "illustrious"),
        (sdxl("my merge.safetensors", title="Illustrious remix"), "illustrious"),
        (sdxl("ponyDiffusionV6XL.safetensors"), "pony"),
        (sdxl("still-life.safetensors"), "sdxl"),
        (sdxl("tiny.safetensors", channels=8), None),
        (FileFacts("x.safetensors", 1, "sd1", channels=320, prediction="epsilon"), "sd1"),
        (
            FileFacts("x.safetensors", 1, "sd1", channels=320, prediction="epsilon", old_names=True),
            "sd1-anime",
        ),
        (FileFacts("x.safetensors", 1), None),
    ],
)
def test_what_a_file_is_drawn_with(facts: FileFacts, name: str | None) -> None:
    """What the file says of itself decides, then its name; a miniature and an unknown file have none."""
    found = proposed(facts)
    assert (None if found is None else found[0].name) == name


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_hold_settings_that_can_be_drawn(name: str) -> None:
    """Each has a source, a family that is known, and settings that the standalone program takes."""
    profile = PROFILES[name]
    settings = StudySettings.from_mapping({**MODELS, **profile.settings, "profile": name})
    assert profile.source
    assert profile.family in FAMILIES
    assert settings.images.sampler in sampler_names()
    assert settings.images.scheduler in schedule_names()
    assert settings.images.sizes


class Host:
    """As much of a host as offers ask for."""

    def __init__(self, *files: Path) -> None:
        self.files = files

    def checkpoints(self) -> tuple[Path, ...]:
        return self.files

    def samplers(self) -> tuple[str, ...]:
        return ("Euler a", "Euler")

    def schedulers(self) -> tuple[str, ...]:
        return ("Automatic",)


def offers(tmp_path: Path) -> Offers:
    """Offers over files that say by their names what they are."""
    files = [tmp_path / f"{name}.safetensors" for name in ("noobai", "plain", "toy")]
    for path in files:
        path.write_bytes(b"")
    return Offers(
        cast("Any", Host(*files)),
        of_base=lambda base: {"tagger": "its own"} if base.name == "toy.safetensors" else {},
        facts=lambda path: sdxl(path.name),
    )


def test_a_base_brings_its_profile_along(tmp_path: Path) -> None:
    """Its settings hold unless others are given, without a sampler that the host lacks; no profile is one choice."""
    made = offers(tmp_path)
    brought = made.defaults("noobai.safetensors")
    assert (brought["profile"], brought["sampler"], brought["steps"]) == ("noobai", "Euler a", 28)
    assert "sampler" not in made.defaults("plain.safetensors")  # a plain SDXL file asks for DPM++ 2M
    assert made.defaults("noobai.safetensors", "none") == {}
    assert made.defaults("plain.safetensors", "pony")["cfg"] == 7.0
    assert made.defaults("toy.safetensors") == {"tagger": "its own"}
    found = made.profile("noobai.safetensors", "noobai")
    assert found is not None
    assert str(found[1]) == "noob is in its name"
    assert made.profile("noobai.safetensors", "pony") == (PROFILES["pony"], None)
    assert made.profile("noobai.safetensors", "none") is None
    assert made.profile("toy.safetensors") is None


def test_a_study_records_what_it_draws_with(tmp_path: Path) -> None:
    """The profile's settings stand in the study's own, and what was given comes before them."""
    asked = {"base": "noobai.safetensors", "partners": ["plain.safetensors"], "steps": 4, "prefix": ""}
    images = offers(tmp_path).settings(asked).images
    assert (images.profile, images.steps, images.cfg, images.prefix) == ("noobai", 4, 5.5, "")
    assert images.sizes[0] == (832, 1216)
