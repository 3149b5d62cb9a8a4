"""The drawer of this process: the contract on two hosts, and the user's weights after a failure at any step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lib_rimo.errors import HostError
from lib_rimo.hosts.diffusers.host import DiffusersHost
from lib_rimo.hosts.drawers.drawer import Drawer, Files, LendingDrawer
from lib_rimo.hosts.drawers.host_drawer import HostDrawer, drawer_of
from lib_rimo.hosts.drawers.orders import error_of, error_to_json, order_of, order_to_json
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.merging.live import swap
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.derived import mix_source
from lib_rimo.testing.drawers import DrawerTestCase
from lib_rimo.toy.family import family_of, unpack
from tests.study.painting import SIDE, TAGS, PaintingHost, write_model

REQUESTS = [ImageRequest("red, blue", "", seed, SIDE, SIDE, 4, 2.0, "Euler") for seed in (1, 2)]


def painted(folder: Path) -> list[Path]:
    """A base and a partner."""
    skills = {"base": [0.3] * 8, "first": [0.9] * 4 + [0.2] * 4}
    return [write_model(folder / f"{n}.safetensors", s, i) for i, (n, s) in enumerate(skills.items())]


class TestOnThePaintingHost(DrawerTestCase):
    """The contract on the host of the unit tests."""

    prompt = ", ".join(TAGS)
    long_steps = 0

    @pytest.fixture
    def models(self, tmp_path: Path) -> list[Path]:
        """A base and a partner."""
        return painted(tmp_path)

    @pytest.fixture
    def drawer(self, models: list[Path]) -> Drawer:
        """A fresh one."""
        return HostDrawer(PaintingHost(models[0].parent))


class TestOnDiffusers(DrawerTestCase):
    """The contract on diffusers with the tiny family."""

    @pytest.fixture(scope="class")
    def models(self, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
        """The base and one of the specialists."""
        family = unpack(tmp_path_factory.mktemp("family"))
        return [family.base, family.specialists[0]]

    @pytest.fixture(scope="class")
    def drawer(self, models: list[Path]) -> Drawer:
        """One for all tests: making one takes longer than most of them."""
        config = family_of([models[0]]).config_dir
        return HostDrawer(DiffusersHost(models[0].parent, config_dir=config, device="cpu"))


Break = Callable[[pytest.MonkeyPatch, PaintingHost, type[BaseException]], None]


def at_tensor(number: int) -> Break:
    """Writing fails at the so-manieth tensor, be it of a mix or of the user's own."""

    def break_(monkeypatch: pytest.MonkeyPatch, host: PaintingHost, error: type[BaseException]) -> None:
        whole, calls = swap.merge_key, 0

        def merge_key(*args: object) -> object:
            nonlocal calls
            calls += 1
            if calls == number:
                raise error("broken")
            return whole(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(swap, "merge_key", merge_key)

    return break_


def at_call(name: str, number: int) -> Break:
    """A call of the host fails, the so-manieth time that it is made."""

    def break_(monkeypatch: pytest.MonkeyPatch, host: PaintingHost, error: type[BaseException]) -> None:
        whole, calls = getattr(host, name), 0

        def call(*args: object) -> object:
            nonlocal calls
            calls += 1
            if calls == number:
                raise error("broken")
            return whole(*args)

        monkeypatch.setattr(host, name, call)

    return break_


STEPS: dict[str, Break] = {
    **{f"tensor {n}": at_tensor(n) for n in (1, 2, 9, 11, 14, 19)},
    **{f"{name} {n}": at_call(name, n) for name in ("live", "weights_changed") for n in (1, 2, 3)},
    **{f"generate {n}": at_call("generate", n) for n in (1, 2)},
}


@pytest.mark.parametrize("error", [OSError, HostError, KeyboardInterrupt])
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_leaves_the_users_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: type[BaseException]
) -> None:
    """Swapping, telling, drawing or putting back may fail at any tensor: afterwards the base's file is live."""
    models = painted(tmp_path)
    host = PaintingHost(tmp_path)
    drawer = drawer_of(host)
    drawer.load(models[0])
    with Sources() as sources:
        base, partner = (sources.source_of(path) for path in models)
        files = Files(sources, load_partition("global"))
        (group,) = [g for g in files.partition.groups if g not in files.partition.frozen_by_default]

        def draw_two() -> None:
            with drawer.exclusive():
                for weight in (0.5, 0.25):
                    drawer.draw(Recipe(base, (partner,), "global", {group: (weight,)}), REQUESTS, files)

        with monkeypatch.context() as patch:
            STEPS[step](patch, host, error)
            with pytest.raises((error, HostError)):
                draw_two()
        assert host.model is not None
        live = host.model.state_dict()
        assert all(torch.equal(live[key], tensor) for key, tensor in load_file(str(models[0])).items())
        with drawer.exclusive():
            drawer.draw(Recipe(base, (partner,), "global", {group: (1.0,)}), REQUESTS, files)
            assert host.model is not None
            assert not all(
                torch.equal(host.model.state_dict()[k], t) for k, t in load_file(models[0]).items()
            )


def test_only_what_changes_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same mix again writes nothing, another weight in one group that group's tensors alone."""
    models = painted(tmp_path)
    host = PaintingHost(tmp_path)
    drawer = drawer_of(host)
    drawer.load(models[0])
    told: list[int] = []
    monkeypatch.setattr(host, "weights_changed", lambda keys: told.append(len(keys)))
    with Sources() as sources, drawer.exclusive():
        base, partner = (sources.source_of(path) for path in models)
        files = Files(sources, load_partition("coarse"))
        groups = files.partition.groups_present(sources.open(base).keys())
        weights = dict.fromkeys(groups, (0.5,))
        for changed in ({}, {}, {groups[0]: (0.1,)}):
            drawer.draw(Recipe(base, (partner,), "coarse", weights | changed), REQUESTS, files)
        assert len(told) == 2
        assert 0 < told[1] < told[0]


def test_an_order_crosses_as_plain_values(tmp_path: Path) -> None:
    """Recipe, requests and block groups arrive as they were sent, with every file's place; no error loses its text."""
    models = painted(tmp_path)
    with Sources() as sources:
        base, partner = (sources.source_of(path) for path in models)
        files = Files(sources, load_partition("coarse"))
        recipe = Recipe(base, (partner,), "coarse", {files.partition.groups[0]: (0.5,)})
        order = order_to_json(recipe, REQUESTS, files)
        found, requests, partition = order_of(order)
        assert (found, requests, partition) == (recipe, REQUESTS, files.partition)
        assert [source.path for source in found.sources()] == models
        found, *_ = order_of(order_to_json(dataclasses.replace(recipe, before=recipe), REQUESTS, files))
        assert found.before is not None
        assert [source.path for source in found.before.sources()] == models
        computed = mix_source(recipe, sources, files.partition, "a mix")
        with pytest.raises(HostError, match="a mix, which has no file"):
            order_to_json(Recipe(base, (computed,), "coarse", recipe.weights), REQUESTS, files)
    error = HostError("It is broken", found=3, wanted="4", fix="Mend it")
    again = error_of(error_to_json(error))
    assert (type(again), str(again)) == (HostError, str(error))
    assert "ZeroDivisionError" in str(error_of(error_to_json(ZeroDivisionError("x"))))


def test_a_host_without_tabs_lends_nothing(tmp_path: Path) -> None:
    """Only a host whose user draws by other means too makes a drawer that can be lent a mix."""
    assert not isinstance(drawer_of(PaintingHost(tmp_path)), LendingDrawer)
