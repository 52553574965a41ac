"""Tasks and their metrics."""
