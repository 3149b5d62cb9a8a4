"""What can be said of a study from its record."""
