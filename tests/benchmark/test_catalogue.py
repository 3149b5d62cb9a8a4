from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_rimo.benchmark import Catalogue, Tag, default_catalogue, load_catalogue
from lib_rimo.benchmark.catalogue import choose_catalogue
from lib_rimo.errors import CatalogueError
from tests.benchmark.strategies import law, names


def test_default_is_large_sorted_and_without_parentheses():
    """The shipped catalogue has some 400 tags in some 40 categories of several tags, none with prompt syntax."""
    catalogue = default_catalogue()
    assert 400 <= len(catalogue) <= 500
    families = {category.partition("/")[0] for category in catalogue.categories}
    assert families == {"character", "clothing", "composition", "scenery", "nature", "artistic", "objects"}
    for category in catalogue.categories:
        assert sum(tag.category == category for tag in catalogue) >= 4
    assert not any(set(name) & set("()[]{},:;|<>\\ ") - {":"} for name in catalogue.names)


@law
@given(st.lists(names, min_size=1, max_size=6, unique_by=lambda n: n.replace(" ", "_")), st.data())
def test_csv_round_trip(tmp_path_factory, tags, data):
    """Whatever stands in a CSV file, quoted where needed, comes back in order."""
    from lib_rimo.benchmark.tags import tag_key

    tags = list({tag_key(tag): tag for tag in tags}.values())
    categories = data.draw(st.lists(names, min_size=len(tags), max_size=len(tags)))
    path = tmp_path_factory.getbasetemp() / "round_trip.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["count", " Name ", "category"])
        writer.writerows(zip("7" * len(tags), tags, categories, strict=True))
    assert load_catalogue(path).tags == tuple(Tag(n, c) for n, c in zip(tags, categories, strict=True))


ROWS = [
    ("name", "Category", "count"),
    ("long_hair", "hair", "1"),
    (";D", "face, mouth", "2"),
    ("a|b", "x", "3"),
]


def spreadsheet(separator: str, before: str = "", end: str = "\r\n") -> str:
    """What a spreadsheet program writes."""
    text = io.StringIO(newline="")
    text.write(before and before + end)
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(ROWS)
    return text.getvalue()


FORMS = {
    "commas": spreadsheet(","),
    "semicolons": spreadsheet(";"),
    "tabs": spreadsheet("\t"),
    "bars": spreadsheet("|"),
    "sep=,": spreadsheet(",", "sep=,"),
    "sep=;": spreadsheet(";", "sep=;", "\n"),
    "SEP=tab": spreadsheet("\t", "SEP=\t"),
    "sep= with what follows a saved line": spreadsheet(",", "sep=;").replace("sep=;", '"sep=,",,'),
    "every cell in quotes": spreadsheet(";").replace("name;Category", '"name";"Category"'),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("form", FORMS)
def test_what_spreadsheet_programs_write_is_read(tmp_path, form, encoding):
    """Semicolons where the comma is the decimal sign, tabs, Excel's line before the header, and its encodings."""
    path = tmp_path / "tags.csv"
    path.write_bytes(FORMS[form].encode(encoding))
    assert load_catalogue(path).tags == tuple(Tag(name, category) for name, category, _ in ROWS[1:])


def test_yaml_equals_csv(tmp_path):
    """A YAML mapping gives the same catalogue as CSV, and a tag named no stays a tag."""
    (tmp_path / "a.yaml").write_text("colour: [red, blue]\nanswer:\n  - no\n  - 3\n", "utf-8")
    (tmp_path / "a.csv").write_text(
        "name,category\nred,colour\nblue,colour\nno,answer\n3,answer\n", "utf-8-sig"
    )
    assert load_catalogue(tmp_path / "a.yaml") == load_catalogue(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"name,category\n", "empty"),
        ("a.csv", b"name,count\nred,3\n", "lacks a column.*category"),
        ("a.csv", b"name,category\nred,colour\nred,object\n", "twice.*'red'"),
        ("a.csv", b"name,category\nlong hair,x\nlong_hair,y\n", "twice"),
        ("a.csv", b"name,category\nred,blue,colour\n", "line 2"),
        ("a.csv", b"name,category\nred\n", "line 2"),
        ("a.csv", b"name,category\n,colour\n", "no name"),
        ("a.csv", b'name,category\n"red,colour\n', "not valid CSV"),
        ("a.csv", "name,category\nrød,farve\n".encode("latin-1"), "UTF-8"),
        ("a.csv", "name,category\nred,colour\n".encode("utf-16")[:-1], "UTF-8"),
        ("a.csv", b"name;category\nred;blue;colour\n", "3 cells in line 2.*separator"),
        ("a.csv", b"sep=;\r\nname;category\r\nred\r\n", "1 cells in line 3"),
        ("a.csv", b"name category\nred colour\n", "name and category in the first line, with a comma"),
        ("a.csv", b"name,category\nr\xed\xa0\xbd,colour\n", "cannot be printed"),
        ("a.csv", b"name,category\nre\x00d,colour\n", "cannot be printed|not valid CSV"),
        ("a.yaml", b"", "empty"),
        ("a.yaml", b"- red\n- blue\n", "another form"),
        ("a.yaml", b"colour: red\n", "another form.*line 1"),
        ("a.yaml", b"colour: [{a: b}]\n", "another form"),
        ("a.yaml", b"colour: [red\n", "not valid YAML"),
        ("a.yaml", b"colour: [red]\ncolour: [red]\n", "twice"),
        ("a.yaml", b"colour: []\n", "empty"),
    ],
)
def test_bad_files_are_told_apart(tmp_path, name, content, words):
    """Every kind of bad catalogue is refused with a text that says what is wrong."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match=words):
        load_catalogue(path)


def test_missing_file_and_folder(tmp_path):
    """A path to nothing, or to a folder, is a catalogue error that names the path."""
    with pytest.raises(CatalogueError, match=r"missing.*no\.csv"):
        load_catalogue(tmp_path / "no.csv")
    with pytest.raises(CatalogueError, match="cannot be read"):
        load_catalogue(tmp_path)


def test_unknown_tags_come_with_the_closest_spelling():
    """A tag that the tagger does not know is named together with what was probably meant."""
    catalogue = Catalogue.of(["long hair", "bleu_eyes"])
    with pytest.raises(CatalogueError, match=r"1 of the catalogue's 2 tags.*'bleu_eyes' \(close: blue_eyes"):
        catalogue.check(["long_hair", "blue_eyes", "smile"])
    many = Catalogue.of([f"nothing {i}" for i in range(50)])
    with pytest.raises(CatalogueError, match="and 42 more"):
        many.check(["smile"])


def test_spaces_and_underscores_are_one_spelling():
    """A catalogue with spaces fits a tagger with underscores, and the other way round."""
    catalogue = Catalogue.of(["long hair", "blue_eyes", ":D"], "all")
    assert catalogue.check(["long_hair", "blue eyes", ":D"]) is catalogue
    assert catalogue.category_of("long_hair") == catalogue.category_of("long hair") == "all"
    assert "blue eyes" in catalogue
    assert ":d" not in catalogue
    with pytest.raises(CatalogueError, match="does not know"):
        catalogue.category_of("smile")


def test_known_to_keeps_what_the_tagger_sees():
    """A catalogue can be cut down to a tagger's tags, but not to nothing."""
    catalogue = Catalogue.of(["red", "blue"])
    assert catalogue.known_to(["blue", "green"]).names == ("blue",)
    with pytest.raises(CatalogueError, match="none of the catalogue's tags"):
        catalogue.known_to(["green"])


def test_empty_catalogue_cannot_exist():
    """There is no way to a catalogue without tags."""
    with pytest.raises(CatalogueError, match="empty"):
        Catalogue(())


def test_import_is_light():
    """Importing the room loads neither onnxruntime nor pandas nor the hub's client."""
    code = (
        "import sys, lib_rimo.benchmark\n"
        "heavy = {'onnxruntime', 'pandas', 'huggingface_hub', 'yaml', 'torch', 'scipy'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class _Knows:
    """A tagger as far as a catalogue looks at it."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        self.tags = tags


def test_a_tagger_of_the_shipped_vocabulary_is_asked_the_shipped_tags() -> None:
    """Of a tagger that knows most shipped tags only those are used, whatever else it knows."""
    names = default_catalogue().names
    chosen = choose_catalogue(None, _Knows((*names[10:], "something_else")))
    assert chosen.names == names[10:]


def test_a_foreign_tagger_is_asked_its_own_tags() -> None:
    """A tagger that knows few or none of the shipped tags brings its own."""
    tags = ("zigzag", "wobble", default_catalogue().names[0])
    assert set(choose_catalogue(None, _Knows(tags)).names) == set(tags)


def test_a_file_of_tags_goes_before_both(tmp_path: Path) -> None:
    """A catalogue that the user names is used, and checked against the tagger."""
    path = tmp_path / "tags.csv"
    path.write_text("name,category\nzigzag,line\n", encoding="utf-8")
    assert choose_catalogue(path, _Knows(("zigzag", "wobble"))).names == ("zigzag",)
    with pytest.raises(CatalogueError, match="zigzag"):
        choose_catalogue(path, _Knows(("wobble",)))
