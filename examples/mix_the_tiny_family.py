"""A whole study in ten lines: search the best mix, measure it on prompts that the search never saw, save it."""

import lib_rimo

family = lib_rimo.demo_family()  # or: base, partners = "a.safetensors", ["b.safetensors", "c.safetensors"]
found = lib_rimo.mix(
    family.base,
    family.specialists,
    budget=64,  # images to search with; 640 find most of what there is
    unseen=4,  # prompts of the measurement; 400 make the interval narrow
    steps=4,  # of each image; left out, the models' own
    checked=0,  # images that check an epoch; 100 tell whether another one is worth it
    progress=lambda now: print(f"\r{now.message}, {now.images + now.measured} images", end=""),
)
print(f"\n{found}")
print(f"Saved {found.save(f'tiny-{found.study}')}")
