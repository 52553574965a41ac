"""Is it true of its source: metrics of groundedness, and whether metrics agree with people."""
