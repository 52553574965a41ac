"""Which way to compute is used, and how its answers are checked."""
