"""Two checkpoints merged into one file, then a few block groups with weights of their own."""

import tempfile
from pathlib import Path

import lib_rimo

family = lib_rimo.demo_family()  # or files of your own
base, partner = family.base, family.specialists[0]
folder = Path(tempfile.mkdtemp())

half = lib_rimo.merge(base, [partner], 0.5, out=folder / "half.safetensors")
print(f"Half of each: {half}")

print("Block groups:", ", ".join(lib_rimo.load_partition("theater").groups))
recipe = lib_rimo.make_recipe(base, [partner], {"mid": 0.3, "text": 0.8})
own = lib_rimo.merge(recipe, out=folder / "own.safetensors", number_type="fp16")
print(f"A third of the middle, most of the text encoder: {own}")

# A merged file knows how it came about.
assert lib_rimo.read_recipe(own).weights == recipe.weights
