"""Probes and benchmarks of bias, fairness and robustness."""
