"""What draws recipes: this program's host with swapped weights, or something outside this process."""
