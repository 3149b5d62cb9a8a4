"""Train and export the embedded tiny Stable Diffusion family.

Run as ``python -m tools.toy_family all --seed 7 --out FOLDER``; every stage keeps its
result in FOLDER and is skipped when that result is already there.
"""
