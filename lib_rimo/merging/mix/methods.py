"""The merge methods: what comes with the program, and what packages add (``rimo.methods``)."""

from __future__ import annotations

from lib_rimo.merging.mix.method import MergeMethod, checked
from lib_rimo.merging.mix.weighted_sum import weighted_sum
from lib_rimo.registry import Registry

WEIGHTED_SUM = "weighted-sum"
"""What a recipe is mixed by that does not say."""

METHODS: Registry[MergeMethod] = Registry(
    "rimo.methods", "merge method", checked, {WEIGHTED_SUM: weighted_sum}
)
