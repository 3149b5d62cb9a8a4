"""What a picture looks like in a dozen numbers, and whether that is usual among others.

A merge that was pushed too far draws pictures that a tagger may still read: too dark or too bright, burnt colours,
noise in the place of shapes. Such pictures leave the cloud that the pictures of sound checkpoints form in these
numbers.

Notation
    x[i]   statistics of picture i, ``(n_statistics,)``
    m, S   mean and covariance of the reference's pictures
    d[i]   distance of picture i: sqrt((x - m)^T S^-1 (x - m)) (Mahalanobis)
    t      the 99 % quantile of the reference's own distances
    unusual share = share of pictures with d > t; 1 % is what the reference itself has
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lib_rimo.benchmark.interval import LEVEL, Interval, share_interval

NAMES = (
    "brightness",
    "contrast",
    "saturation",
    "saturation_spread",
    "black",
    "white",
    "edges",
    "detail_fine",
    "detail_middle",
    "detail_coarse",
    "warmth",
    "green",
)
"""The statistics, in their order."""
SIDE = 64
"""Pictures are reduced to 64 pixels: shapes and noise are told apart there, and it costs a millisecond."""
USUAL = 0.99
"""Share of the reference's own pictures that count as usual."""
SHRINKAGE = 0.05
"""Part of the covariance that is replaced by its diagonal, so that few reference pictures suffice."""
LEAST_REFERENCE = 3 * len(NAMES)
"""Pictures of the reference below which a covariance of this size means nothing."""
_DARK, _BRIGHT = 8.0, 247.0
_FINE, _MIDDLE = 0.25, 0.1  # cycles per pixel of the reduced picture

Floats = NDArray[np.float64]


def statistics(image: Image.Image) -> Floats:
    """The statistics of a picture, ``(n_statistics,)``; shares lie in 0..1, details are logarithms of power."""
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float64)
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    top, bottom = pixels.max(axis=2), pixels.min(axis=2)
    saturation = (top - bottom) / np.maximum(top, 1.0)
    edges = np.abs(np.diff(light, axis=0)).mean() + np.abs(np.diff(light, axis=1)).mean()
    return np.array(
        [
            light.mean() / 255,
            light.std() / 255,
            saturation.mean(),
            saturation.std(),
            (light < _DARK).mean(),
            (light > _BRIGHT).mean(),
            edges / 255,
            *_details(light),
            (red - blue).mean() / 255,
            (green - (red + blue) / 2).mean() / 255,
        ]
    )


def _details(light: Floats) -> list[float]:
    """Logarithms of the power in fine, middle and coarse structures."""
    power = np.abs(np.fft.fft2(light - light.mean())) ** 2 / light.size**2
    step = np.fft.fftfreq(SIDE)
    frequency = np.hypot(step[:, None], step[None, :])
    bands = (frequency >= _FINE, (frequency >= _MIDDLE) & (frequency < _FINE), frequency < _MIDDLE)
    return [float(np.log10(power[band].sum() + 1e-3)) for band in bands]  # below a grey level's rounding


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual among a reference's pictures.

    Attributes:
        mean: ``(n_statistics,)``.
        precision: Inverse covariance, ``(n_statistics, n_statistics)``.
        limit: Distance from which a picture counts as unusual.
    """

    mean: Floats
    precision: Floats
    limit: float

    @classmethod
    def of(cls, reference: Sequence[Floats] | Floats) -> Usual:
        """Learns from a reference's pictures.

        Args:
            reference: Their statistics, ``(n, n_statistics)``; best those of all parents.

        Raises:
            ValueError: There are fewer than ``LEAST_REFERENCE``.
        """
        rows = np.asarray(reference, dtype=np.float64)
        if len(rows) < LEAST_REFERENCE:
            raise ValueError(f"{len(rows)} reference pictures, at least {LEAST_REFERENCE} are needed")
        covariance = np.cov(rows, rowvar=False)
        diagonal = np.diag(
            np.diag(covariance) + 1e-8
        )  # a statistic that never varies must not divide by zero
        precision: Floats = np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * diagonal)
        mean: Floats = np.asarray(rows.mean(axis=0), dtype=np.float64)
        limit = float(np.quantile(_distances(rows, mean, precision), USUAL))
        return cls(mean, precision, limit)

    def distances(self, pictures: Sequence[Floats] | Floats) -> Floats:
        """Distance of each picture in units of the limit: above 1 is unusual; ``(n,)``."""
        rows = np.asarray(pictures, dtype=np.float64)
        return _distances(rows, self.mean, self.precision) / self.limit

    def unusual(self, pictures: Sequence[Floats] | Floats, *, level: float = LEVEL) -> Interval:
        """Share of unusual pictures, with its interval.

        Args:
            pictures: Their statistics, ``(n, n_statistics)``, each of another prompt.
            level: Coverage of the interval.
        """
        found = (self.distances(pictures) > 1.0).astype(np.float64)
        mean, low, high = share_interval(found, np.ones_like(found), level)
        return Interval(mean, low, high, len(found), len(found), level)


def _distances(rows: Floats, mean: Floats, precision: Floats) -> Floats:
    away = rows - mean
    squares: Floats = np.einsum("ij,jk,ik->i", away, precision, away)
    found: Floats = np.sqrt(np.maximum(squares, 0.0))
    return found
