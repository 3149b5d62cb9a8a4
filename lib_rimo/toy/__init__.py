"""The embedded tiny Stable Diffusion family: a base, its specialists and a tagger."""

from __future__ import annotations

from lib_rimo.toy.family import Family, unpack

__all__ = ["Family", "unpack"]
