"""Several ranks of a repair, measured in the background beside the mix and the checkpoint that repairs it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.image_statistics import LEAST_REFERENCE
from lib_rimo.errors import ArchitectureError, RecipeError, RimoError, SettingsError
from lib_rimo.hosts.drawers.drawer import Drawer
from lib_rimo.merging.contact.contact_spec import HIGHEST_RANK
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.said import say
from lib_rimo.study.measure.background import Background
from lib_rimo.study.measure.background_job import BackgroundJob
from lib_rimo.study.measure.rank_sweep import IMAGES, KEPT, arms_as_known, proposed, reasons
from lib_rimo.study.mixes.repair import Repair, at_donor, fusion_of
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.run.image_settings import ImageSettings
from lib_rimo.study.run.selection import is_selected, wrong_selection
from lib_rimo.study.run.session import OpenTagger
from lib_rimo.study.settings.numbers import whole
from lib_rimo.study.settings.settings import MeasureSettings

KIND = "ranks"
FACTS = "ranks.json"
RANKS = (2, 4, 8, 16, 32, 64)
"""Offered first: upstream's 4 between them, and up to where little of the kept checkpoint is left."""
MOST_RANKS = 16
MOST_IMAGES = 20_000


@dataclass(frozen=True, slots=True)
class RankRequest:
    """What to measure.

    Attributes:
        study: Id of the study.
        choice: Which of its mixes.
        repair: Whose shapes, and whose biases and norms; its rank is not looked at.
        ranks: Each once, ascending.
        images: Pictures of each.
    """

    study: str
    choice: Choice
    repair: Repair
    ranks: tuple[int, ...]
    images: int

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> RankRequest:
        """Reads ``study``, a choice as ``Choice.of`` reads it, ``donor``, ``vectors``, ``ranks`` and ``images``.

        Raises:
            SettingsError: A value is missing or out of range; it carries the field.
        """
        repair = Repair.of({"donor": values.get("donor"), "vectors": values.get("vectors")})
        ranks = values.get("ranks")
        return cls(
            str(values.get("study") or ""),
            Choice.of(values),
            repair,
            RANKS if ranks is None else ranks_of(str(ranks)),
            whole("images", values.get("images"), LEAST_REFERENCE, MOST_IMAGES, empty=IMAGES),
        )

    def to_json(self) -> dict[str, Any]:
        """As the page asks for it."""
        return {
            "study": self.study,
            "choice": {
                self.choice.kind: self.choice.number if self.choice.kind in ("trial", "epoch") else True
            },
            "donor": self.repair.donor,
            "vectors": self.repair.vectors,
            "ranks": " ".join(map(str, self.ranks)),
            "images": self.images,
        }


class RankSweeps(Background):
    """Measures ranks, one list at a time, and keeps the latest table.

    Args:
        drawer: Draws.
        folder: Where results are kept.
        open_tagger: Gives the tagger that a study asks for.
        find: Field and name of a checkpoint to its path.
        record: A study's id to what happened in it.
        job: The one thing that runs in the background besides studies.
        may_load: Whether another checkpoint than the loaded one may be loaded. In a WebUI that is the user's choice.
    """

    def __init__(
        self,
        drawer: Drawer,
        folder: Path,
        open_tagger: OpenTagger,
        find: Callable[[str, str], Path],
        record: Callable[[str], StudyRecord],
        job: BackgroundJob,
        *,
        may_load: bool,
    ) -> None:
        super().__init__(FACTS, drawer, folder, open_tagger, job)
        self._find = find
        self._record = record
        self._may_load = may_load

    def start(self, values: Mapping[str, Any]) -> None:
        """Starts to measure, or goes on with what was stopped.

        Args:
            values: As ``RankRequest.of`` reads them.

        Raises:
            SettingsError: A value is wrong; it carries the field. Nothing was started.
            StudyError: There is no such study, another job or a study is running, or the base is not selected.
        """
        request = RankRequest.of(values)
        donor = self._find("donor", request.repair.donor)
        record = self._record(request.study)
        mix = request.choice.recipe(record)
        with Sources(folders=[self._drawer.save_folder()]) as sources:
            base = sources.open(mix.base).path
        if not (self._may_load or is_selected(self._drawer, base)):
            raise wrong_selection(self._drawer, base)
        self._job.start(KIND, lambda: self._work(request, record, mix, base, donor))

    def latest(self) -> dict[str, Any]:
        """The latest table.

        Returns:
            ``request`` and ``name`` of its mix, ``done`` ``of`` how many arms, ``arms`` (``RankResult``), ``proposed``
            (a rank or None), ``reasons``, and ``current``: whether that is the mix still.

        Raises:
            StudyError: There is none.
        """
        found = super().latest()
        request = found["request"]
        try:
            mix = Choice.of(request["choice"]).recipe(self._record(request["study"]))
            current = mix.digest() == found.pop("mix")
        except RimoError:  # the study is gone
            current = False
        return {**found, "current": current}

    # -- the thread --------------------------------------------------------------------------------------------

    def _work(self, request: RankRequest, record: StudyRecord, mix: Recipe, base: Path, donor: Path) -> None:
        if is_selected(self._drawer, base):  # the same file by another path is not loaded again
            base = self._drawer.loaded() or base
        layout = ImageSettings.from_json(record.opened.layout)
        images = dataclasses.replace(record.settings.images, **layout.settings())
        settings = MeasureSettings(base, record.settings.scoring, images)
        fusion = fusion_of(self._drawer, record, mix, donor, request.repair.vectors)
        with fusion.sources as sources:
            measuring = self._measuring(settings, fusion.partition)
            try:
                kept = measuring.recipe(KEPT, mix, sources, fusion.partition)
                (other,) = measuring.swapped_checkpoints([donor], sources, fusion.partition)
                steps = arms_as_known(
                    measuring,
                    fusion,
                    (kept, other),
                    [str(rank) for rank in request.ranks],
                    request.images,
                    lambda candidates, suite: self._one_by_one(measuring, candidates, suite),
                    seed=record.settings.seed,
                )
                for arms in steps:
                    self._keep(
                        {
                            "request": request.to_json(),
                            "name": request.choice.name,
                            "mix": mix.digest(),
                            "done": len(arms),
                            "of": len(request.ranks) + 2,
                            "arms": [arm.to_json() for arm in arms.values()],
                            "proposed": proposed(arms),
                            "reasons": reasons(arms),
                        }
                    )
            except (ArchitectureError, RecipeError) as error:
                raise at_donor(error) from error


def ranks_of(text: str) -> tuple[int, ...]:
    """Reads ``4 8 16``, with commas or without; each once, ascending.

    Raises:
        SettingsError: Something else stands there.
    """
    parts = text.replace(",", " ").split()
    if not 1 <= len(parts) <= MOST_RANKS:
        raise SettingsError(
            "ranks",
            "Ranks are given as a list",
            found=text or say("nothing"),
            wanted=say("1 to {1} ranks, such as 4 8 16", MOST_RANKS),
        )
    return tuple(sorted({whole("ranks", part, 0, HIGHEST_RANK) for part in parts}))
