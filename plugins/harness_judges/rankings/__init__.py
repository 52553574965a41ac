"""Several systems in order, from preferences between pairs of their answers."""
