"""Measurements beside the studies: benchmarks and rank sweeps, in the background."""
