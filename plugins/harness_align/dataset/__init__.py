"""Training data: reading, making, checking."""
