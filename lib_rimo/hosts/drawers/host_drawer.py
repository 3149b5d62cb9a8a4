"""The drawer of this process: a host whose weights are swapped in place and put back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from lib_rimo.errors import HostError
from lib_rimo.hosts.drawers.drawer import Files
from lib_rimo.hosts.host import Host, ImageDefaults, ImageRequest, PlayingHost
from lib_rimo.hosts.queue import Owned
from lib_rimo.merging.live.swap import Swapper
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.said import say

log = logging.getLogger("rimo")


class HostDrawer(Owned):
    """Implements ``Drawer`` on a host. Only tensors whose mixture changes from one batch to the next are written.

    Args:
        host: Whose model is live.
    """

    def __init__(self, host: Host) -> None:
        super().__init__()
        self.host = host
        self._swapper: Swapper | None = None  # of the present hold; what is live is its account
        self._files: Files | None = None

    # -- drawing -----------------------------------------------------------------------------------------------

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Holds the host's queue; on leaving, the user's own weights are back.

        Raises:
            HostError: This thread holds it already, or the weights had to be loaded anew.
        """
        self._refuse_twice()
        with self.host.exclusive():
            self._holder = threading.get_ident()
            try:
                yield
            finally:
                try:
                    self.put_back()
                finally:
                    self._holder = None

    def load(self, checkpoint: Path, vae: Path | None = None) -> None:
        """Makes a checkpoint the live model; whatever was swapped is put back before."""
        if self.is_mine():
            self.put_back()
        self.host.load(checkpoint, vae)

    def closed(self, partition: Partition) -> Mapping[str, str]:
        """Groups with tensors that the host refuses to swap, each with the first one's reason."""
        self.require("Reading the live model")
        out: dict[str, str] = {}
        for key, why in self.host.live().refused.items():
            if (group := partition.group_of(key)) is not None:
                out.setdefault(group, why)
        return out

    def draw(self, recipe: Recipe, requests: Sequence[ImageRequest], files: Files) -> list[Image.Image]:
        """Swaps what the recipe changes of what is live, and draws."""
        self.require("Drawing")
        if self._swapper is None or self._files is not files:
            self.put_back()
            self._swapper, self._files = Swapper(files.sources, files.partition, check=files.check), files
        report = self._swapper.swap(recipe, self.host.live())
        if report.keys:
            self.host.weights_changed(report.keys)
        return self.host.generate(requests)

    def put_back(self) -> None:
        """Restores what was swapped. Where that fails half-way, the model is loaded anew: nobody gets a mixture."""
        self.require("Putting the weights back")
        swapper, self._swapper, self._files = self._swapper, None, None
        if swapper is None or swapper.original:
            return
        try:
            report = swapper.restore(self.host.live())
            if report.keys:
                self.host.weights_changed(report.keys)
        except BaseException as error:
            log.exception("The weights could not be put back; the model is loaded anew")
            self.host.load_again()
            if not isinstance(error, Exception):
                raise
            raise HostError(
                "The weights could not be put back",
                found=str(error)
                if isinstance(error, HostError)
                else say("{1}: {2}", type(error).__name__, error),
                fix="The model was loaded anew from its file and is as it was; resume when you want to go on",
            ) from error

    def close(self) -> None:
        """Nothing is held."""

    # -- what the host says ------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The host's."""
        return self.host.name

    def checkpoints(self) -> Sequence[Path]:
        """The host's."""
        return self.host.checkpoints()

    def loaded(self) -> Path | None:
        """The host's."""
        return self.host.loaded()

    def waiting(self) -> int:
        """How many others wait for the host."""
        return self.host.waiting()

    def interrupt(self) -> None:
        """Ends what the host draws now."""
        self.host.interrupt()

    def samplers(self) -> Sequence[str]:
        """The host's."""
        return self.host.samplers()

    def schedulers(self) -> Sequence[str]:
        """The host's."""
        return self.host.schedulers()

    def image_defaults(self) -> ImageDefaults:
        """Of the loaded model."""
        return self.host.image_defaults()

    def batch_size(self, width: int, height: int) -> int:
        """Of the loaded model."""
        return self.host.batch_size(width, height)

    def save_folder(self) -> Path:
        """The host's."""
        return self.host.save_folder()

    def refresh(self) -> None:
        """The host looks for new checkpoints."""
        self.host.refresh()


class PlayingHostDrawer(HostDrawer):
    """As above, on a host whose user can be lent a mix: ``LendingDrawer``.

    Args:
        host: Whose user draws by other means too.
    """

    def __init__(self, host: Host, player: PlayingHost) -> None:
        super().__init__(host)
        self._player = player

    @property
    def playing(self) -> str:
        """Name of the mix in the user's hands; empty for their own model."""
        return self._player.playing

    def play(self, name: str, recipe: Recipe, files: Files) -> None:
        """Lends a mix, from the user's next picture on."""
        self._player.play(name, recipe, Swapper(files.sources, files.partition))

    def stop_playing(self) -> None:
        """The user's own model again."""
        self._player.stop_playing()


def drawer_of(host: Host) -> HostDrawer:
    """The drawer of a host of this process."""
    return PlayingHostDrawer(host, host) if isinstance(host, PlayingHost) else HostDrawer(host)
