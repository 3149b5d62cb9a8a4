"""Finding and holding open the checkpoints that recipes name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from lib_rimo.errors import CheckpointError
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint, open_checkpoint
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.said import say


class Sources:
    """Open checkpoints by the sources that name them. Files stay open, so a study survives their deletion on POSIX.

    Args:
        folders: Where to look for a file that is not where it was last seen, subfolders included.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = tuple(Path(folder) for folder in folders)
        self._open: dict[str, Checkpoint] = {}

    def source_of(self, path: Path) -> Source:
        """Opens a file and names it.

        Raises:
            CheckpointError: The file is missing, damaged or of another kind.
        """
        checkpoint = open_checkpoint(Path(path))
        kept = self._keep(checkpoint)
        return Source(checkpoint.name, kept.fingerprint, Path(path))

    def add(self, checkpoint: Checkpoint) -> Source:
        """Takes over a checkpoint that is open already, or one that is computed and has no file.

        Returns:
            The source by which recipes name it.
        """
        kept = self._keep(checkpoint)
        return Source(checkpoint.name, kept.fingerprint)

    def open(self, source: Source) -> Checkpoint:
        """The checkpoint of a source: already open, where it was last seen, or in the folders.

        Raises:
            CheckpointError: It is nowhere, or what has its name has other contents.
        """
        found = self._open.get(source.fingerprint)
        if found is not None:
            return found
        looked: list[str] = []
        other = False
        for path in self._candidates(source):
            if str(path) in looked or not path.is_file():
                continue
            looked.append(str(path))
            checkpoint = open_checkpoint(path)
            if checkpoint.fingerprint == source.fingerprint:
                return self._keep(checkpoint)
            checkpoint.close()
            other = True
        places = [str(source.path)] if source.path is not None else []
        raise CheckpointError(
            say("The checkpoint {1} is missing", source.name),
            found=say("a file of this name with other contents") if other else say("no such file"),
            wanted=f"the file with fingerprint {source.fingerprint[:12]} in "
            + (", ".join([*places, *map(str, self._folders)]) or "a folder that was named"),
            fix="Put the file back, or name the folder where it lies",
        )

    def path_of(self, fingerprint: str) -> Path | None:
        """Where an open checkpoint's file was; None for one that is not open or has no file."""
        checkpoint = self._open.get(fingerprint)
        return None if checkpoint is None or checkpoint.is_computed else checkpoint.path

    def open_all(self, recipe: Recipe) -> tuple[Checkpoint, ...]:
        """Base and used partners of a recipe, in its order; partners of weight zero are not looked for."""
        return tuple(self.open(source) for source in (recipe.base, *recipe.used_partners()))

    def close(self) -> None:
        """Lets all files go."""
        for checkpoint in self._open.values():
            checkpoint.close()
        self._open.clear()

    def __enter__(self) -> Sources:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep(self, checkpoint: Checkpoint) -> Checkpoint:
        kept = self._open.setdefault(checkpoint.fingerprint, checkpoint)
        if kept is not checkpoint:
            checkpoint.close()
        return kept

    def _candidates(self, source: Source) -> Iterator[Path]:
        if source.path is not None:
            yield source.path
        for folder in self._folders:
            yield folder / source.name
        for folder in self._folders:
            # rglob would read special characters of the name as a pattern
            yield from sorted(path for path in folder.rglob("*") if path.name == source.name)


def source_of(path: Path) -> Source:
    """Names a checkpoint file: opens it, takes its fingerprint, closes it.

    Raises:
        CheckpointError: The file is missing, damaged or of another kind.
    """
    with open_checkpoint(Path(path)) as checkpoint:
        return Source(checkpoint.name, checkpoint.fingerprint, Path(path))
