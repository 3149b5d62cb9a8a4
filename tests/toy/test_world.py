"""The drawn world, its words and the shipped tagger."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from lib_rimo.toy import family
from tools.toy_family import scenes, world


def test_scenes_are_deterministic() -> None:
    """The same seed draws the same pixels, tags and masks."""
    one, two = scenes.draw_many(5, 3), scenes.draw_many(5, 3)
    assert np.array_equal(one.images, two.images)
    assert np.array_equal(one.tags, two.tags)
    assert np.array_equal(one.masks, two.masks)
    assert not np.array_equal(one.images, scenes.draw_many(5, 4).images)


def test_catalogue_lists_the_world() -> None:
    """The shipped catalogue holds exactly the tags that the world draws, with their categories."""
    with (family.DATA / "catalogue.csv").open(encoding="utf-8") as file:
        rows = [(row["name"], row["category"]) for row in csv.DictReader(file)]
    assert rows == [(tag, category) for category, tags in world.CATEGORIES.items() for tag in tags]


def test_shipped_tagger_reads_true_scenes() -> None:
    """The shipped tagger finds at least 97 % of the tags of freshly drawn scenes."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(family.DATA / "tagger" / "model.onnx"), options)
    with (family.DATA / "tagger" / "selected_tags.csv").open(encoding="utf-8") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    drawn = scenes.draw_many(300, 4321)
    pixels = drawn.images[..., ::-1].astype(np.float32)
    (seen,) = session.run(None, {session.get_inputs()[0].name: pixels})
    seen = seen[:, [names.index(tag) for tag in world.TAGS]] >= 0.5
    wanted = drawn.labels() > 0
    assert (seen & wanted).sum() / wanted.sum() >= 0.97
    assert (seen & wanted).sum() / seen.sum() >= 0.97
