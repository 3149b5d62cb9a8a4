"""A mix in the user's own hands, in the WebUI's own process. Run by the probe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lib_rimo import extension
from lib_rimo.hosts.webui.host import WebuiHost
from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from tests.webui.conftest import Webui
from tests.webui.inside.test_failures import failing

NAMES = "RIMO_WEBUI_CHECKPOINTS"
pytestmark = pytest.mark.skipif(NAMES not in os.environ, reason=f"{NAMES} names no checkpoints")


@dataclass(frozen=True)
class Lent:
    """The host that lends, what it lends, and the WebUI from outside.

    Attributes:
        host: The extension's own.
        recipe: Weight one on the partner, so that the partner's own picture tells whether it is in.
        swapper: For it.
        webui: This WebUI, asked by its API.
        base: The user's picture.
        partner: The partner's.
    """

    host: WebuiHost
    recipe: Recipe
    swapper: Swapper
    webui: Webui
    base: str
    partner: str

    def play(self) -> None:
        """Lends it."""
        self.host.play("trial 7", self.recipe, self.swapper)


@pytest.fixture
def lent() -> Iterator[Lent]:
    """The base selected, nothing lent yet."""
    from modules import paths, shared

    names = tuple(name.strip() for name in os.environ[NAMES].split(","))
    webui = Webui(f"http://127.0.0.1:{shared.cmd_opts.port or 7860}", Path(paths.data_path), names)
    webui.stop()
    extension.service(webui.folder)
    (host,) = extension._hosts
    pictures = []
    for name in (names[1], names[0]):
        webui.ask("sdapi/v1/options", {"sd_model_checkpoint": Path(name).stem})
        pictures.append(webui.picture())
    listed = {path.name: path for path in host.checkpoints()}
    partition = load_partition("theater")
    with Sources() as sources:
        base, partner = (sources.source_of(listed[name]) for name in names[:2])
        keys = sources.open(base).keys()
        groups = {group for key in keys if (group := partition.group_of(key)) is not None}
        recipe = Recipe(base, (partner,), partition.name, dict.fromkeys(groups, (1.0,)))
        yield Lent(host, recipe, Swapper(sources, partition), webui, pictures[1], pictures[0])
        host.stop_playing()
        webui.stop()
        webui.ask("sdapi/v1/options", {"sd_model_checkpoint": Path(names[0]).stem})
        assert webui.picture() == pictures[1]


def test_a_mix_that_cannot_be_taken_out_is_loaded_over(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the weights cannot be put back, the model is loaded anew: the picture after that is the user's own."""
    lent.play()
    monkeypatch.setattr(Swapper, "restore", failing(Swapper.restore, 1))
    assert lent.webui.picture() == lent.partner
    assert lent.webui.picture() == lent.base
    assert not lent.host.playing


def test_the_user_draws_with_it(lent: Lent) -> None:
    """While it is lent the user's pictures are the mix's, and say so; the next one after that is their own."""
    lent.play()
    assert lent.host.playing == "trial 7"
    assert [lent.webui.picture() for _ in range(2)] == [lent.partner] * 2
    size = {"width": 64, "height": 64, "steps": 1, "prompt": "red"}
    assert "Random mix: trial 7" in lent.webui.ask("sdapi/v1/txt2img", size)["info"]
    lent.host.stop_playing()
    assert lent.host.playing == ""
    assert lent.webui.picture() == lent.base
    assert "Random mix" not in lent.webui.ask("sdapi/v1/txt2img", size)["info"]


def test_other_checkpoints_are_left_alone(lent: Lent) -> None:
    """A job with a checkpoint of its own, or after another choice, draws with that."""
    lent.play()
    other = Path(lent.webui.names[1]).stem
    own = {"sd_model_checkpoint": other}
    asked = lent.webui.picture(override_settings=own, override_settings_restore_afterwards=True)
    assert asked == lent.partner
    assert lent.webui.picture() == lent.partner
    lent.webui.ask("sdapi/v1/options", {"sd_model_checkpoint": other})
    assert lent.webui.picture() == lent.partner
    lent.host.stop_playing()
    lent.webui.ask("sdapi/v1/options", {"sd_model_checkpoint": Path(lent.webui.names[0]).stem})
    assert lent.webui.picture() == lent.base


def test_an_error_in_the_job(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that breaks off gives the weights back."""
    from modules import sd_samplers

    lent.play()
    monkeypatch.setattr(sd_samplers, "create_sampler", failing(sd_samplers.create_sampler, 1))
    with pytest.raises(pytest.fail.Exception):
        lent.webui.picture()
    lent.host.stop_playing()
    assert lent.webui.picture() == lent.base


def test_beside_a_study(lent: Lent) -> None:
    """A running study and a lent mix do not meet."""
    lent.webui.start(budget=512)
    lent.webui.wait(lambda s: s["state"] == "searching" and s["trial"] >= 1)
    assert lent.webui.picture() == lent.base
    lent.play()
    for _ in range(3):
        assert lent.webui.picture() == lent.partner
    now = lent.webui.snapshot()
    lent.webui.wait(lambda s: s["images"] > now["images"])
    lent.host.stop_playing()
    assert lent.webui.picture() == lent.base
