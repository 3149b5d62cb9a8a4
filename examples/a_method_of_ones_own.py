"""A merge method of one's own: one function on numbers. All else asks the method what it needs to know."""

import dataclasses
import tempfile
from pathlib import Path

import torch

import lib_rimo
from lib_rimo.merging.mix.method import merge_method
from lib_rimo.merging.mix.methods import METHODS


@merge_method()
def larger_change(base, partners, weights):
    """Of the partners' weighted changes the largest one, number by number."""
    changes = torch.stack([weight * (one - base) for one, weight in zip(partners, weights, strict=True)])
    largest = changes.abs().argmax(dim=0, keepdim=True)
    return base + changes.gather(0, largest)[0]


# A package of its own does this by an entry point in the group "rimo.methods".
METHODS.register("larger-change", larger_change)

family = lib_rimo.demo_family()
recipe = lib_rimo.make_recipe(family.base, family.specialists, 0.8)
recipe = dataclasses.replace(recipe, method="larger-change")
path = lib_rimo.merge(recipe, out=Path(tempfile.mkdtemp()) / "larger-change.safetensors")
print(f"Merged without a search: {path}")

found = lib_rimo.mix(
    family.base,
    family.specialists[:2],
    method="larger-change",
    budget=64,  # see mix_the_tiny_family.py
    unseen=4,
    steps=4,
    checked=0,
)
print(found)
