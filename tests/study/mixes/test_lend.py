"""A mix in the user's own hands: lent, named, taken back, while studies come and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from lib_rimo.errors import SettingsError, StudyError
from lib_rimo.hosts.host import ImageRequest, PlayingHost
from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.study.mixes.preview import PreviewRequest
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.store.snapshot import StudyState
from tests.study.conftest import Workshop, open_workshop, played
from tests.study.painting import SIDE, PaintingHost, write_model


class LendingHost(PaintingHost):
    """A painting host whose user also draws by other means, as in a WebUI: ``PlayingHost``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._lent: tuple[str, Recipe, Swapper] | None = None

    @property
    def playing(self) -> str:
        return self._lent[0] if self._lent else ""

    def play(self, name: str, recipe: Recipe, swapper: Swapper) -> None:
        assert recipe.base.path is not None
        self._lent = (name, recipe, swapper)

    def stop_playing(self) -> None:
        self._lent = None

    def users_picture(self) -> bytes:
        """One picture of the user's own, drawn with what is lent to them, if anything."""
        request = ImageRequest("red, round", "", 3, SIDE, SIDE, 4, 2.0, "Euler")
        with self.exclusive():
            lent = self._lent
            if lent is not None:
                lent[2].swap(lent[1], self.live())
            try:
                picture: Image.Image = self.generate([request])[0]
            finally:
                if lent is not None:
                    lent[2].restore(self.live())
        return picture.tobytes()


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    """A finished small study on such a host, its base loaded."""
    workshop = open_workshop(tmp_path, LendingHost, may_load=False)
    played(workshop, budget=128, unseen=8)
    yield workshop
    workshop.studies.close()


def host_of(workshop: Workshop) -> LendingHost:
    assert isinstance(workshop.host, LendingHost)
    assert isinstance(workshop.host, PlayingHost)
    return workshop.host


def test_the_user_draws_with_a_lent_mix_until_they_take_their_model_back(workshop: Workshop) -> None:
    """Lent, a mix is in every picture of the user's and in ``live``; taken back, their pictures are their own."""
    host, study = host_of(workshop), workshop.studies.snapshot().study
    own = host.users_picture()
    version = workshop.studies.snapshot().version
    name = workshop.studies.play(study, Choice("trial", 5))
    assert (host.playing, workshop.studies.snapshot().live) == (name, name)
    assert "trial 5" in name
    assert workshop.studies.snapshot().version > version
    lent = host.users_picture()
    assert lent != own
    assert workshop.studies.play(study, Choice()) != name
    assert host.users_picture() != own
    workshop.studies.stop_playing()
    assert (host.playing, workshop.studies.snapshot().live) == ("", "")
    assert host.users_picture() == own
    assert workshop.studies.options()["plays"]


def test_a_lent_mix_and_a_study_do_not_meet(workshop: Workshop) -> None:
    """While a study runs and prompts are tried the user draws with the lent mix, and only they do."""
    host, study = host_of(workshop), workshop.studies.snapshot().study
    name = workshop.studies.play(study, Choice("trial", 5))
    lent = host.users_picture()
    workshop.studies.start({**workshop.settings, "unseen": 24})
    while (now := workshop.studies.snapshot()).trial < 2 and now.state.active:
        workshop.studies.wait(now.version, 10)
    for _ in range(4):
        assert host.users_picture() == lent
        assert workshop.studies.snapshot().live == name
        workshop.studies.try_mix(now.study, Choice("trial", 1), PreviewRequest("red", None, 1, 1))
    workshop.studies.join(600)
    assert workshop.studies.snapshot().state is StudyState.FINISHED, workshop.studies.snapshot().error
    assert workshop.studies.snapshot().live == name
    workshop.studies.stop_playing()
    assert host.model is not None
    live = host.model.state_dict()
    assert all(torch.equal(live[k], t) for k, t in load_file(workshop.settings["base"]).items())


def test_a_mix_that_cannot_be_lent_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    """With another checkpoint selected, or of a trial that is not there, nothing is lent; the one before stays."""
    host, study = host_of(workshop), workshop.studies.snapshot().study
    name = workshop.studies.play(study, Choice())
    with pytest.raises(SettingsError):
        workshop.studies.play(study, Choice("trial", 10**6))
    host.load(write_model(host.folder / "other.safetensors", [0.5] * 8, 4))
    with pytest.raises(StudyError, match=r"Select base\.safetensors"):
        workshop.studies.play(study, Choice("trial", 1))
    assert host.playing == name


def test_a_host_without_tabs_of_its_own_says_so(tmp_path: Path) -> None:
    """Where the user draws nowhere else nothing can be lent, and the options tell beforehand."""
    workshop = open_workshop(tmp_path)
    study = played(workshop, budget=64, unseen=8)
    assert not workshop.studies.options()["plays"]
    with pytest.raises(StudyError, match="nowhere but here"):
        workshop.studies.play(study, Choice())
    workshop.studies.stop_playing()
    workshop.studies.close()


def test_closing_takes_a_lent_mix_back(workshop: Workshop) -> None:
    """When the program ends the user's model is their own."""
    workshop.studies.play(workshop.studies.snapshot().study, Choice())
    workshop.studies.close()
    assert host_of(workshop).playing == ""
