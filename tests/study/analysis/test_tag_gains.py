"""Tag by tag: counts, order and caution; and results that come back from the journal as they were."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from lib_rimo.benchmark.catalogue import Catalogue, Tag
from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.score import ImageScore
from lib_rimo.study.analysis.final_result import result_of
from lib_rimo.study.analysis.tag_gains import tag_gains
from lib_rimo.study.record.results import result_from_json, result_to_json

TAGS = ("red", "green", "round", "square")
CATALOGUE = Catalogue(tuple(Tag(tag, "colour" if tag in TAGS[:2] else "shape") for tag in TAGS))


def prompt(number: int, tags: tuple[str, ...]) -> Prompt:
    return Prompt(number, tags, ", ".join(tags), "", number, 64, 64, 4, 2.0)


def score(number: int, hits: tuple[bool, ...]) -> ImageScore:
    return ImageScore(number, hits, tuple(float(hit) for hit in hits))


@st.composite
def measured(draw: st.DrawFn) -> tuple[list[Prompt], list[list[ImageScore]]]:
    """Prompts of one to four tags, and scores of four models on them."""
    count = draw(st.integers(2, 30))
    prompts = [
        prompt(i, tuple(draw(st.lists(st.sampled_from(TAGS), min_size=1, max_size=4, unique=True))))
        for i in range(count)
    ]
    arms = [
        [score(p.id, tuple(draw(st.booleans()) for _ in p.tags)) for p in prompts]
        for _ in ("m", "b", "p", "u")
    ]
    return prompts, arms


@settings(deadline=None, max_examples=50)
@given(measured())
def test_rows_count_every_prompted_tag_and_go_from_gain_to_loss(
    drawn: tuple[list[Prompt], list[list[ImageScore]]],
) -> None:
    """Each asked tag has one row with its own counts; sure ones are sure at 95 % too; sure gains come first."""
    prompts, (merged, base, _, _) = drawn
    rows = tag_gains(prompts, merged, base, CATALOGUE)
    asked = [tag for p in prompts for tag in p.tags]
    assert {row.tag: row.gain.tags for row in rows} == {tag: asked.count(tag) for tag in asked}
    for row in rows:
        assert abs(row.gain.mean - (row.merged - row.base)) < 1e-12
        assert row.gain.low <= row.gain.mean <= row.gain.high
        assert not row.sure or row.gain.low > 0 or row.gain.high < 0
    sides = [(row.gain.low > 0) - (row.gain.high < 0) for row in rows]
    assert sides == sorted(sides, reverse=True)


def test_looking_at_many_tags_asks_for_more() -> None:
    """The same gain of one tag is sure when it is the only one looked at, and not when it is one of many."""
    many = [f"tag {i}" for i in range(200)]
    catalogue = Catalogue.of([*TAGS, *many])
    alone = [prompt(i, ("red",)) for i in range(12)]
    among = alone + [prompt(100 + i, (tag,)) for i, tag in enumerate(many)]

    def sure(prompts: list[Prompt]) -> bool:
        now = [score(p.id, (p.id not in (0, 1, 2),)) for p in prompts]
        was = [score(p.id, (p.id >= 100 or p.id in (3, 4),)) for p in prompts]
        (row,) = [r for r in tag_gains(prompts, now, was, catalogue) if r.tag == "red"]
        assert row.gain.low > 0
        return row.sure

    assert sure(alone)
    assert not sure(among)


@settings(deadline=None, max_examples=50)
@given(measured())
def test_a_result_comes_back_from_the_journal_as_it_was(
    drawn: tuple[list[Prompt], list[list[ImageScore]]],
) -> None:
    """Written as JSON and read again, a result is equal, and its JSON holds no number that JSON does not know."""
    prompts, (merged, base, partner, uniform) = drawn
    arms = {"base": base, "p": partner, "uniform": uniform, "merged": merged}
    result = result_of(prompts, arms, ["p"], "b", CATALOGUE)
    text = json.dumps(result_to_json(result), allow_nan=False)
    assert result_from_json(json.loads(text)) == result
