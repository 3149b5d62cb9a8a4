"""A model family made outside of the program: all of it is data."""

from pathlib import Path

FAMILY = Path(__file__).with_name("sketch.json")
