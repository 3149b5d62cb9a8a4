"""The protocol between a study and whatever draws its mixes.

Above it nobody touches a tensor of a model: a recipe and requests go in, pictures come out, so that a drawer may as
well live in another process (``orders`` says what crosses). Every drawer passes ``lib_rimo.testing.drawers``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PIL import Image

from lib_rimo.hosts.host import DrawingProgram, ImageRequest
from lib_rimo.merging.mix.partition import Partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Files:
    """What recipes are over.

    Attributes:
        sources: The checkpoints, open for as long as pictures are drawn. Some may be computed and have no file.
        partition: The block groups that recipes weigh.
        check: Called now and then while files are read, before any weight is touched. What it raises ends the drawing.
    """

    sources: Sources
    partition: Partition
    check: Callable[[], None] = _nothing


class Drawer(DrawingProgram, Protocol):
    """Draws mixes. Its user's own weights are live again whenever ``exclusive`` is left, whatever happened inside."""

    def closed(self, partition: Partition) -> Mapping[str, str]:
        """Block groups of which something cannot be swapped in the loaded base, and why. Only inside ``exclusive``."""

    def draw(self, recipe: Recipe, requests: Sequence[ImageRequest], files: Files) -> list[Image.Image]:
        """Draws a batch of one layout with a recipe's weights. Only inside ``exclusive``.

        The weights may stay the recipe's until ``put_back``, another ``draw``, ``load`` or the end of ``exclusive``.

        Args:
            recipe: Over the loaded base.
            requests: At least one, all with the same ``layout()``.
            files: What the recipe is over.

        Returns:
            One RGB picture per request, in order.

        Raises:
            RecipeError: The recipe does not fit the partition.
            HostTakenError: The user wants the program for something else.
            HostError: Something cannot be swapped or drawn, or the user interrupted it.
        """

    def put_back(self) -> None:
        """The user's own weights again. Only inside ``exclusive``.

        Raises:
            HostError: They had to be loaded anew from the model's file.
        """

    def close(self) -> None:
        """The end of the program that uses it: what it holds is let go."""


@runtime_checkable
class LendingDrawer(Protocol):
    """A drawer whose user draws by other means too, as in a WebUI's own tabs, and can be lent a mix for that."""

    @property
    def playing(self) -> str:
        """Name of the mix that the user's own jobs draw with; empty for their own model. Any thread."""

    def play(self, name: str, recipe: Recipe, files: Files) -> None:
        """Lends a mix to the user's own jobs, from the next one on. Answers at once. Any thread.

        Args:
            name: What it is called where a picture's parameters are written.
            recipe: What to mix. While the user has another base selected, their jobs draw as they are.
            files: For this purpose alone; nobody closes them while a job may be under way.
        """

    def stop_playing(self) -> None:
        """The user's own model again, from their next job on. Any thread."""
