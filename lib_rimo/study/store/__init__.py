"""The studies of a folder: found, shown and thrown away."""
