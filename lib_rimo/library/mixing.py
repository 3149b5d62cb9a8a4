"""A study from start to end: search the best mix of some checkpoints, measure it, save it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from lib_rimo.errors import StudyError
from lib_rimo.library.folders import Folders
from lib_rimo.library.workplace import open_workplace
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.saving.options import SaveOptions
from lib_rimo.study.mixes.save import save_record, study_sources
from lib_rimo.study.record import journal
from lib_rimo.study.record.choice import Choice
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.record.results import Result
from lib_rimo.study.store.pictures import picture_path
from lib_rimo.study.store.snapshot import Snapshot, StudyState
from lib_rimo.study.store.unfinished import unfinished
from lib_rimo.study.studies import study_folder

WAIT_S = 1.0
"""How long to wait for news of a study before looking again."""


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """What a study found. It stays in the folder of studies: ``rimo studies`` and the page show it too.

    Attributes:
        study: Its id.
        recipe: The best mix: base, partners and weights.
        result: Accuracy of base, partners, plain average and best mix on prompts that the search never saw.
        snapshot: Everything else: the curve, remarks, signs of broken shapes.
        folders: Where things lie.
    """

    study: str
    recipe: Recipe
    result: Result
    snapshot: Snapshot
    folders: Folders

    def save(
        self,
        name: str,
        *,
        trial: int | None = None,
        epoch: int | None = None,
        number_type: str = "",
        vae: bool = True,
        ema: bool = True,
    ) -> Path:
        """Writes the mix as a checkpoint into the folder of models, with its recipe and measurement in the metadata.

        Args:
            name: Of the new file, with or without ``.safetensors``.
            trial: That trial's mix in place of the best.
            epoch: The winner of that epoch.
            number_type: Such as ``fp16``; the base's if left out.
            vae: Whether the VAE goes into it.
            ema: Whether the base's EMA copies go into it.

        Returns:
            The new file.

        Raises:
            RimoError: There is a file of this name, no room, or no such trial; nothing was written.
        """
        record = StudyRecord.replay(journal.read(study_folder(self.folders.studies, self.study)))
        recipe = Choice.of({"trial": trial, "epoch": epoch}).recipe(record)
        form = SaveOptions(number_type, vae=vae, ema=ema)
        with study_sources(record, self.folders.models) as sources:
            return save_record(record, recipe, self.folders.models, name, sources, form=form)

    def pictures(self, epoch: int = -1) -> list[Image.Image]:
        """Sample pictures, of the same prompts and noise after every epoch.

        Args:
            epoch: 0 is the base, -1 the last.
        """
        folder = study_folder(self.folders.studies, self.study)
        opened = []
        for name in self.snapshot.grids[epoch].files:
            with Image.open(picture_path(folder, name)) as image:
                opened.append(image.copy())
        return opened

    def __str__(self) -> str:
        """The result in a line."""
        best, gain = self.result.merged, self.result.gain_over_best_parent
        return (
            f"{100 * best.mean:.1f} % of the prompted tags found ({100 * best.low:.1f} to {100 * best.high:.1f}), "
            f"{100 * gain.mean:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f}) beside the best parent, "
            f"{self.result.best_parent}"
        )


def mix(
    base: str | Path,
    partners: Sequence[str | Path],
    *,
    budget: int | None = None,
    unseen: int | None = None,
    tagger: str | Path | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    config: str | Path | None = None,
    device: str | None = None,
    fresh: bool = False,
    progress: Callable[[Snapshot], None] | None = None,
    **settings: object,
) -> Mix:
    """Searches the best mix and measures it; blocks until it is done.

    Interrupted, it stops at the next picture, and the same call goes on where it was.

    Args:
        base: The checkpoint to improve.
        partners: Checkpoints to mix in.
        budget: Images that the search may draw (1,000 if left out).
        unseen: Prompts of the final measurement (400 if left out).
        tagger: A known one by name, which is downloaded when it is first used, or the folder of any; the tiny family's
            files have their own.
        seed: Of everything random: the same seed gives the same study.
        folder: Holds models, studies and taggers; the user's data folder if left out.
        config: Diffusers configuration of the checkpoints; None for the hub's standard one of their family.
        device: Such as ``cuda`` or ``cpu``; None for the best there is.
        fresh: Does not go on with an equal study that was cut off.
        progress: Called with every new state of the study, in the caller's thread. What it raises ends the study.
        settings: Any other setting of ``rimo mix``, by its name: ``preset="quick"``, ``epochs=2``,
            ``partition="coarse"``, ``limits=["mid=0:0.3"]``.

    Raises:
        RimoError: A setting is wrong, a file cannot be used, or the study failed; what was drawn is kept.

    Example:
        >>> import lib_rimo
        >>> family = lib_rimo.demo_family()
        >>> found = lib_rimo.mix(family.base, family.specialists[:1], budget=64, unseen=4, steps=2, checked=0)
        >>> 0 <= found.result.merged.mean <= 1
        True
        >>> found.save("doctest").name
        'doctest.safetensors'
    """
    folders = Folders.of(folder)
    files = [Path(path).expanduser() for path in (base, *partners)]
    values: dict[str, Any] = {
        "base": str(files[0]),
        "partners": [str(path) for path in files[1:]],
        "budget": budget,
        "unseen": unseen,
        "tagger": None if tagger is None else str(tagger),
        "seed": seed,
        **settings,
    }
    place = open_workplace(
        folders, files=files, config=None if config is None else Path(config), device=device
    )
    try:
        checked = place.studies.settings(values)
        cut_off = None if fresh else unfinished(folders.studies, checked)
        snapshot = place.studies.resume(cut_off) if cut_off else place.studies.start(values)
        while snapshot.state.active:
            if progress is not None:
                progress(snapshot)
            snapshot = place.studies.wait(snapshot.version, WAIT_S)
        place.studies.join()
        snapshot = place.studies.snapshot()
        if progress is not None:
            progress(snapshot)
    finally:
        place.studies.close()
    if snapshot.state is StudyState.FAILED:
        raise StudyError(snapshot.error or "The study failed")
    if snapshot.result is None or snapshot.recipe is None:
        raise StudyError(
            "The study has no result yet", found=snapshot.state.value, fix="Call it again to go on"
        )
    return Mix(snapshot.study, Recipe.from_json(snapshot.recipe), snapshot.result, snapshot, folders)
