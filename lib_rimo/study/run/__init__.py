"""Carrying a study out: from settings to the thread that draws."""
