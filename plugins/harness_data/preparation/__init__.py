"""Training data before training: what is in it, cleaned, and split without leaks."""
