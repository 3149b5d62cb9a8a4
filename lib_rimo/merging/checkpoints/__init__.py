"""Checkpoint files: opened with suspicion, recognised, named."""
