"""Recipes of other programs, read and written."""
