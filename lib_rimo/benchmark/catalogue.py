"""Where tag catalogues come from: a file, the tagger, or the one that is shipped.

Files are CSV with the columns ``name,category``, or YAML with category -> list of names. Spreadsheet programs write CSV
with semicolons where the comma is the decimal sign, or with tabs, put ``sep=;`` before it, and save in UTF-16; all of
that is read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from lib_rimo.benchmark.tags import Catalogue, Tag, tag_key
from lib_rimo.errors import CatalogueError
from lib_rimo.files import read_text
from lib_rimo.said import say

__all__ = [
    "Catalogue",
    "HasCatalogue",
    "HasTags",
    "Tag",
    "catalogue_of_tagger",
    "choose_catalogue",
    "default_catalogue",
    "load_catalogue",
]

COLUMNS = ("name", "category")
SEPARATORS = (",", ";", "\t", "|")
"""What may stand between the cells of a CSV file; the first where nothing speaks for another."""
_SEPARATOR_LINE = re.compile(r'"?sep=(.|\\t)"?[;,\t]*', re.IGNORECASE)
YAML_SUFFIXES = (".yaml", ".yml")


class HasTags(Protocol):
    """Anything that answers for a list of tags; every tagger does."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags, in the order of the probabilities' columns."""
        ...


@runtime_checkable
class HasCatalogue(Protocol):
    """A tagger that comes with a list of tags fit to be asked for."""

    def own_catalogue(self) -> Catalogue:
        """The tagger's general tags, sorted into categories where its folder says so."""
        ...


def catalogue_of_tagger(tagger: HasTags) -> Catalogue:
    """The catalogue that a tagger brings along.

    For a tagger folder that is its ``catalogue.csv`` if there is one, else its general tags in the one category
    ``general``; for any other tagger all of its tags.

    Raises:
        CatalogueError: The folder's ``catalogue.csv`` is unusable or names tags that the tagger does not know.
    """
    if isinstance(tagger, HasCatalogue):
        return tagger.own_catalogue()
    return Catalogue.of(tagger.tags)


def default_catalogue() -> Catalogue:
    """The catalogue that is used unless the user brings one: general-audience tags of the Danbooru vocabulary.

    Its families are those of the anime tag benchmark by RimoChan: character, clothing, composition, scenery, nature,
    artistic, objects; the category is ``family/part``.
    """
    return load_catalogue(Path(__file__).parent / "data" / "catalogue.csv")


def choose_catalogue(path: Path | None, tagger: HasTags) -> Catalogue:
    """The tags to ask for: those of a file, else the shipped ones, else the tagger's own.

    The shipped catalogue serves taggers of its vocabulary, cut down to what they know: their own lists hold tags
    that are not for everybody. Any other tagger (one that knows less than half of it) brings its own.

    Args:
        path: A catalogue file, or None.
        tagger: Reads the pictures.

    Raises:
        CatalogueError: The file is unusable, or names a tag that the tagger does not know.
    """
    if path is not None:
        return load_catalogue(path).check(tagger.tags)
    shipped, known = default_catalogue(), {tag_key(tag) for tag in tagger.tags}
    if 2 * sum(tag_key(name) in known for name in shipped.names) >= len(shipped):
        return shipped.known_to(tagger.tags)
    return catalogue_of_tagger(tagger)


def load_catalogue(path: Path) -> Catalogue:
    """Reads a catalogue.

    Args:
        path: A file in UTF-8 or UTF-16. ``.yaml`` and ``.yml`` hold a mapping of category to a list of tag names;
            everything else is CSV whose first line names at least the columns ``name`` and ``category``, with commas,
            semicolons or tabs between them.

    Raises:
        CatalogueError: The file is missing, in another encoding, lacks a column, is malformed, empty, or names a tag
            twice.
    """
    path = Path(path)
    text = _read(path)
    rows = _yaml_rows(path, text) if path.suffix.lower() in YAML_SUFFIXES else _csv_rows(path, text)
    tags = tuple(rows)
    if not tags:
        raise CatalogueError(
            say("The tag catalogue {1} is empty", path.name),
            found=say("no tag"),
            wanted="at least one",
            fix="Add tags to it or choose another list",
        )
    return Catalogue(tags)


def _read(path: Path) -> str:
    try:
        return read_text(path)
    except UnicodeDecodeError as error:
        raise CatalogueError(
            say("The tag catalogue {1} is not UTF-8 text", path.name),
            found=say("byte 0x{1} at position {2}", f"{error.object[error.start]:02x}", error.start),
            wanted="a text file in the encoding UTF-8",
            fix="Save it anew as UTF-8",
        ) from error
    except FileNotFoundError as error:
        raise CatalogueError(
            "The tag catalogue is missing", found=path, fix="Check the file's name and folder"
        ) from error
    except OSError as error:
        raise CatalogueError(
            "The tag catalogue cannot be read", found=say("{1}: {2}", path, error.strerror)
        ) from error


def _csv_rows(path: Path, text: str) -> Iterator[Tag]:
    before, separator, text = _separated(text)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        if not any(header):
            return
        if missing := [column for column in COLUMNS if column not in header]:
            raise CatalogueError(
                say("The tag catalogue {1} lacks a column", path.name),
                found=", ".join(header),
                wanted=say("{1} in the first line, with a comma between them", " and ".join(COLUMNS)),
                fix=say("Add {1}", " and ".join(missing)),
            )
        name, category = (header.index(column) for column in COLUMNS)
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                raise CatalogueError(
                    say("A line of {1} does not fit the header", path.name),
                    found=say("{1} cells in line {2}", len(row), before + reader.line_num),
                    wanted=say("{1}: {2}", len(header), ", ".join(header)),
                    fix="A tag or category with a comma must stand in double quotes"
                    if separator == ","
                    else "A tag or category with the separator in it must stand in double quotes",
                )
            yield Tag(row[name].strip(), row[category].strip())
    except csv.Error as error:
        raise CatalogueError(
            say("The tag catalogue {1} is not valid CSV", path.name),
            found=say("line {1}: {2}", before + reader.line_num, error),
        ) from error


def _separated(text: str) -> tuple[int, str, str]:
    """Lines before the header, what stands between cells, and the text from the header on.

    The first line decides: as ``sep=;``, or by what stands between the columns that are wanted there. A tag may hold
    any of these signs, so the other lines say nothing.
    """
    first, _, rest = text.partition("\n")
    if told := _SEPARATOR_LINE.fullmatch(first.rstrip("\r")):
        return 1, told[1].replace("\\t", "\t"), rest

    def columns(separator: str) -> int:
        cells = {cell.strip(' "\r').lower() for cell in first.split(separator)}
        return sum(column in cells for column in COLUMNS)

    return 0, max(SEPARATORS, key=columns), text


def _yaml_rows(path: Path, text: str) -> Iterator[Tag]:
    try:
        import yaml
    except ImportError as error:
        raise CatalogueError(
            "YAML catalogues need PyYAML, which is not installed", found=path.name, fix="Use a CSV file"
        ) from error

    def malformed(what: str) -> CatalogueError:
        return CatalogueError(
            say("The tag catalogue {1} has another form", path.name),
            found=what,
            wanted="a mapping of category to a list of tag names",
        )

    try:
        # Nodes, not values: a tag named "no" or "3" stays text, and a category written twice is not lost.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        found = " ".join(str(error).split())
        raise CatalogueError(
            say("The tag catalogue {1} is not valid YAML", path.name), found=found
        ) from error
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        raise malformed(type(root).__name__)
    for key, names in root.value:
        if not (isinstance(key, yaml.ScalarNode) and isinstance(names, yaml.SequenceNode)):
            raise malformed(f"line {key.start_mark.line + 1}")
        for name in names.value:
            if not isinstance(name, yaml.ScalarNode):
                raise malformed(f"line {name.start_mark.line + 1}")
            yield Tag(name.value.strip(), key.value.strip())
