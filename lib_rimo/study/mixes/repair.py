"""Contact fusion of a study's mixes: shapes that a mix has lost, taken back from a well-shaped checkpoint."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from lib_rimo.errors import ArchitectureError, RecipeError, SettingsError
from lib_rimo.hosts.host import DrawingProgram
from lib_rimo.merging.contact.contact_spec import HIGHEST_RANK, UPSTREAM_RANK, VECTORS
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.derived import mix_source
from lib_rimo.merging.saving.options import SaveOptions
from lib_rimo.merging.saving.save import save_merged
from lib_rimo.study.mixes.contact_fusion import Fusion
from lib_rimo.study.mixes.preview import Previewer, PreviewRequest
from lib_rimo.study.record.record import StudyRecord
from lib_rimo.study.settings.numbers import whole


@dataclass(frozen=True, slots=True)
class Repair:
    """How to repair a mix.

    Attributes:
        donor: Name or path of the well-shaped checkpoint.
        rank: Of the difference that is taken over, in every group but the VAE.
        vectors: Whose one-dimensional tensors, one of ``VECTORS``.
    """

    donor: str
    rank: int = UPSTREAM_RANK
    vectors: str = VECTORS[0]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Repair:
        """Reads a request.

        Raises:
            SettingsError: A value is missing or out of range; it carries the field.
        """
        if not (donor := str(values.get("donor") or "").strip()):
            raise SettingsError("donor", "No well-shaped checkpoint is chosen", fix="Choose one")
        vectors = str(values.get("vectors") or VECTORS[0])
        if vectors not in VECTORS:
            raise SettingsError(
                "vectors", "Unknown choice for biases and norms", found=vectors, wanted=", ".join(VECTORS)
            )
        return cls(donor, whole("rank", values.get("rank"), 0, HIGHEST_RANK, empty=UPSTREAM_RANK), vectors)


class Repairer:
    """Makes, draws and saves repaired mixes; what is known of the latest pair serves the next rank.

    Args:
        host: Whose folder holds checkpoints.
        previewer: Draws.
        find: Name of a checkpoint to its path.
    """

    def __init__(self, host: DrawingProgram, previewer: Previewer, find: Callable[[str, str], Path]) -> None:
        self._host = host
        self._previewer = previewer
        self._find = find
        self._lock = threading.Lock()
        self._key: tuple[str, str, str] | None = None
        self._fusion: Fusion | None = None

    def draw(
        self,
        record: StudyRecord,
        mix: Recipe,
        repair: Repair,
        request: PreviewRequest,
        check: Callable[[], None] = lambda: None,
    ) -> tuple[list[Image.Image], float]:
        """Draws a request with a repaired mix.

        Args:
            record: The study.
            mix: One of its recipes.
            repair: How to repair it.
            request: What to draw.
            check: Called once the host is held; raises if it must not be used.

        Returns:
            The pictures, and the share of the difference that was taken over.

        Raises:
            SettingsError: The donor is not there or of another family.
            RimoError: A file is missing, or the host could not swap or draw.
        """
        with self._of(record, mix, repair) as fusion:
            recipe = fusion.recipe(fusion.ranks([str(repair.rank)]), repair.vectors)
            share = fusion.captured(
                recipe
            )  # decomposes here, so that nobody waits for it in the host's queue
            images = self._previewer.draw(record, recipe, request, sources=fusion.sources, check=check)
            return images, share

    def save(
        self, record: StudyRecord, mix: Recipe, repair: Repair, name: str, form: SaveOptions | None
    ) -> tuple[Path, Recipe]:
        """Writes a repaired mix as a checkpoint; returns the file and its recipe.

        Raises:
            SettingsError: The donor is not there or of another family.
            SaveError: The name or the folder does not allow it; nothing was written.
        """
        with self._of(record, mix, repair) as fusion:
            recipe = fusion.recipe(fusion.ranks([str(repair.rank)]), repair.vectors)
            folder = self._host.save_folder()
            allowed = record.settings.mix_predictions
            path = save_merged(
                recipe, fusion.sources, fusion.partition, folder, name, form=form, mix_predictions=allowed
            )
            return path, recipe

    def close(self) -> None:
        """Lets the files of the latest pair go."""
        with self._lock:
            self._forget()

    @contextmanager
    def _of(self, record: StudyRecord, mix: Recipe, repair: Repair) -> Iterator[Fusion]:
        donor = self._find("donor", repair.donor)
        with self._lock:
            key = (mix.digest(), str(donor), str(record.settings.search.partition))
            if self._fusion is None or key != self._key:
                self._forget()
                self._fusion, self._key = fusion_of(self._host, record, mix, donor), key
            try:
                yield self._fusion
            except (ArchitectureError, RecipeError) as error:
                raise at_donor(error) from error

    def _forget(self) -> None:
        if self._fusion is not None:
            self._fusion.sources.close()
        self._fusion = self._key = None


def fusion_of(
    host: DrawingProgram, record: StudyRecord, mix: Recipe, donor: Path, vectors: str = VECTORS[0]
) -> Fusion:
    """A study's mix and its donor, opened. Whoever asks for it closes its ``sources``.

    Raises:
        SettingsError: The donor is of another family.
        CheckpointError: A file is missing.
    """
    partition = load_partition(record.settings.search.partition)
    sources = Sources(folders=[host.save_folder()])
    try:
        other = sources.source_of(donor)
        name = f"mix of {record.opened.study}"
        kept = mix_source(mix, sources, partition, name) if mix.used_partners() else mix.base
        allowed = record.settings.mix_predictions
        return Fusion(
            sources, partition, kept, other, vectors=vectors, base=mix.base, mix_predictions=allowed
        )
    except BaseException as error:
        sources.close()
        if isinstance(error, ArchitectureError | RecipeError):
            raise at_donor(error) from error
        raise


def at_donor(error: ArchitectureError | RecipeError) -> SettingsError:
    """What is wrong with a pair, as the donor's fault."""
    return SettingsError("donor", error.what, found=error.found, wanted=error.wanted, fix=error.fix)
