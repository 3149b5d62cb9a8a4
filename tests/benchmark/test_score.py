from __future__ import annotations

import json

import pytest
from hypothesis import given
from PIL import Image

from lib_rimo.benchmark import (
    ImageScore,
    PromptSettings,
    catalogue_of_tagger,
    draw_prompts,
    open_tagger,
    score_images,
)
from lib_rimo.benchmark.catalogue import Catalogue
from lib_rimo.errors import CatalogueError, JournalError
from tests.benchmark.onnx_folders import write_ml_danbooru, write_wd14
from tests.benchmark.strategies import law, scores

COLOURS = {"reddish": (255, 0, 0), "green light": (0, 255, 0), "blue sky": (0, 0, 255)}


def paint(prompt):
    """A picture that shows all but the first of a prompt's tags."""
    shown = [COLOURS[tag.replace("_", " ")] for tag in prompt.tags[1:]]
    return Image.new("RGB", (8, 8), tuple(map(max, *shown, (0, 0, 0), (0, 0, 0))))


@pytest.mark.parametrize("write", [write_wd14, write_ml_danbooru])
def test_pictures_are_scored_on_their_own_tags(tmp_path, write):
    """Each picture is scored on its prompt's tags in their order, whichever spelling catalogue and tagger use."""
    tagger = open_tagger(write(tmp_path / "t"), threads=1)
    catalogue = Catalogue.of(COLOURS).check(tagger.tags)
    prompts = draw_prompts(catalogue, PromptSettings(tags_min=1, tags_max=3, prefix=""), 12, 5)
    got = score_images(prompts, [paint(prompt) for prompt in prompts], tagger)
    assert [score.prompt_id for score in got] == list(range(12))
    for prompt, score in zip(prompts, got, strict=True):
        assert score.hits == (False, *[True] * (len(prompt.tags) - 1))
        assert score.accuracy == (len(prompt.tags) - 1) / len(prompt.tags)
        assert score.soft == sum(score.probabilities) / len(prompt.tags)
        assert all((p > 0.9) == hit for p, hit in zip(score.probabilities, score.hits, strict=True))


def test_a_prompt_with_an_unknown_tag(tmp_path):
    """A tag that the tagger cannot see is an error before any picture is read, not a miss."""
    tagger = open_tagger(write_wd14(tmp_path / "t"))
    prompts = draw_prompts(Catalogue.of(["reddisch"]), PromptSettings(tags_min=1, tags_max=1), 1, 0)
    with pytest.raises(CatalogueError, match=r"'reddisch' \(close: reddish"):
        score_images(prompts, [Image.new("RGB", (8, 8))], tagger)


def test_counts_must_agree(tmp_path):
    """As many pictures as prompts, or a ValueError; none of both is no work."""
    tagger = open_tagger(write_wd14(tmp_path / "t"))
    prompts = draw_prompts(catalogue_of_tagger(tagger), PromptSettings(tags_min=1, tags_max=1), 2, 0)
    with pytest.raises(ValueError, match="2 prompts and 1 images"):
        score_images(prompts, [Image.new("RGB", (8, 8))], tagger)
    assert score_images([], [], tagger) == []


@law
@given(scores)
def test_scores_survive_the_journal(score):
    """A score that went through JSON text is the same score."""
    assert ImageScore.from_json(json.loads(json.dumps(score.to_json()))) == score


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"id": 1, "hits": "10"},
        {"id": 1, "hits": "10", "p": [0.5]},
        {"id": 1, "hits": "", "p": []},
        {"id": 1, "hits": "12", "p": [0.5, 0.5]},
        {"id": "x", "hits": "1", "p": [0.5]},
        {"id": 1, "hits": "1", "p": ["high"]},
    ],
)
def test_damaged_scores_are_refused(data):
    """What is no score in a journal is a journal error."""
    with pytest.raises(JournalError, match="score is damaged"):
        ImageScore.from_json(data)
