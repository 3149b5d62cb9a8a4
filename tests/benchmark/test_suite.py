"""Upstream's benchmark with a painter in the place of diffusion: what is drawn, kept, counted and written."""

import csv
import io
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib_rimo.benchmark.prompts import Prompt, PromptSettings
from lib_rimo.benchmark.suite import UPSTREAM_MANY, Suite, SuiteSettings
from lib_rimo.benchmark.suite_cache import Cache
from lib_rimo.benchmark.suite_pages import CSV_COLUMNS, comma_separated, markdown, page
from lib_rimo.benchmark.suite_run import Candidate, Results, run_suite
from lib_rimo.benchmark.suite_tables import points, tables
from lib_rimo.benchmark.tags import Catalogue, Tag
from lib_rimo.errors import JournalError, SettingsError

N_TAGS = 24
CATALOGUE = Catalogue(tuple(Tag(f"tag {i}", f"family{i % 2}/part{i % 4}") for i in range(N_TAGS)))
LOOK = PromptSettings(widths=(64,), heights=(64,), steps=(8,), prefix="")


class Painter:
    """Draws some of the asked tags as bright pixels; better ones draw more. Reads its own pictures."""

    name = "painter"
    tags = CATALOGUE.names
    threshold = 0.5

    def __init__(self, skill: float = 0.5) -> None:
        self.skill = skill
        self.drawn = 0
        self.fail_after = 10**9

    def __call__(self, prompts: Sequence[Prompt]) -> list[Image.Image]:
        assert len({(p.width, p.height) for p in prompts}) == 1
        return [self._paint(prompt) for prompt in prompts]

    def _paint(self, prompt: Prompt) -> Image.Image:
        if self.drawn >= self.fail_after:
            raise KeyboardInterrupt
        self.drawn += 1
        chance = random.Random(prompt.seed)
        pixels = np.zeros((8, 8, 3), dtype=np.uint8)
        for column, tag in enumerate(self.tags):
            luck = chance.random()
            if tag in prompt.tags and luck < self.skill:
                pixels[column // 8, column % 8] = 200 + column
        return Image.fromarray(pixels)

    def probabilities(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Bright pixels are tags."""
        rows = [np.asarray(image)[..., 0].reshape(-1)[:N_TAGS] > 100 for image in images]
        return np.array(rows, dtype=np.float32) * 0.9 + 0.05

    @contextmanager
    def opened(self) -> Iterator["Painter"]:
        """As a host would."""
        yield self


SMALL = SuiteSettings(LOOK, per_tag=8, many=((2, 6), (8, 5), (64, 2)), per_prompt=4, mixed=10)


def contest(*skills: float) -> tuple[list[Painter], list[Candidate]]:
    """Painters of these skills."""
    painters = [Painter(skill) for skill in skills]
    made = [Candidate(f"skill {p.skill}", f"{i:02}" + 62 * "f", p.opened) for i, p in enumerate(painters)]
    return painters, made


def measured(folder: Path, candidates: list[Candidate], settings: SuiteSettings = SMALL) -> Results:
    """A run of the suite."""
    return run_suite(
        candidates, Suite(settings, CATALOGUE), Painter(), folder, batch=6, key={"host": "painter"}
    )


def files_of(results: Results, settings: SuiteSettings = SMALL) -> tuple[str, str, str]:
    """Everything that is published."""
    suite = Suite(settings, CATALOGUE)
    found = tables(results, suite)
    return markdown(found, ["n"]), comma_separated(found), page(found, points(results, suite), ["n"], "t")


def test_upstreams_numbers_are_the_defaults():
    """1,500 tags of 16 pictures and 560 prompts of 8: the sizes of upstream's benchmark."""
    catalogue = Catalogue(tuple(Tag(f"t{i}", "c") for i in range(1500)))
    suite = Suite(SuiteSettings(LOOK), catalogue)
    assert [part.name for part in suite.parts] == ["single", *(str(tags) for tags, _ in UPSTREAM_MANY)]
    assert suite.images == 1500 * 16 + 560 * 8
    assert {len(prompt.tags) for prompt in suite.parts[3].prompts} == {8}
    assert {tag for prompt in suite.parts[0].prompts for tag in prompt.tags} == set(catalogue.names)


def test_each_picture_has_a_noise_of_its_own():
    """Pictures of one prompt differ in nothing but the seed, and no two share one."""
    part = Suite(SMALL, CATALOGUE).parts[1]
    pictures = part.pictures(0, len(part.prompts))
    assert len(pictures) == part.images
    assert len({picture.seed for picture in pictures}) == part.images
    assert [p.id for p in pictures[: part.per_prompt]] == [part.prompts[0].id] * part.per_prompt


def test_a_better_checkpoint_has_better_tables(tmp_path):
    """Every row orders the painters by their skill; the best is marked in all three files."""
    _, candidates = contest(0.2, 0.5, 0.9)
    results = measured(tmp_path, candidates)
    found = tables(results, Suite(SMALL, CATALOGUE))
    assert [t.title for t in found] == [
        "Random prompts", "Single tags by category", "Many tags", "Diversity",
    ]  # fmt: skip
    for table in found[:3]:
        assert table.rows[0].ranks() == (3, 2, 1)
        for row in table.rows:
            assert all(cell.low <= cell.mean <= cell.high for cell in row.cells)
    assert [row.label for row in found[1].rows] == [
        "all", "family0", "family0/part0", "family1", "family1/part1", "family0/part2", "family1/part3",
    ]  # fmt: skip
    assert found[1].rows[0].cells[2].mean == pytest.approx(0.9, abs=0.06)
    text, _, html = files_of(results)
    row = next(line for line in text.splitlines() if line.startswith("| 8 tags"))
    assert row.count("**") == 2
    assert html.count("<circle") == 3


def test_the_three_best_of_many_are_marked(tmp_path):
    """With more than three checkpoints three are bold, as upstream publishes them."""
    _, candidates = contest(0.1, 0.3, 0.5, 0.7, 0.9)
    text, table, _ = files_of(measured(tmp_path, candidates))
    row = next(line for line in text.splitlines() if line.startswith("| all"))
    assert row.count("**") == 6
    rows = list(csv.DictReader(io.StringIO(table)))
    assert tuple(rows[0]) == CSV_COLUMNS
    places = [r["place"] for r in rows if r["row"] == "all" and r["table"].startswith("Single")]
    assert places == ["5", "4", "3", "2", "1"]


def test_twice_is_the_same_and_draws_nothing(tmp_path):
    """The second run reads the kept results, also under another name; all files are equal to the byte."""
    painters, candidates = contest(0.4, 0.6)
    first = files_of(measured(tmp_path, candidates))
    drawn = [painter.drawn for painter in painters]
    assert drawn == [Suite(SMALL, CATALOGUE).images] * 2
    assert files_of(measured(tmp_path, candidates)) == first
    renamed = [Candidate(f"other {c.name}", c.fingerprint, c.open) for c in candidates]
    measured(tmp_path, renamed)
    assert [painter.drawn for painter in painters] == drawn
    again = contest(0.4, 0.6)[1]
    assert files_of(measured(tmp_path / "anew", again)) == first


@pytest.mark.parametrize("after", [0, 1, 37, 150, 240])
def test_interrupted_and_resumed_is_the_same(tmp_path, after):
    """Ctrl-C at any picture, a torn last line: the same figures, and hardly anything is drawn twice."""
    whole = files_of(measured(tmp_path / "whole", contest(0.4, 0.6)[1]))
    painters, candidates = contest(0.4, 0.6)
    painters[0].fail_after = after
    folder = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        measured(folder, candidates)
    painters[0].fail_after = 10**9
    for path in folder.glob("*.jsonl"):
        with path.open("ab") as file:
            file.write(b'{"part": "single", "uni')
    assert files_of(measured(folder, candidates)) == whole
    assert painters[0].drawn <= Suite(SMALL, CATALOGUE).images + 8


def test_whatever_decides_about_figures_has_results_of_its_own(tmp_path):
    """Another seed, catalogue, threshold or checkpoint never meets the results of this one."""
    painters, candidates = contest(0.5)
    measured(tmp_path, candidates)
    before = painters[0].drawn
    other = SuiteSettings(LOOK, per_tag=8, many=((2, 6),), per_prompt=4, mixed=10, seed=1)
    measured(tmp_path, candidates, other)
    assert painters[0].drawn > before
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


def test_damaged_results_are_refused(tmp_path):
    """A line in the middle that cannot be read, or another checkpoint's results, are named."""
    _, candidates = contest(0.5)
    measured(tmp_path, candidates)
    (path,) = tmp_path.glob("*.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{", *lines[2:]]) + "\n")
    with pytest.raises(JournalError, match="damaged"):
        measured(tmp_path, candidates)
    head = json.loads(lines[0])
    path.write_text(json.dumps({**head, "fingerprint": "another"}) + "\n")
    with pytest.raises(JournalError, match="something else"):
        Cache(tmp_path, head["fingerprint"], head["key"])


def test_a_tag_that_nobody_draws_does_not_count(tmp_path):
    """Upstream's rule: some checkpoint must have hit it twice."""
    painters, candidates = contest(0.9)
    painters[0].tags = tuple("nothing" if i == 0 else t for i, t in enumerate(Painter.tags))
    results = measured(tmp_path, candidates)
    single = tables(results, Suite(SMALL, CATALOGUE))[1]
    assert single.rows[0].cells[0].images == (N_TAGS - 1) * SMALL.per_tag


def test_impossible_settings_name_their_field():
    """What cannot be measured is refused before anything is drawn."""
    for wrong, field in (
        ({"per_tag": -1}, "per_tag"),
        ({"per_prompt": 0}, "per_prompt"),
        ({"many": ((0, 5),)}, "many"),
        ({"per_tag": 0, "many": ()}, "per_tag"),
    ):
        with pytest.raises(SettingsError) as caught:
            SuiteSettings(LOOK, **wrong)
        assert caught.value.field == field
    with pytest.raises(SettingsError):
        Suite(SuiteSettings(LOOK, per_tag=0, many=((99, 5),)), CATALOGUE)
    assert Suite(SMALL, CATALOGUE).left_out == ("64 tags",)
