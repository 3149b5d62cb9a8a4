"""The drawn world of the tiny family: 64 x 64 px scenes, each described by tags.

A scene has one tag of each category (the effect may be absent). Any choice of at most
one tag per category is drawable, so no random prompt contradicts itself. Everything is
drawn at three times the size and reduced by box averaging.

Every tag is a single word and a single token of OpenAI CLIP's vocabulary, so the family
can be widened to full Stable Diffusion 1.5 shapes without changing its prompts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIZE = 64
"""Side of a scene in pixels."""
_UP = 3
_BIG = SIZE * _UP

CATEGORIES: dict[str, tuple[str, ...]] = {
    "object": ("circle", "square", "triangle", "star", "heart", "cross"),
    "colour": ("red", "yellow", "green", "aqua", "blue", "purple", "white"),
    "count": ("solo", "duo"),
    "position": ("left", "right", "top", "bottom", "centered"),
    "size": ("small", "large"),
    "background": (
        "plain", "night", "sunset", "meadow", "ocean", "desert", "striped", "checked",
    ),
    "effect": ("frame", "clouds", "rainbow", "sun"),
}  # fmt: skip
TAGS: tuple[str, ...] = tuple(tag for tags in CATEGORIES.values() for tag in tags)
TAG_INDEX: dict[str, int] = {tag: i for i, tag in enumerate(TAGS)}
EFFECT_SHARE = 0.7
"""Share of scenes that have an effect."""

Colour = tuple[int, int, int]
Point = tuple[float, float]

_COLOURS: dict[str, Colour] = {
    "red": (224, 32, 36), "yellow": (252, 220, 28), "green": (30, 150, 48),
    "aqua": (40, 226, 224), "blue": (36, 64, 216), "purple": (146, 40, 190),
    "white": (255, 255, 255),
}  # fmt: skip
# Radius in px by (count, size); two large objects still fit side by side.
_RADIUS = {("solo", "small"): 10.8, ("solo", "large"): 17.5,
           ("duo", "small"): 9.6, ("duo", "large"): 13.6}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """One drawn scene.

    Attributes:
        image: uint8 RGB, shape ``(64, 64, 3)``.
        tags: chosen tag per category; a category that is not shown is missing.
        mask: share of object pixels per latent cell, float32, shape ``(8, 8)``.
    """

    image: NDArray[np.uint8]
    tags: dict[str, str]
    mask: NDArray[np.float32]


def random_tags(rng: np.random.Generator) -> dict[str, str]:
    """Choose one tag of every category; the effect only in ``EFFECT_SHARE`` of cases."""
    tags = {name: str(rng.choice(words)) for name, words in CATEGORIES.items()}
    if rng.random() >= EFFECT_SHARE:
        del tags["effect"]
    return tags


def draw(tags: dict[str, str], rng: np.random.Generator, *, blob: bool = False) -> Scene:
    """Draw a scene.

    Args:
        tags: one tag per category; without ``count`` the scene stays empty, the effect
            may be missing too.
        rng: source of the jitter of places, sizes and shades.
        blob: draw a shapeless patch in place of the object (tagger training only).

    Returns:
        The scene; ``tags`` is stored as given.
    """
    image = _background(tags["background"], rng)
    effect = tags.get("effect")
    if effect is not None and effect != "frame":
        _effect_behind(image, effect, rng)
    mask = Image.new("L", (_BIG, _BIG), 0)
    if "count" in tags:
        radius = _RADIUS[tags["count"], tags["size"]] * rng.uniform(0.96, 1.04)
        jitter = rng.uniform(-1.2, 1.2, 2)
        for x, y in _places(tags["count"], tags["position"]):
            centre = (x + jitter[0], y + jitter[1])
            points = _blob(centre, radius, rng) if blob else _shape(tags["object"], centre, radius)
            fill = _shade(_COLOURS[tags["colour"]], rng, 6)
            _paint(image, mask, points, fill)
    if effect == "frame":
        _frame(image, rng)
    small = image.resize((SIZE, SIZE), Image.Resampling.BOX)
    cells = mask.resize((8, 8), Image.Resampling.BOX)
    covered = (np.asarray(cells, np.float32) / np.float32(255)).astype(np.float32)
    return Scene(np.asarray(small, np.uint8), dict(tags), covered)


def labels(tags: dict[str, str]) -> NDArray[np.float32]:
    """Return the 0/1 vector of ``tags`` over :data:`TAGS`, shape ``(n_tags,)``."""
    vector = np.zeros(len(TAGS), np.float32)
    for tag in tags.values():
        vector[TAG_INDEX[tag]] = 1.0
    return vector


def _shade(colour: Colour, rng: np.random.Generator, spread: int) -> Colour:
    shift = rng.integers(-spread, spread + 1, 3)
    red, green, blue = (int(np.clip(c + s, 0, 255)) for c, s in zip(colour, shift, strict=True))
    return red, green, blue


def _places(count: str, position: str) -> list[Point]:
    """Centres in px; a pair lies along the edge that its position names."""
    if count == "solo":
        solo = {"left": (19, 32), "right": (45, 32), "top": (32, 19), "bottom": (32, 45)}
        return [solo.get(position, (32, 32))]
    near, far = 17, 47
    pairs = {
        "left": [(near, near), (near, far)],
        "right": [(far, near), (far, far)],
        "top": [(near, near), (far, near)],
        "bottom": [(near, far), (far, far)],
    }
    return list(pairs.get(position, [(near, 32), (far, 32)]))


def _shape(name: str, centre: Point, radius: float) -> list[Point]:
    """Outline of an object in px."""
    unit: list[Point]
    if name == "circle":
        unit = [_polar(0.95, 2 * math.pi * i / 40) for i in range(40)]
    elif name == "square":
        unit = [(-0.84, -0.84), (0.84, -0.84), (0.84, 0.84), (-0.84, 0.84)]
    elif name == "triangle":
        unit = [(0, -1.0), (1.05, 0.85), (-1.05, 0.85)]
    elif name == "star":
        unit = [_polar(1.12 if i % 2 == 0 else 0.46, math.pi * (i / 5 - 0.5)) for i in range(10)]
    elif name == "heart":
        unit = []
        for i in range(40):
            t = 2 * math.pi * i / 40
            y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
            unit.append((16 * math.sin(t) ** 3 / 16.0, (-y - 1.5) / 15.0))
    else:
        a, b = 0.36, 1.0
        unit = [(-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a), (a, b), (-a, b), (-a, a),
                (-b, a), (-b, -a), (-a, -a)]  # fmt: skip
    return [(centre[0] + radius * x, centre[1] + radius * y) for x, y in unit]


def _blob(centre: Point, radius: float, rng: np.random.Generator) -> list[Point]:
    """A smooth patch that is none of the objects."""
    phases = rng.uniform(0, 2 * math.pi, 3)
    sizes = rng.uniform(0.1, 0.3, 3)
    points = []
    for i in range(48):
        angle = 2 * math.pi * i / 48
        waves = sum(
            s * math.sin((k + 2) * angle + p) for k, (s, p) in enumerate(zip(sizes, phases, strict=True))
        )
        x, y = _polar(0.85 * (1 + waves), angle)
        points.append((centre[0] + radius * x, centre[1] + radius * y))
    return points


def _polar(radius: float, angle: float) -> Point:
    return radius * math.cos(angle), radius * math.sin(angle)


def _paint(image: Image.Image, mask: Image.Image, points: list[Point], fill: Colour) -> None:
    """Fill an outline and edge it with 1.3 px of near black."""
    big = [(x * _UP, y * _UP) for x, y in points]
    draw = ImageDraw.Draw(image)
    draw.polygon(big, fill=fill)
    draw.line([*big, big[0], big[1]], fill=(12, 12, 16), width=4, joint="curve")
    ImageDraw.Draw(mask).polygon(big, fill=255)


def _gradient(stops: list[Colour], top: int, bottom: int) -> NDArray[np.uint8]:
    """Vertical run of colours, shape ``(bottom - top, _BIG, 3)``."""
    at = np.linspace(0, len(stops) - 1, bottom - top)
    table = np.asarray(stops, np.float64)
    rows = np.stack([np.interp(at, np.arange(len(stops)), table[:, c]) for c in range(3)], 1)
    return np.repeat(rows[:, None, :], _BIG, 1).astype(np.uint8)


def _background(name: str, rng: np.random.Generator) -> Image.Image:
    def tone(*colour: int) -> Colour:
        return _shade((colour[0], colour[1], colour[2]), rng, 5)

    pixels = np.empty((_BIG, _BIG, 3), np.uint8)
    horizon = int(_BIG * rng.uniform(0.46, 0.54))
    if name == "plain":
        pixels[:] = tone(196, 196, 200)
    elif name == "night":
        pixels[:] = _gradient([tone(14, 14, 44), tone(34, 30, 78)], 0, _BIG)
    elif name == "sunset":
        pixels[:] = _gradient([tone(98, 44, 120), tone(232, 96, 72), tone(255, 190, 84)], 0, _BIG)
    elif name == "meadow":
        pixels[:horizon] = tone(168, 214, 250)
        pixels[horizon:] = _gradient([tone(132, 200, 84), tone(92, 168, 60)], horizon, _BIG)
    elif name == "ocean":
        pixels[:horizon] = tone(206, 232, 250)
        pixels[horizon:] = _gradient([tone(44, 128, 196), tone(12, 62, 130)], horizon, _BIG)
    elif name == "desert":
        pixels[:horizon] = tone(252, 226, 168)
        pixels[horizon:] = _gradient([tone(222, 170, 96), tone(190, 130, 66)], horizon, _BIG)
    elif name == "striped":
        bands = ((np.arange(_BIG) + int(rng.integers(0, 16 * _UP))) // (8 * _UP)) % 2
        pair = np.asarray([tone(250, 206, 218), tone(206, 112, 146)], np.uint8)
        pixels[:] = pair[bands][None]
    else:
        band = (np.arange(_BIG) // (16 * _UP)) % 2
        pair = np.asarray([tone(226, 238, 226), tone(96, 140, 128)], np.uint8)
        pixels[:] = pair[band[:, None] ^ band[None, :]]
    image = Image.fromarray(pixels)
    if name == "night":
        draw = ImageDraw.Draw(image)
        for corner in ((8, 8), (54, 10), (9, 54), (55, 55)):
            x, y = (_UP * (v + rng.uniform(-3, 3)) for v in corner)
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(250, 248, 214))
    return image


def _effect_behind(image: Image.Image, name: str, rng: np.random.Generator) -> None:
    """Draw what lies between the background and the objects."""
    draw = ImageDraw.Draw(image)
    if name == "sun":
        x, y = _UP * (54 + rng.uniform(-1.5, 1.5)), _UP * (10 + rng.uniform(-1.5, 1.5))
        for i in range(10):
            ray = _polar(15 * _UP, 2 * math.pi * i / 10)
            draw.line((x, y, x + ray[0], y + ray[1]), fill=(255, 176, 20), width=6)
        draw.ellipse((x - 27, y - 27, x + 27, y + 27), fill=(255, 214, 24), outline=(236, 130, 10), width=5)
    elif name == "clouds":
        for cx, cy in ((13, 8), (47, 11)):
            x, y = _UP * (cx + rng.uniform(-2, 2)), _UP * (cy + rng.uniform(-1.5, 1.5))
            puffs = ((-7, 2, 5), (0, -1, 7), (7, 2, 5))
            for grow, fill in ((3, (120, 128, 146)), (0, (252, 252, 255))):
                for dx, dy, r in puffs:
                    a, b, c = x + dx * _UP, y + dy * _UP, r * _UP + grow
                    draw.ellipse((a - c, b - c, a + c, b + c), fill=fill)
    else:
        x, y = _UP * (32 + rng.uniform(-2, 2)), _UP * (60 + rng.uniform(-2, 2))
        arcs = ((226, 40, 40), (250, 150, 30), (250, 226, 50), (60, 180, 70), (50, 110, 220), (140, 60, 190))
        for i, colour in enumerate(arcs):
            reach = _UP * (56 - 3.2 * i)
            # An arc only: the ground below it keeps the background's colours.
            box = (x - reach, y - reach, x + reach, y + reach)
            draw.arc(box, 180, 360, fill=colour, width=round(3.4 * _UP))


def _frame(image: Image.Image, rng: np.random.Generator) -> None:
    """A 4-px brown frame with a light inner edge."""
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, _BIG - 1, _BIG - 1), outline=_shade((110, 62, 24), rng, 6), width=4 * _UP)
    inner = 4 * _UP
    draw.rectangle((inner, inner, _BIG - 1 - inner, _BIG - 1 - inner), outline=(232, 200, 130), width=_UP)
