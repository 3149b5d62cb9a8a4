"""Merged weights in a running model, and the way back."""
