"""What can be done with one of a study's mixes: drawn, lent, saved, frozen, repaired."""
