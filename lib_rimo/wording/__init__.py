"""What the program says to people: sentences, and the same in other languages."""
