"""The same checkpoint again, from its recipe and its parents' files, without any search.

Files are found by their content, whatever they are called now. A parent that is itself a mix and whose file is gone is
computed from its own parents, as far up as the tree goes. Before the new file gets its name, the hash of its tensors is
compared with the one that the recipe came with.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lib_rimo.errors import CheckpointError, RecipeError, RimoError, SaveError
from lib_rimo.merging.checkpoints.architecture import sidecar_of
from lib_rimo.merging.checkpoints.checkpoint import Checkpoint, open_checkpoint
from lib_rimo.merging.checkpoints.digest import DATA_HASH_KEY, NO_DATA_HASH, file_sha256
from lib_rimo.merging.checkpoints.folders import checkpoint_files
from lib_rimo.merging.mix.merge import Plan
from lib_rimo.merging.mix.methods import METHODS
from lib_rimo.merging.mix.mixable import check_recipe, lacking_of
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.merging.mix.recipe import Recipe, Source
from lib_rimo.merging.mix.sources import Sources
from lib_rimo.merging.saving.ancestry import RECIPE_KEY, Ancestor, Tree, read_tree
from lib_rimo.merging.saving.derived import MixedCheckpoint
from lib_rimo.merging.saving.names import checkpoint_file
from lib_rimo.merging.saving.save import write_plans

_log = logging.getLogger("rimo")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did.

    Attributes:
        path: The new file.
        data_hash: SHA-256 of its tensors.
        proved: Whether that is the hash that the recipe came with; False if it came with none.
        computed: Names of ancestors whose files were not there and that were computed on the way.
        notes: What stays as in the base, for the user.
        left_out: Partner's name -> tensors that it lacks.
    """

    path: Path
    data_hash: str
    proved: bool
    computed: tuple[str, ...]
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def rebuild(
    texts: Mapping[str, str],
    folders: Sequence[Path],
    target_folder: Path,
    name: str,
    *,
    threads: int | None = None,
) -> Rebuilt:
    """Writes the checkpoint that some metadata describes.

    Args:
        texts: A saved checkpoint's metadata, or just ``{"rimo_recipe": text of a recipe}``. All of it goes into
            the new file, so that the two files are equal to the byte.
        folders: Where to look for the ancestors' files, subfolders included.
        target_folder: An existing folder.
        name: File name, with or without ending.
        threads: Threads to use; None for as many as torch uses.

    Raises:
        RecipeError: The texts are damaged, or another program's.
        CheckpointError: Files are missing or changed; the text names each.
        SaveError: The name or the folder, or the result is not what the recipe came with. Nothing is written.
    """
    own, tree = read_tree(texts)
    if own is None or own.recipe is None:
        raise RecipeError(
            "There is no recipe of this program in the metadata",
            found=_maker(texts),
            wanted=f"a checkpoint with {RECIPE_KEY}",
            fix="Recipes of other programs can be taken over with: rimo import",
        )
    partition = own.partition or load_partition(own.recipe.partition)
    target = checkpoint_file(target_folder, name)
    with Sources() as sources:
        found = _Finder(sources, tree, folders)
        wanted = (own.recipe.base, *own.recipe.used_partners())
        found.require(wanted)
        found.note_caveats(own.recipe)
        # Prediction types may be mixed: it was allowed when it was first saved.
        notes = check_recipe(own.recipe, sources, partition, mix_predictions=True)
        plan = Plan(own.recipe, sources, partition, own.form.dtype)
        plans = [item for item in plan.plans() if own.form.keeps(item.key)]
        hashes: list[str] = []

        def check(data_hash: str) -> None:
            hashes.append(data_hash)
            if own.data_hash and data_hash and data_hash != own.data_hash:
                raise SaveError(
                    "The rebuilt checkpoint is not the one that the recipe came with",
                    found=f"tensors with SHA-256 {data_hash[:12]}",
                    wanted=own.data_hash[:12],
                    fix=found.caveat
                    or "Update Rimo and what was added to it, and make sure that the parents' files are the right ones",
                )

        header = {**texts, DATA_HASH_KEY: NO_DATA_HASH}
        sidecar = None if plan.base.is_computed else sidecar_of(plan.base.path)
        write_plans(plans, plan.lacking, header, target, sidecar=sidecar, check=check, threads=threads)
        proved = bool(own.data_hash)
        return Rebuilt(target, hashes[0], proved, tuple(found.computed), tuple(notes), lacking_of(plan))


def _maker(texts: Mapping[str, str]) -> str:
    known = [key for key in ("sd_merge_recipe", "mecha_recipe", "ss_base_model_version") if key in texts]
    return ", ".join(known) or "none at all"


class _Finder:
    """Opens ancestors by content, or computes them."""

    def __init__(self, sources: Sources, tree: Tree, folders: Sequence[Path]) -> None:
        self.computed: list[str] = []
        self.caveat = ""
        self._sources = sources
        self._tree = tree
        self._here: dict[str, Checkpoint] = {}
        self._library = _by_content(folders, {n.name for n in tree.values()})
        self._seen: dict[str, Path] = {}

    def require(self, wanted: Sequence[Source]) -> None:
        """Makes all of them available in the sources.

        Raises:
            CheckpointError: Some are missing or changed.
        """
        lost = [text for source in wanted for text in self._resolve(source, ())]
        if lost:
            raise CheckpointError(
                "The checkpoint cannot be rebuilt, files are missing or changed",
                found="; ".join(dict.fromkeys(lost)),
                wanted="every file with its content as it was",
                fix="Put them into one of the folders, under any name",
            )

    def _resolve(self, source: Source, above: tuple[str, ...]) -> list[str]:
        """Opens a file or what it is made from; returns what is lacking."""
        fingerprint = source.fingerprint
        if fingerprint in self._here:
            return []
        node = self._tree.get(fingerprint, Ancestor(source.name))
        path = self._find(fingerprint)
        if path is not None:
            if node.sha256 and (sha256 := file_sha256(path)) != node.sha256:
                return [f"{path.name} was changed (SHA-256 {sha256[:12]}, wanted {node.sha256[:12]})"]
            checkpoint = self._sources.open(self._sources.source_of(path))
            self._here[fingerprint] = checkpoint
            return []
        named = [path for print_, path in self._seen.items() if path.name == source.name]
        told = f"{source.name} ({'another file of this name' if named else 'missing'}, " + (
            f"SHA-256 {node.sha256[:12]})" if node.sha256 else f"fingerprint {fingerprint[:12]})"
        )
        if fingerprint in above or not node.parents():
            return [told]
        lost = [text for parent in node.parents() for text in self._resolve(parent, (*above, fingerprint))]
        if lost:
            return [told, *lost]
        checkpoint = self._compute(node, fingerprint)
        self._sources.add(checkpoint)
        self._here[fingerprint] = checkpoint
        self.computed.append(node.name)
        return []

    def _compute(self, node: Ancestor, fingerprint: str) -> Checkpoint:
        if node.spec is not None and node.method is not None and node.method.spec is not None:
            partition = node.partition or load_partition(node.spec.partition)
            self.caveat = node.method.caveat or self.caveat
            return node.method.spec.compute(node.spec, self._sources, partition)
        recipe: Recipe | None = node.recipe
        if recipe is None:
            raise RecipeError("An ancestor has no recipe", found=node.name)
        self.note_caveats(recipe)
        partition = node.partition or load_partition(recipe.partition)
        plan = Plan(recipe, self._sources, partition, node.form.dtype)
        return MixedCheckpoint(plan, node.name, fingerprint, {}, node.form)

    def note_caveats(self, recipe: Recipe) -> None:
        """Remembers why a recipe's result can be another one here."""
        for step in recipe.steps():
            self.caveat = METHODS[step.method].caveat or self.caveat

    def _find(self, fingerprint: str) -> Path | None:
        """The file with this content; looks only as far through the folders as it must."""
        while fingerprint not in self._seen:
            found = next(self._library, None)
            if found is None:
                return None
            self._seen.setdefault(*found)
        return self._seen[fingerprint]


def _by_content(folders: Sequence[Path], names: set[str]) -> Iterator[tuple[str, Path]]:
    """Fingerprint and path of every checkpoint in the folders, those with a likely name first."""
    for path in sorted(checkpoint_files(folders), key=lambda path: (path.name not in names, str(path))):
        try:
            with open_checkpoint(path) as checkpoint:
                yield checkpoint.fingerprint, path
        except RimoError as error:
            _log.info("%s is left out: %s", path, error)
