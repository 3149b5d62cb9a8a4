"""What every drawer has to keep to, as tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from PIL import Image

from lib_rimo.errors import HostError, RecipeError
from lib_rimo.hosts.drawers.drawer import Drawer, Files
from lib_rimo.hosts.host import ImageRequest
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources

WAIT_S = 120  # a hang is a failure, not an endless run


class Mixing(AbstractContextManager["Mixing"]):
    """Recipes over two checkpoints, with their files open inside.

    Args:
        drawer: Draws; the first checkpoint is loaded on entering.
        models: Base and partner.
        partition: Name of the block groups.
    """

    def __init__(self, drawer: Drawer, models: Sequence[Path], partition: str) -> None:
        self._drawer, self._models = drawer, models
        self.files = Files(Sources(), load_partition(partition))
        self._stack = ExitStack()

    def __enter__(self) -> Mixing:
        sources = self._stack.enter_context(self.files.sources)
        self.base, self.partner = (sources.source_of(path) for path in self._models)
        self._drawer.load(self._models[0])
        with self._drawer.exclusive():
            closed = self._drawer.closed(self.files.partition)
        present = self.files.partition.groups_present(sources.open(self.base).keys())
        self.groups = [group for group in present if group not in closed]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def recipe(self, weight: float, groups: Sequence[str] | None = None) -> Recipe:
        """The partner with one weight in some groups, or in all of them."""
        groups = self.groups if groups is None else groups
        return Recipe.from_rows(
            self.base, (self.partner,), self.files.partition.name, groups, ((weight,) * len(groups),)
        )

    def own(self) -> Recipe:
        """The loaded checkpoint itself."""
        return Recipe.zero(self.base, self.files.partition.name)


class DrawerTestCase:
    """The laws of a drawer. Subclass it in a test module of pytest, and give it two fixtures:

        class TestMine(DrawerTestCase):
            @pytest.fixture
            def drawer(self): ...

            @pytest.fixture
            def models(self): ...

    ``drawer`` is the drawer, ``models`` the paths of a base and a partner of its family that it can load.

    Attributes:
        partition: Name of the block groups.
        prompt: Of the pictures.
        long_steps: So many that a picture takes a while; 0 where no picture does, so that none can be interrupted.
    """

    partition = "coarse"
    prompt = "red, star"
    long_steps = 500

    def requests(self, drawer: Drawer, steps: int = 2) -> list[ImageRequest]:
        """Two quick pictures of the model's own size."""
        d = drawer.image_defaults()
        one = ImageRequest(self.prompt, "", 1, d.width, d.height, steps, d.cfg, d.sampler)
        return [one, replace(one, seed=2)]

    def mixing(self, drawer: Drawer, models: Sequence[Path]) -> Mixing:
        """Recipes over the two models."""
        return Mixing(drawer, models, self.partition)

    # -- drawing -----------------------------------------------------------------------------------------------

    def test_one_picture_per_request(self, drawer: Drawer, models: Sequence[Path]) -> None:
        """Pictures are RGB, of the asked size, in order, and the same for the same order."""
        with self.mixing(drawer, models) as mixing, drawer.exclusive():
            requests = self.requests(drawer)
            first = drawer.draw(mixing.recipe(0.5), requests, mixing.files)
            again = drawer.draw(mixing.recipe(0.5), requests, mixing.files)
        assert [(i.mode, i.size) for i in first] == [("RGB", (r.width, r.height)) for r in requests]
        assert pixels(first)[0] != pixels(first)[1]
        assert pixels(first) == pixels(again)

    def test_weights_count_and_go_back(self, drawer: Drawer, models: Sequence[Path]) -> None:
        """A mix is drawn as a mix, in whatever order mixes come, and the base's own pictures come back bit for bit."""
        with self.mixing(drawer, models) as mixing:
            requests = self.requests(drawer)
            some = mixing.recipe(0.5, mixing.groups[:1])
            mixes = [mixing.own(), mixing.recipe(0.5), some, mixing.recipe(0.25), mixing.own()]
            with drawer.exclusive():
                drawn = [pixels(drawer.draw(mix, requests, mixing.files)) for mix in mixes]
                backwards = [pixels(drawer.draw(mix, requests, mixing.files)) for mix in mixes[::-1]]
            with drawer.exclusive():
                later = pixels(drawer.draw(mixing.own(), requests, mixing.files))
        assert drawn == backwards[::-1]
        assert drawn[0] == drawn[-1] == later
        assert len({tuple(one) for one in drawn[:-1]}) == len(mixes) - 1

    def test_a_whole_partner_is_drawn_as_itself(self, drawer: Drawer, models: Sequence[Path]) -> None:
        """With weight one everywhere the pictures are those of the partner's file, and loading undoes every mix."""
        with self.mixing(drawer, models) as mixing:
            requests = self.requests(drawer)
            with drawer.exclusive():
                own = pixels(drawer.draw(mixing.own(), requests, mixing.files))
                mixed = pixels(drawer.draw(mixing.recipe(1.0), requests, mixing.files))
                drawer.load(models[1])
                itself = Recipe.zero(mixing.partner, mixing.files.partition.name)
                alone = pixels(drawer.draw(itself, requests, mixing.files))
                drawer.load(models[0])
                after = pixels(drawer.draw(mixing.own(), requests, mixing.files))
        assert mixed == alone != own == after

    def test_put_back_in_the_middle_changes_nothing(self, drawer: Drawer, models: Sequence[Path]) -> None:
        """Mixes before and after the weights were put back are the same."""
        with self.mixing(drawer, models) as mixing, drawer.exclusive():
            requests = self.requests(drawer)
            first = pixels(drawer.draw(mixing.recipe(0.5), requests, mixing.files))
            for _ in range(2):
                drawer.put_back()
            assert pixels(drawer.draw(mixing.recipe(0.5), requests, mixing.files)) == first

    # -- what goes wrong ---------------------------------------------------------------------------------------

    def test_an_exception_gives_the_weights_back(self, drawer: Drawer, models: Sequence[Path]) -> None:
        """Whatever ends ``exclusive`` with a mix live, the next pictures are the base's own."""
        with self.mixing(drawer, models) as mixing:
            requests = self.requests(drawer)
            with drawer.exclusive():
                own = pixels(drawer.draw(mixing.own(), requests, mixing.files))

            def fail() -> None:
                with drawer.exclusive():
                    drawer.draw(mixing.recipe(0.5), requests, mixing.files)
                    raise ZeroDivisionError

            refused(ZeroDivisionError, fail)
            with drawer.exclusive():
                assert pixels(drawer.draw(mixing.own(), requests, mixing.files)) == own

    def test_a_recipe_that_does_not_fit_is_refused(self, drawer: Drawer, models: Sequence[Path]) -> None:
        """A recipe of another partition is a RecipeError; nothing has changed, and the next one is drawn."""
        with self.mixing(drawer, models) as mixing, drawer.exclusive():
            requests = self.requests(drawer)
            first = pixels(drawer.draw(mixing.recipe(0.5), requests, mixing.files))
            strange = Recipe(mixing.base, (mixing.partner,), "strange", {"all": (0.5,)})
            refused(RecipeError, lambda: drawer.draw(strange, requests, mixing.files))
            assert pixels(drawer.draw(mixing.recipe(0.5), requests, mixing.files)) == first

    def test_it_needs_the_queue(self, drawer: Drawer, models: Sequence[Path]) -> None:
        """Outside ``exclusive`` nothing is drawn or told of the model, and nobody can enter it twice."""
        with self.mixing(drawer, models) as mixing:
            requests = self.requests(drawer)
            refused(HostError, lambda: drawer.draw(mixing.own(), requests, mixing.files))
            refused(HostError, lambda: drawer.closed(mixing.files.partition))
            with drawer.exclusive():
                refused(HostError, lambda: drawer.exclusive().__enter__())
                assert len(drawer.draw(mixing.own(), requests, mixing.files)) == len(requests)

    def test_others_wait_and_are_counted(self, drawer: Drawer, models: Sequence[Path]) -> None:
        """While one holds the drawer the other waits, is counted, and meets the base's own weights."""
        with self.mixing(drawer, models) as mixing:
            requests, found = self.requests(drawer), list[list[bytes]]()

            def visit() -> None:
                with drawer.exclusive():
                    found.append(pixels(drawer.draw(mixing.own(), requests, mixing.files)))

            pause = threading.Event()
            thread = threading.Thread(target=visit)
            with drawer.exclusive():
                own = pixels(drawer.draw(mixing.own(), requests, mixing.files))
                thread.start()
                while not drawer.waiting():
                    pause.wait(0.001)
                drawer.draw(mixing.recipe(0.5), requests, mixing.files)
                assert not found
            thread.join(WAIT_S)
        assert found == [own]
        assert drawer.waiting() == 0

    def test_interrupt(self, drawer: Drawer, models: Sequence[Path]) -> None:
        """An interrupt ends a long drawing with a HostError, one of nothing does nothing, and all goes on as before."""
        with self.mixing(drawer, models) as mixing:
            requests, done = self.requests(drawer), threading.Event()
            drawer.interrupt()

            def keep_interrupting() -> None:
                while not done.wait(0.01):
                    drawer.interrupt()

            with drawer.exclusive():
                own = pixels(drawer.draw(mixing.own(), requests, mixing.files))
                thread = threading.Thread(target=keep_interrupting)
                if self.long_steps:
                    slow = self.requests(drawer, self.long_steps)
                    thread.start()
                    try:
                        refused(HostError, lambda: drawer.draw(mixing.recipe(0.5), slow, mixing.files))
                    finally:
                        done.set()
                        thread.join(WAIT_S)
                assert pixels(drawer.draw(mixing.own(), requests, mixing.files)) == own

    # -- what is known of it -----------------------------------------------------------------------------------

    def test_its_facts_hold(self, drawer: Drawer, models: Sequence[Path]) -> None:
        """It has a name fit for a journal, its model's sampler, a batch size that stays, and a folder to save to."""
        with self.mixing(drawer, models) as mixing:
            requests = self.requests(drawer)
            size = drawer.batch_size(requests[0].width, requests[0].height)
            with drawer.exclusive():
                drawer.draw(mixing.recipe(0.5), requests, mixing.files)
            assert size == drawer.batch_size(requests[0].width, requests[0].height) >= 1
            loaded = drawer.loaded()
            assert loaded is not None
            assert loaded.samefile(models[0])
        assert drawer.name.isidentifier()
        assert requests[0].sampler in drawer.samplers()
        assert requests[0].scheduler in drawer.schedulers()
        assert drawer.save_folder().is_dir()
        drawer.refresh()
        assert {path.resolve() for path in models} <= {path.resolve() for path in drawer.checkpoints()}


def pixels(images: Sequence[Image.Image]) -> list[bytes]:
    """What pictures are compared by."""
    return [image.tobytes() for image in images]


def refused(kind: type[Exception], attempt: Callable[[], object]) -> None:
    """Holds that an attempt ends with an error of this kind."""
    try:
        attempt()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was wanted, nothing was raised")
