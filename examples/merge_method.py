"""A merge method of one's own: one function. In a package, an entry point under ``rimo.methods`` registers it."""

import tempfile
from pathlib import Path

import torch

import lib_rimo
from lib_rimo.merging import METHODS, merge_method


@merge_method()
def larger_change(base, partners, weights):
    """Of the partners' weighted changes the larger one, element by element."""
    changes = torch.stack([w * (p - base) for p, w in zip(partners, weights, strict=True)])
    largest = changes.abs().argmax(dim=0, keepdim=True)
    return base + changes.gather(0, largest)[0]


METHODS.register("example", larger_change, "this example")

family = lib_rimo.demo_family()  # or files of your own
recipe = lib_rimo.make_recipe(family.base, family.specialists[:2], [0.8, 0.6], method="example")
print(f"Saved {lib_rimo.merge(recipe, out=Path(tempfile.mkdtemp()) / 'larger.safetensors')}")
