"""Recipes and their arithmetic."""
