"""Drawer, taggers and studies put together without a WebUI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lib_rimo.benchmark.taggers import Taggers
from lib_rimo.hosts.diffusers.configuration import read_index
from lib_rimo.hosts.drawers.drawer import Drawer
from lib_rimo.hosts.drawers.registry import DEFAULT, DrawerSettings, open_drawer
from lib_rimo.library.demo import DemoFamily
from lib_rimo.library.folders import Folders
from lib_rimo.study.studies import Studies
from lib_rimo.toy.family import Family, family_of, is_of_family, unpack


@dataclass(frozen=True, slots=True)
class Workplace:
    """Everything a command needs.

    Attributes:
        folders: Where things lie.
        drawer: Draws the pictures.
        studies: Of its folder.
        taggers: Those that can be used.
        family: The tiny family, if it is offered from the start.
    """

    folders: Folders
    drawer: Drawer
    studies: Studies
    taggers: Taggers
    family: Family | None


def open_workplace(
    folders: Folders,
    *,
    files: Sequence[Path] = (),
    config: Path | None = None,
    device: str | None = None,
    drawer: str = DEFAULT,
    chosen: Mapping[str, Any] | None = None,
    demo: bool = False,
) -> Workplace:
    """Puts drawer and studies together.

    Args:
        folders: Where things lie; the one for checkpoints is made if it is missing.
        files: Checkpoints beside those of that folder.
        config: Diffusers configuration of the checkpoints; None for the hub's standard one of their family.
        device: Such as ``cuda`` or ``cpu``; None for the best there is.
        drawer: Name of what draws, one of ``DRAWERS``.
        chosen: Settings that hold where a study is not told others.
        demo: Offer the tiny family from the start. It is unpacked beside the user's own models, never among them, and
            not before somebody asks for it.

    Raises:
        RimoError: The configuration cannot be read, the tiny family not be unpacked, or there is no such drawer.
    """
    if config is not None:
        read_index(config)
    folders.models.mkdir(parents=True, exist_ok=True)
    family = DemoFamily(folders.demo)
    if demo:
        family.offer()
    given = {name: value for name, value in {"config": config, **(chosen or {})}.items() if value}
    settings = DrawerSettings(folders.models, partial(_config_of, config), device, [*files, *family.files()])
    draws = open_drawer(drawer, settings)
    taggers = Taggers(folders.taggers)

    def offered() -> dict[str, Any]:
        found = {**given, **family.defaults()}
        return {name: str(value) if isinstance(value, Path) else value for name, value in found.items()}

    studies = Studies(
        draws,
        folders.studies,
        lambda s: taggers.open(s.tagger, s.threshold, s.character_threshold),
        offered,
        of_base=of_base,
        taggers=taggers,
        results=folders.results,
        demo=family,
    )
    return Workplace(folders, draws, studies, taggers, family.family)


def of_base(base: Path) -> dict[str, Any]:
    """The settings that a base brings along: the tiny family's tagger and tags are for its own files only."""
    if not is_of_family(base):
        return {}
    family = family_of([base])
    return {"tagger": str(family.tagger_dir), "catalogue": str(family.catalogue), "one_per_category": True}


def demo_family(folder: str | Path | None = None) -> Family:
    """The embedded tiny family: real diffusion models that an ordinary processor draws with.

    Args:
        folder: To unpack it into (80 MB); the one of ``rimo mix --demo`` if left out.

    Returns:
        ``base``, three ``specialists``, and what they are drawn and read with.

    Raises:
        RimoError: It cannot be unpacked.

    Example:
        >>> import lib_rimo
        >>> [path.name for path in lib_rimo.demo_family().specialists]
        ['toy-shapes.safetensors', 'toy-layout.safetensors', 'toy-scenery.safetensors']
    """
    return unpack(Folders.of().demo if folder is None else Path(folder).expanduser())


def _config_of(chosen: Path | None, checkpoint: Path) -> Path | None:
    """The configuration that a checkpoint is drawn by; None for the hub's standard one of its family."""
    return family_of([checkpoint]).config_dir if is_of_family(checkpoint) else chosen
