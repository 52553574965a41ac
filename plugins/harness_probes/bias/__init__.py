"""Benchmarks of social bias."""
