"""Rimo Random Mix: search block-wise merge weights of Stable Diffusion checkpoints.

As a library, see ``examples/``::

    import lib_rimo

    family = lib_rimo.demo_family()
    found = lib_rimo.mix(family.base, family.specialists, budget=640)
    print(found)
    found.save("my-mix")

What it offers is loaded when it is first used: importing the package is quick, and loads neither torch nor gradio.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Family",
    "Interval",
    "Measured",
    "Mix",
    "Partition",
    "Recipe",
    "RimoError",
    "SearchResult",
    "Snapshot",
    "bench",
    "demo_family",
    "load_partition",
    "make_recipe",
    "merge",
    "mix",
    "read_recipe",
    "run_search",
]

if TYPE_CHECKING:
    from lib_rimo.benchmark.interval import Interval
    from lib_rimo.errors import RimoError
    from lib_rimo.library.measuring import Measured, bench
    from lib_rimo.library.merge_files import make_recipe, merge
    from lib_rimo.library.mixing import Mix, mix
    from lib_rimo.library.recipe_file import read_recipe
    from lib_rimo.library.workplace import demo_family
    from lib_rimo.merging.mix.partition import Partition, load_partition
    from lib_rimo.merging.mix.recipe import Recipe
    from lib_rimo.search.run import SearchResult, run_search
    from lib_rimo.study.store.snapshot import Snapshot
    from lib_rimo.toy.family import Family
else:
    _ROOMS = {
        "benchmark.interval": ("Interval",),
        "errors": ("RimoError",),
        "library.measuring": ("Measured", "bench"),
        "library.merge_files": ("make_recipe", "merge"),
        "library.mixing": ("Mix", "mix"),
        "library.recipe_file": ("read_recipe",),
        "library.workplace": ("demo_family",),
        "merging.mix.partition": ("Partition", "load_partition"),
        "merging.mix.recipe": ("Recipe",),
        "search.run": ("SearchResult", "run_search"),
        "study.store.snapshot": ("Snapshot",),
        "toy.family": ("Family",),
    }
    _ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

    def __getattr__(name):  # noqa: ANN001, ANN202 -- the types stand above, for those who ask for them
        if name not in _ROOM_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
        globals()[name] = value
        return value

    def __dir__():  # noqa: ANN202 -- the same
        return sorted({*globals(), *__all__})
