"""Rimo Random Mix: search block-wise merge weights of Stable Diffusion checkpoints."""

__version__ = "0.1.0"
