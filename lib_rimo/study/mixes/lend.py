"""A mix in the user's own hands: their WebUI's tabs draw with it until they take their own model back."""

from __future__ import annotations

import dataclasses

from lib_rimo.errors import StudyError
from lib_rimo.hosts.drawers.drawer import Drawer, Files, LendingDrawer
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.run.selection import is_selected, wrong_selection


class Lending:
    """Lends one mix at a time.

    Args:
        drawer: Whose user draws by other means too, or one without any.
    """

    def __init__(self, drawer: Drawer) -> None:
        self._drawer = drawer
        self._playing: LendingDrawer | None = drawer if isinstance(drawer, LendingDrawer) else None

    @property
    def possible(self) -> bool:
        """Whether the drawer can be lent a mix."""
        return self._playing is not None

    @property
    def name(self) -> str:
        """Of the mix in the user's hands; empty for their own model."""
        return self._playing.playing if self._playing is not None else ""

    def lend(self, record: StudyRecord, recipe: Recipe, name: str) -> None:
        """Lends a mix, from the user's next picture on.

        Args:
            record: The study that it is of.
            recipe: Over its files.
            name: Goes into the parameters of the pictures.

        Raises:
            StudyError: The drawer cannot, or the user has another checkpoint selected than the mix is made from.
            CheckpointError: A file is missing.
        """
        if self._playing is None:
            raise StudyError("This program draws nowhere but here", fix="Try a prompt instead")
        partition = load_partition(record.settings.search.partition)
        # Never closed here: a picture that is being drawn with an earlier mix is still to be put back from its files.
        # They go with the drawer's account of what is live.
        sources = Sources(folders=[self._drawer.save_folder()])
        base, *_ = sources.open_all(recipe)
        if not is_selected(self._drawer, base.path):
            raise wrong_selection(self._drawer, base.path)
        placed = dataclasses.replace(recipe, base=dataclasses.replace(recipe.base, path=base.path))
        self._playing.play(name, placed, Files(sources, partition))

    def end(self) -> None:
        """The user's own model again, from their next picture on."""
        if self._playing is not None:
            self._playing.stop_playing()
