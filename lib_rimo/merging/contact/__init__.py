"""Contact fusion: shapes taken back by a difference of low rank."""
