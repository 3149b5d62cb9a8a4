"""What every scorer has to keep to, as tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lib_rimo.benchmark.prompts import Prompt
from lib_rimo.benchmark.scorer import Reading, Scorer
from lib_rimo.benchmark.scoring import SCORERS, Scoring
from lib_rimo.benchmark.tag_accuracy import DECIMALS
from lib_rimo.benchmark.tagger import Tagger


class ColourTagger:
    """Sees how red, green, blue and light a picture is: enough of a tagger for pictures made of colours."""

    name = "colours"
    tags = ("red", "green", "blue", "light")
    threshold = 0.5

    def probabilities(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """See ``Tagger``."""
        means = [np.asarray(image.convert("RGB"), np.float32).mean(axis=(0, 1)) / 255 for image in images]
        return np.array([[*mean, mean.mean()] for mean in means], np.float32)


class ScorerTestCase:
    """The laws of a scorer. Subclass it in a test module, and name the scorer:

        class TestMine(ScorerTestCase):
            scorer = "my-name"

    Attributes:
        scorer: A name of ``SCORERS``.
    """

    scorer: str

    def tagger(self) -> Tagger:
        """The study's tagger. A scorer that needs more of one than ``ColourTagger`` has brings its own."""
        return ColourTagger()

    def prompts(self, count: int) -> list[Prompt]:
        """Prompts of the tagger's tags; those of one text differ in their seeds."""
        tags = self.tagger().tags
        asked = [tuple(tags[: 1 + i % min(3, len(tags))]) for i in range(count)]
        return [Prompt(i, of, ", ".join(of), "", i, 64, 48, 8, 4.0) for i, of in enumerate(asked)]

    def images(self) -> list[Image.Image]:
        """Pictures of several sizes: flat ones, half ones, noise, and a slope."""
        noise = np.random.default_rng(7).integers(0, 256, (48, 64, 3)).astype(np.uint8)
        half = np.zeros((64, 64, 3), np.uint8)
        half[:, 32:] = (255, 40, 0)
        slope = np.broadcast_to(np.linspace(0, 255, 96, dtype=np.uint8)[None, :, None], (32, 96, 3))
        flat = [Image.new("RGB", (64, 64), colour) for colour in ("black", "white", "red")]
        return [*flat, *(Image.fromarray(np.ascontiguousarray(array)) for array in (noise, half, slope))]

    def fresh(self) -> Scorer:
        """The scorer, as a study makes it."""
        return SCORERS[self.scorer](self.tagger())

    def read(self, images: Sequence[Image.Image]) -> list[Reading]:
        """Its readings of pictures, by a new one."""
        return list(self.fresh().score(self.prompts(len(images)), images))

    def test_every_picture_gets_one_value_between_0_and_1(self) -> None:
        """One reading per picture, whose value is a number in [0, 1]."""
        images = self.images()
        values = [float(reading.value) for reading in self.read(images)]
        assert len(values) == len(images)
        assert all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in values), values

    def test_the_same_pictures_get_the_same_values(self) -> None:
        """Neither chance nor earlier batches decide: a study that is gone on with scores as before."""
        images, scorer = self.images(), self.fresh()
        prompts = self.prompts(len(images))
        first, second = ([r.value for r in scorer.score(prompts, images)] for _ in range(2))
        assert first == second == [r.value for r in self.read(images)]

    def test_a_picture_is_judged_by_itself(self) -> None:
        """A reading does not depend on the other pictures of its batch, nor on their order, beyond last bits."""
        images, scorer = self.images(), self.fresh()
        prompts = self.prompts(len(images))
        together = [reading.value for reading in scorer.score(prompts, images)]
        backwards = [reading.value for reading in scorer.score(prompts[::-1], images[::-1])][::-1]
        alone = [scorer.score([p], [i])[0].value for p, i in zip(prompts, images, strict=True)]
        for other in (backwards, alone):
            assert np.allclose(together, other, rtol=0, atol=10**-DECIMALS), (together, other)

    def test_pictures_are_told_apart(self) -> None:
        """Not all of very different pictures get one value: a search would have nothing to go by."""
        assert len({round(reading.value, DECIMALS) for reading in self.read(self.images())}) > 1

    def test_hits_are_of_the_prompted_tags(self) -> None:
        """A scorer that looks for tags says of each one whether it is there, and how probably; others say nothing."""
        images = self.images()
        for prompt, reading in zip(self.prompts(len(images)), self.read(images), strict=True):
            assert len(reading.hits) == len(reading.probabilities)
            assert len(reading.hits) in (0, len(prompt.tags))
            assert all(0.0 <= p <= 1.0 for p in reading.probabilities)

    def test_pictures_are_left_as_they_are(self) -> None:
        """The pictures that are scored are those that the user sees."""
        images = self.images()
        before = [image.tobytes() for image in images]
        self.read(images)
        assert [image.tobytes() for image in images] == before

    def test_a_study_can_use_it(self) -> None:
        """Beside the tags it has a value in every score, and the tags' own numbers are what they are without it."""
        images, tagger = self.images(), self.tagger()
        prompts = self.prompts(len(images))
        plain = Scoring(tagger).score(prompts, images).scores
        scored = Scoring(tagger, [self.scorer]).score(prompts, images).scores
        assert [(s.hits, s.probabilities) for s in scored] == [(s.hits, s.probabilities) for s in plain]
        assert self.scorer == "tags" or all(set(s.values) == {self.scorer} for s in scored)
