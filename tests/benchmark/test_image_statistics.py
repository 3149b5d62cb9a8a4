"""Statistics of pictures, what is usual among them, and diversity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib_rimo.benchmark.diversity import diversity, likeness
from lib_rimo.benchmark.image_statistics import LEAST_REFERENCE, NAMES, Usual, statistics


def scene(seed: int) -> Image.Image:
    """A coloured disc on a coloured ground, somewhere."""
    chance = np.random.default_rng(seed)
    ground, disc = chance.integers(40, 215, (2, 3))
    y, x = np.mgrid[:96, :96]
    inside = (x - chance.integers(20, 76)) ** 2 + (y - chance.integers(20, 76)) ** 2 < chance.integers(
        10, 30
    ) ** 2
    return Image.fromarray(np.where(inside[..., None], disc, ground).astype(np.uint8))


REFERENCE = np.array([statistics(scene(seed)) for seed in range(300)])


@given(
    st.integers(0, 10**6),
    st.sampled_from([(8, 8), (64, 64), (97, 33)]),
    st.sampled_from(["RGB", "L", "RGBA"]),
)
@settings(deadline=None, max_examples=40)
def test_statistics_are_finite_for_any_picture(seed, size, mode):
    """Noise, any size, any mode."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    found = statistics(Image.fromarray(pixels).convert(mode))
    assert found.shape == (len(NAMES),)
    assert np.isfinite(found).all()


def test_statistics_say_what_they_are_called():
    """Black, white, red and noise are told apart by the numbers of those names."""
    of = {
        name: dict(zip(NAMES, statistics(picture), strict=True))
        for name, picture in {
            "black": Image.new("RGB", (64, 64)),
            "white": Image.new("RGB", (64, 64), (255, 255, 255)),
            "red": Image.new("RGB", (64, 64), (255, 0, 0)),
            "noise": Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)),
        }.items()
    }
    assert of["black"]["black"] == 1
    assert of["white"]["white"] == 1
    assert of["red"]["saturation"] == 1
    assert of["red"]["warmth"] == 1
    assert of["noise"]["detail_fine"] > of["red"]["detail_fine"] + 3


def test_one_in_a_hundred_of_the_reference_is_unusual():
    """By definition of the limit; and about as many of other pictures of the same kind."""
    usual = Usual.of(REFERENCE)
    assert usual.unusual(REFERENCE).mean == pytest.approx(0.01, abs=0.004)
    others = np.array([statistics(scene(seed)) for seed in range(1000, 1300)])
    assert usual.unusual(others).mean < 0.06


@pytest.mark.parametrize("damage", ["noise", "burnt", "dark"])
def test_distorted_pictures_are_unusual(damage):
    """Noise, burnt colours and darkness are seen in most pictures."""
    rows = []
    for seed in range(2000, 2060):
        pixels = np.asarray(scene(seed)).astype(float)
        if damage == "noise":
            pixels += np.random.default_rng(seed).normal(0, 90, pixels.shape)
        pixels = (pixels - 128) * 6 + 128 if damage == "burnt" else pixels
        pixels = pixels * 0.05 if damage == "dark" else pixels
        rows.append(statistics(Image.fromarray(pixels.clip(0, 255).astype(np.uint8))))
    found = Usual.of(REFERENCE).unusual(rows)
    assert found.low > 0.5


def test_too_few_pictures_are_no_reference():
    """A covariance needs more pictures than it has rows."""
    with pytest.raises(ValueError, match="reference"):
        Usual.of(REFERENCE[: LEAST_REFERENCE - 1])
    constant = np.tile(REFERENCE[0], (LEAST_REFERENCE, 1))
    assert np.isfinite(Usual.of(REFERENCE[:LEAST_REFERENCE]).distances(constant)).all()


def test_diversity_is_zero_for_one_picture_and_one_for_nothing_in_common():
    """The two ends, and an interval around what is between."""
    same, other = np.ones((4, 3)), np.eye(4)
    assert likeness(same) == pytest.approx(1)
    assert likeness(other) == 0
    assert likeness(same[:1]) == 1
    assert diversity([1.0] * 20, 80).mean == 0
    mixed = diversity([1.0, 0.5] * 20, 160)
    assert mixed.low < mixed.mean == 0.25 < mixed.high
    with pytest.raises(ValueError, match="no prompts"):
        diversity([], 0)
