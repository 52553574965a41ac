"""Post-training: data, methods, search."""
