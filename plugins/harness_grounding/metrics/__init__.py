"""Metrics of groundedness: what of an answer its source supports."""
