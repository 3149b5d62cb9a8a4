"""Clip skip and VAE reach what draws: chosen by the user, or asked for by the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.tags import Catalogue, Tag
from lib_rimo.errors import HostError, SettingsError
from lib_rimo.hosts.host import ImageDefaults
from lib_rimo.hosts.webui.checks import refuse_vae
from lib_rimo.study.run.drawing import load_base
from lib_rimo.study.run.image_settings import ImageSettings, request_of
from lib_rimo.study.settings.checks import check_drawable
from lib_rimo.study.settings.images import ImageOptions
from lib_rimo.study.settings.ranges import check_ranges
from lib_rimo.study.settings.scoring import ScoringOptions

CATALOGUE = Catalogue((Tag("red", "colours"), Tag("star", "things")))
PROMPT = Prompt(0, ("red",), "red", "", 1, 64, 64, 2, 5.0)


@pytest.mark.parametrize(
    ("chosen", "asked", "wanted"), [(None, None, None), (None, 2, 2), (1, 2, 1), (3, None, 3)]
)
def test_clip_skip_is_the_user_s_or_the_model_s(
    chosen: int | None, asked: int | None, wanted: int | None
) -> None:
    """It stands in the layout and in every request; where nobody says anything, the program that draws decides."""
    images = ImageOptions(tags=(1, 2), clip_skip=chosen)
    layout = ImageSettings.resolve(images, ImageDefaults(64, 64, 2, 5.0, "Euler", asked), CATALOGUE)
    assert (layout.clip_skip, request_of(PROMPT, "Euler", "Automatic", layout.clip_skip).clip_skip) == (
        wanted,
        wanted,
    )
    assert (
        ImageSettings.from_json({k: v for k, v in layout.settings().items() if k != "clip_skip"}).clip_skip
        is None
    )


def test_a_vae_is_told_only_if_chosen() -> None:
    """A drawer that knows of no VAE is asked as before."""

    class Drawer:
        """Keeps what it is asked for."""

        asked: list[tuple[Path, ...]]

        def __init__(self) -> None:
            self.asked = []

        def load(self, *paths: Path) -> None:
            """Notes it."""
            self.asked.append(paths)

    drawer: Any = Drawer()
    load_base(drawer, Path("a"), None)
    load_base(drawer, Path("a"), Path("b"))
    assert drawer.asked == [(Path("a"),), (Path("a"), Path("b"))]


def test_wrong_choices_are_told_at_their_fields(tmp_path: Path) -> None:
    """A VAE that is not there, a clip skip beyond its range, and a VAE in a WebUI, which has a choice of its own."""

    class Host:
        """Any schedule."""

        def schedulers(self) -> list[str]:
            """One."""
            return ["Automatic"]

    host: Any = Host()
    for path in (tmp_path / "gone.safetensors", tmp_path):
        with pytest.raises(SettingsError, match="There is no such VAE") as told:
            check_drawable(ScoringOptions(), ImageOptions(vae=path), host)
        assert told.value.field == "vae"
    (tmp_path / "a.vae.pt").touch()
    check_drawable(ScoringOptions(), ImageOptions(vae=tmp_path / "a.vae.pt"), host)
    with pytest.raises(SettingsError) as told:
        check_ranges(ImageOptions(clip_skip=13))
    assert told.value.field == "clip_skip"
    with pytest.raises(HostError, match="Leave VAE empty and select it in the WebUI"):
        refuse_vae(tmp_path / "a.vae.pt")
