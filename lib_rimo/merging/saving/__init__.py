"""Merged checkpoints as files, and what they say of their parents."""
